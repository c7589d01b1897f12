using System.Globalization;
using System.Text;
using Agora.Rest;

namespace Agora.Web.Shop;

/// <summary>
/// What a user searches for. All of it stands in the URL, so a search can be kept, shared and gone back to.
/// </summary>
public sealed class ItemSearch
{
    /// <summary>The field of the words.</summary>
    public const string WordsField = "q";

    /// <summary>The field of the lowest price.</summary>
    public const string MinField = "min";

    /// <summary>The field of the highest price.</summary>
    public const string MaxField = "max";

    /// <summary>The field of the category.</summary>
    public const string CategoryField = "category";

    /// <summary>The field of the condition.</summary>
    public const string ConditionField = "condition";

    private const string CursorField = "cursor";

    // The bounds of keywords, in docs/rest.md.
    private const int MaxKeywords = 5;
    private const int MaxKeywordLength = 8;
    private const int MaxWordsLength = 100;
    private const int MaxCursorLength = 500;

    /// <summary>The category; null for all.</summary>
    public int? Category { get; private init; }

    /// <summary>The words as the user wrote them.</summary>
    public string Words { get; private init; } = "";

    /// <summary>The words that are searched for.</summary>
    public IReadOnlyList<string> Keywords { get; private init; } = [];

    /// <summary>Some words were too long, or too many: <see cref="Keywords"/> holds less than the user wrote.</summary>
    public bool IsShortened { get; private init; }

    /// <summary>Only items of this condition; null for both.</summary>
    public ItemCondition? Condition { get; private init; }

    /// <summary>The lowest price as the user wrote it.</summary>
    public string MinText { get; private init; } = "";

    /// <summary>The highest price as the user wrote it.</summary>
    public string MaxText { get; private init; } = "";

    /// <summary>What is wrong with the fields.</summary>
    public FormErrors Errors { get; } = new();

    /// <summary>The page of the list; null for the first.</summary>
    internal string? Cursor { get; private init; }

    /// <summary>Some items of the category that match the words may be left out.</summary>
    public bool HasFilter => Condition is not null || Min is not null || Max is not null;

    /// <summary>This is the first page of the list.</summary>
    public bool IsFirst => Cursor is null;

    private decimal? Min { get; init; }

    private decimal? Max { get; init; }

    internal static ItemSearch Of(Func<string, string> parameter)
    {
        var words = parameter(WordsField).Trim();
        if (words.Length > MaxWordsLength)
        {
            words = words[..MaxWordsLength];
        }

        string[] all = [.. words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Distinct()];
        string[] kept = [.. all.Take(MaxKeywords).Select(Shortened)];
        var (minText, maxText) = (parameter(MinField).Trim(), parameter(MaxField).Trim());
        var search = new ItemSearch
        {
            Category = int.TryParse(
                parameter(CategoryField),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var category
            )
                ? category
                : null,
            Words = words,
            Keywords = kept,
            IsShortened = !kept.SequenceEqual(all),
            Condition = parameter(ConditionField) switch
            {
                "new" => ItemCondition.New,
                "used" => ItemCondition.Used,
                _ => null,
            },
            MinText = minText,
            MaxText = maxText,
            Min = Money.Parse(minText),
            Max = Money.Parse(maxText),
            Cursor = parameter(CursorField) is { Length: > 0 and <= MaxCursorLength } cursor ? cursor : null,
        };
        if (minText.Length > 0 && search.Min is null)
        {
            search.Errors.Add(MinField, "Write the lowest price as a number, like 20.");
        }

        if (maxText.Length > 0 && search.Max is null)
        {
            search.Errors.Add(MaxField, "Write the highest price as a number, like 150.");
        }

        return search;
    }

    internal bool Fits(Item item) =>
        (Condition is null || item.Condition == Condition)
        && (Min is null || item.Price >= Min)
        && (Max is null || item.Price <= Max);

    /// <summary>The URL of this search, with some of it changed.</summary>
    /// <param name="category">Another category.</param>
    /// <param name="cursor">A page of the list; null for the first.</param>
    /// <param name="all">Without the filters.</param>
    public string Url(int? category = null, string? cursor = null, bool all = false)
    {
        StringBuilder url = new("/items");
        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                url.Append(url.Length == "/items".Length ? '?' : '&')
                    .Append(name)
                    .Append('=')
                    .Append(Uri.EscapeDataString(value));
            }
        }

        Add(CategoryField, (category ?? Category)?.ToString(CultureInfo.InvariantCulture));
        Add(WordsField, Words);
        if (!all)
        {
            Add(
                ConditionField,
                Condition switch
                {
                    ItemCondition.New => "new",
                    ItemCondition.Used => "used",
                    _ => null,
                }
            );
            Add(MinField, Min is null ? null : MinText);
            Add(MaxField, Max is null ? null : MaxText);
        }

        Add(CursorField, cursor);
        return url.ToString();
    }

    // A keyword has at most eight characters. The beginning of a longer word finds what has that beginning.
    private static string Shortened(string word) =>
        word.EnumerateRunes().Count() <= MaxKeywordLength
            ? word
            : string.Concat(word.EnumerateRunes().Take(MaxKeywordLength).Select(rune => rune.ToString()));
}
