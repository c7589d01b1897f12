using System.Collections.Frozen;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Agora.Servers;

/// <summary>
/// The fields of one request, from its body or its query. A handler reads each once; everything wrong with any of them is
/// collected, and a field that it did not read is unknown and wrong too. Only when <see cref="Refusal"/> then is null do the
/// values mean anything.
/// </summary>
internal sealed class Fields
{
    public const int MaxUnits = Bounds.MaxUnits;

    private static readonly JsonDocumentOptions s_json = new() { MaxDepth = 16 };

    // Neither they nor anything made of them leaves the call.
    private static readonly FrozenSet<string> s_secrets =
        FrozenSet.Create(StringComparer.Ordinal, "password", "cardholderName", "cardNumber", "expirationDate", "securityCode");

    private readonly SortedDictionary<string, string[]> _read = new(StringComparer.Ordinal);
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

    /// <summary>What has been read, by name, in one spelling for each value: without secrets.</summary>
    public IEnumerable<KeyValuePair<string, string[]>> Values => _read;

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
        if (!StringValues.IsNullOrEmpty(request.Headers.ContentEncoding)
            && !string.Equals(request.Headers.ContentEncoding, "identity", StringComparison.OrdinalIgnoreCase))
        {
            fields._unreadable = Refusal.EncodedBody;
            return fields;
        }
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

    /// <summary>A name of a person or an item.</summary>
    public string Name(string name, int maxLength = Bounds.MaxName) => Read(name, TextKind.Name, maxLength) ?? "";

    public WrittenText Username(string name) =>
        Read(name, TextKind.Username, Bounds.MaxUsername) is { } username ? new(username, UnicodeText.Fold(username)) : new("", "");

    /// <summary>A password for a new account.</summary>
    public string NewPassword(string name) => Password(name, Bounds.MinPassword);

    /// <summary>A password to compare: accounts of before may have shorter ones than new ones have.</summary>
    public string Password(string name) => Password(name, 1);

    /// <summary>Keywords; none where the field is missing. One that comes again, whatever its case, counts once.</summary>
    public IReadOnlyList<WrittenText> Keywords(string name)
    {
        var keywords = new List<WrittenText>();
        foreach (var word in Many(name, Bounds.MaxKeywords))
        {
            var (keyword, wrong) = UnicodeText.Read(word, TextKind.Keyword, Bounds.MaxKeyword);
            if (keyword is null)
            {
                Wrong<int>(name, $"each {wrong}");
            }
            else if (UnicodeText.Fold(keyword) is var key && !keywords.Any(other => other.Key == key))
            {
                keywords.Add(new(keyword, key));
            }
        }
        Remember(name, [.. keywords.Select(keyword => keyword.Written)]);
        return keywords;
    }

    /// <summary>Where a page begins: what the page before gave, or null.</summary>
    public string? Cursor() => OptionalLine("cursor", Bounds.MaxCursor);

    /// <summary>How many of a list at most.</summary>
    public int Limit() => OptionalInteger("limit", 1, Bounds.MaxPage) ?? Bounds.Page;

    /// <summary>A text of one line; white space around it is dropped.</summary>
    public string Line(string name, int maxLength) => OptionalLine(name, maxLength, required: true) ?? "";

    public string? OptionalLine(string name, int maxLength, bool required = false) =>
        Take(name, required) is not { } value ? null
        : value.Word is not { } word ? Wrong<string>(name, "must be a text")
        : WrongLine(word.Trim(), maxLength) is { } wrong ? Wrong<string>(name, wrong)
        : Remember(name, word.Trim());

    /// <summary>A text of any characters, exactly as it is.</summary>
    public string Exactly(string name, int maxLength) =>
        Text(name, word => UnicodeText.Length(word) is var length && length >= 1 && length <= maxLength ? null : UnicodeText.LengthRule(1, maxLength));

    /// <summary>A text in which <paramref name="whatIsWrong"/> finds nothing wrong.</summary>
    public string Text(string name, Func<string, string?> whatIsWrong) =>
        (Take(name) is not { } value ? null
        : value.Word is not { } word ? Wrong<string>(name, "must be a text")
        : whatIsWrong(word) is { } wrong ? Wrong<string>(name, wrong)
        : Remember(name, word)) ?? "";

    /// <summary>One of two words: whether it is the first.</summary>
    public bool Either(string name, string first, string second) =>
        Text(name, word => word == first || word == second ? null : $"must be {first} or {second}") == first;

    public int Integer(string name, int min, int max) => OptionalInteger(name, min, max, required: true) ?? min;

    public int? OptionalInteger(string name, int min, int max, bool required = false) =>
        Take(name, required) is not { } value ? null
        : value.Number?.Scaled(0) is not { } number ? Wrong<int?>(name, "must be an integer")
        : number < min || number > max ? Wrong<int?>(name, string.Create(CultureInfo.InvariantCulture, $"must be {min} to {max}"))
        : (int)Remember(name, number);

    /// <summary>An amount of money, more than nothing, as integer cents.</summary>
    public long Cents(string name) => Cents(name, Bounds.MaxPriceCents, min: 1, required: true) ?? 0;

    /// <summary>What a cart costs, as integer cents; nothing is what an empty one costs.</summary>
    public long? OptionalTotal(string name) => Cents(name, Bounds.MaxTotalCents, min: 0, required: false);

    private long? Cents(string name, long max, long min, bool required) =>
        Take(name, required) is not { } value ? null
        : value.Number is not { } number ? Wrong<long?>(name, "must be a number")
        : number.IsNegative || (number.IsZero && min > 0) ? Wrong<long?>(name, $"must be {(min > 0 ? "more than 0" : "0 or more")}")
        : number.Scaled(2) is not { } cents ? Wrong<long?>(name, "must have at most two decimals")
        : cents > max ? Wrong<long?>(name, string.Create(CultureInfo.InvariantCulture, $"must be at most {max / 100m}"))
        : Remember(name, cents);

    /// <summary>Short texts; none where the field is missing. One that comes again, whatever its case, counts once.</summary>
    public List<string> Words(string name, int maxCount, int maxLength)
    {
        var words = new List<string>();
        foreach (var word in Many(name, maxCount).Select(word => word.Trim()))
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

    private static string? WrongLine(string line, int maxLength) =>
        UnicodeText.Length(line) is var length && (length < 1 || length > maxLength) ? UnicodeText.LengthRule(1, maxLength)
        : line.EnumerateRunes().Any(rune => Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029 or 0xFFFE or 0xFFFF) ? "must have no control characters"
        : null;

    private static string Shown(string name) => name.Length <= 40 ? name : name[..40];

    private string? Read(string name, TextKind kind, int maxLength)
    {
        if (Take(name) is not { } value)
        {
            return null;
        }
        if (value.Word is not { } word)
        {
            return Wrong<string>(name, "must be a text");
        }
        var (text, wrong) = UnicodeText.Read(word, kind, maxLength);
        return text is null ? Wrong<string>(name, wrong!) : Remember(name, text);
    }

    private string Password(string name, int minLength)
    {
        if (Take(name) is not { } value)
        {
            return "";
        }
        if (value.Word is not { } word)
        {
            return Wrong<string>(name, "must be a text") ?? "";
        }
        var (password, wrong) = UnicodeText.ReadPassword(word, minLength, Bounds.MaxPassword);
        return password ?? Wrong<string>(name, wrong!) ?? "";
    }

    private string[] Many(string name, int maxCount)
    {
        if (Take(name, required: false, many: true) is not { } value)
        {
            return [];
        }
        if (value.Words is not { } words)
        {
            return Wrong<string[]>(name, "must be a list of texts") ?? [];
        }
        return words.Length <= maxCount ? words
            : Wrong<string[]>(name, string.Create(CultureInfo.InvariantCulture, $"must be at most {maxCount}")) ?? [];
    }

    private T Remember<T>(string name, T value) where T : notnull
    {
        Remember(name, [value as string ?? string.Create(CultureInfo.InvariantCulture, $"{value}")]);
        return value;
    }

    private void Remember(string name, string[] values)
    {
        if (!s_secrets.Contains(name))
        {
            _read[name] = values;
        }
    }

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
    private readonly record struct Value(string? Word, ExactNumber? Number, string[]? Words, bool IsNull = false, bool IsMany = false)
    {
        public static Value Of(string[] parameter) =>
            parameter is not [var one] ? new(null, null, parameter, IsMany: true)
            : Digits.TryParse(one.StartsWith('-') ? one.AsSpan(1) : one, long.MaxValue, out _) ? new(one, ExactNumber.Parse(one), parameter)
            : new(one, null, parameter);

        public static Value Of(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.String => new(element.GetString(), null, null),
            JsonValueKind.Number => new(null, ExactNumber.Parse(element.GetRawText()), null),
            JsonValueKind.Array when element.EnumerateArray().All(word => word.ValueKind == JsonValueKind.String) =>
                new(null, null, [.. element.EnumerateArray().Select(word => word.GetString()!)]),
            JsonValueKind.Null => new(null, null, null, IsNull: true),
            _ => default,
        };
    }
}
