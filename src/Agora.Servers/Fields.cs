using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Agora.Servers;

/// <summary>
/// The fields of one request, from its body or its query. A handler reads each once; everything wrong with any of them is
/// collected, and a field that it did not read is unknown and wrong too. Only when <see cref="Refusal"/> then is null do the
/// values mean anything.
/// </summary>
internal sealed class Fields
{
    /// <summary>With <see cref="MaxUnits"/> low enough that no total of a cart comes near the end of an Int64.</summary>
    public const long MaxPriceCents = 999_999_999;

    public const int MaxUnits = 1_000_000;

    private static readonly JsonDocumentOptions s_json = new() { MaxDepth = 16 };

    private readonly Dictionary<string, Value> _values = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string[]> _errors = new(StringComparer.Ordinal);
    private Refusal? _unreadable;

    private Fields() { }

    /// <summary>Why this request cannot be served, once the handler has read all of its fields; null if it can.</summary>
    public Refusal? Refusal
    {
        get
        {
            foreach (var unknown in _values.Keys)
            {
                Wrong<int>(Shown(unknown), "is not a field of this call");
            }
            return _unreadable ?? (_errors.Count == 0 ? null : Refusal.Invalid(_errors));
        }
    }

    /// <summary>The query's parameters.</summary>
    public static Fields OfQuery(HttpRequest request)
    {
        var fields = new Fields();
        foreach (var (name, values) in request.Query)
        {
            fields._values[name] = Value.Of([.. values.Select(value => value ?? "")]);
        }
        return fields;
    }

    /// <summary>
    /// The properties of the JSON object in the body. Kestrel ends a body that is too long with a <see cref="BadHttpRequestException"/>.
    /// </summary>
    public static async Task<Fields> OfBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var fields = new Fields();
        if (!IsJson(request.ContentType))
        {
            fields._unreadable = Refusal.OfStatus(415);
            return fields;
        }
        try
        {
            using var document = await JsonDocument.ParseAsync(request.Body, s_json, cancellationToken);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                fields._unreadable = Refusal.Invalid("body", "must be a JSON object");
                return fields;
            }
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!fields._values.TryAdd(property.Name, Value.Of(property.Value)))
                {
                    fields._unreadable = Refusal.Invalid(Shown(property.Name), "is given twice");
                    return fields;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape such as \ud800, half a character.
            fields._unreadable = Refusal.Invalid("body", "must be a JSON object in UTF-8");
        }
        return fields;
    }

    /// <summary>A text of one line; white space around it is dropped.</summary>
    public string Line(string name, int maxLength) => OptionalLine(name, maxLength, required: true) ?? "";

    public string? OptionalLine(string name, int maxLength, bool required = false) =>
        Take(name, required) is not { } value ? null
        : value.Word is not { } word ? Wrong<string>(name, "must be a text")
        : WrongLine(word.Trim(), maxLength) is { } wrong ? Wrong<string>(name, wrong)
        : word.Trim();

    /// <summary>A text of any characters, exactly as it is.</summary>
    public string Exactly(string name, int maxLength) =>
        Text(name, word => Length(word) is var length && length >= 1 && length <= maxLength ? null : LengthRule(maxLength));

    /// <summary>A text in which <paramref name="whatIsWrong"/> finds nothing wrong.</summary>
    public string Text(string name, Func<string, string?> whatIsWrong) =>
        (Take(name) is not { } value ? null
        : value.Word is not { } word ? Wrong<string>(name, "must be a text")
        : whatIsWrong(word) is { } wrong ? Wrong<string>(name, wrong)
        : word) ?? "";

    /// <summary>One of two words: whether it is the first.</summary>
    public bool Either(string name, string first, string second) =>
        Text(name, word => word == first || word == second ? null : $"must be {first} or {second}") == first;

    public int Integer(string name, int min, int max) => OptionalInteger(name, min, max, required: true) ?? min;

    public int? OptionalInteger(string name, int min, int max, bool required = false) =>
        Take(name, required) is not { } value ? null
        : value.Number is not { } number || decimal.Truncate(number) != number ? Wrong<int?>(name, "must be an integer")
        : number < min || number > max ? Wrong<int?>(name, string.Create(CultureInfo.InvariantCulture, $"must be {min} to {max}"))
        : (int)number;

    /// <summary>An amount of money, more than nothing, as integer cents.</summary>
    public long Cents(string name) =>
        Take(name) is not { } value ? 0
        : value.Number is not { } number ? Wrong<long>(name, "must be a number")
        : number <= 0 ? Wrong<long>(name, "must be more than 0")
        : number > MaxPriceCents / 100m
            ? Wrong<long>(name, string.Create(CultureInfo.InvariantCulture, $"must be at most {MaxPriceCents / 100m}"))
        : decimal.Round(number, 2) != number ? Wrong<long>(name, "must have at most two decimals")
        : (long)(number * 100);

    /// <summary>Short texts; none where the field is missing. One that comes again, whatever its case, counts once.</summary>
    public List<string> Words(string name, int maxCount, int maxLength)
    {
        var words = new List<string>();
        if (Take(name, required: false, many: true) is not { } value)
        {
            return words;
        }
        if (value.Words is not { } given)
        {
            Wrong<int>(name, "must be a list of texts");
            return words;
        }
        if (given.Length > maxCount)
        {
            Wrong<int>(name, string.Create(CultureInfo.InvariantCulture, $"must be at most {maxCount}"));
            return words;
        }
        foreach (var word in given.Select(word => word.Trim()))
        {
            if (WrongLine(word, maxLength) is { } wrong)
            {
                Wrong<int>(name, $"each {wrong}");
            }
            else if (!words.Contains(word, StringComparer.OrdinalIgnoreCase))
            {
                words.Add(word);
            }
        }
        return words;
    }

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && string.Equals(type.MediaType, "application/json", StringComparison.OrdinalIgnoreCase)
        && (type.CharSet is null || string.Equals(type.CharSet.Trim('"'), "utf-8", StringComparison.OrdinalIgnoreCase));

    // The last two of the basic plane cannot be said in XML, in which payments are asked.
    private static string? WrongLine(string line, int maxLength) =>
        Length(line) is var length && (length < 1 || length > maxLength) ? LengthRule(maxLength)
        : line.EnumerateRunes().Any(rune => Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029 or 0xFFFE or 0xFFFF) ? "must have no control characters"
        : null;

    private static int Length(string text)
    {
        var length = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            length++;
        }
        return length;
    }

    private static string LengthRule(int maxLength) =>
        string.Create(CultureInfo.InvariantCulture, $"must have 1 to {maxLength} characters");

    private static string Shown(string name) => name.Length <= 40 ? name : name[..40];

    // A field that is null is a field that is not there.
    private Value? Take(string name, bool required = true, bool many = false)
    {
        if (!_values.Remove(name, out var value) || value.IsNull)
        {
            return required && _unreadable is null ? Wrong<Value?>(name, "is missing") : null;
        }
        return value.IsMany && !many ? Wrong<Value?>(name, "is given twice") : value;
    }

    private T? Wrong<T>(string name, string what)
    {
        _errors[name] = [what];
        return default;
    }

    /// <summary>What a field holds, in every way in which it may be read.</summary>
    private readonly record struct Value(string? Word, decimal? Number, string[]? Words, bool IsNull = false, bool IsMany = false)
    {
        public static Value Of(string[] parameter) =>
            parameter is not [var one] ? new(null, null, parameter, IsMany: true)
            : long.TryParse(one, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? new(one, number, parameter)
            : new(one, null, parameter);

        public static Value Of(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.String => new(element.GetString(), null, null),
            JsonValueKind.Number => new(null, element.TryGetDecimal(out var number) ? number : decimal.MaxValue, null),
            JsonValueKind.Array when element.EnumerateArray().All(word => word.ValueKind == JsonValueKind.String) =>
                new(null, null, [.. element.EnumerateArray().Select(word => word.GetString()!)]),
            JsonValueKind.Null => new(null, null, null, IsNull: true),
            _ => default,
        };
    }
}
