using System.Collections.Frozen;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Agora.Servers;

/// <summary>
/// The fields of one request, from its body or its query. A handler reads each field once. Every error is collected,
/// and a field that the handler did not read is an error too. The values are valid only if <see cref="Refusal"/> is
/// null afterwards.
/// </summary>
internal sealed class RequestFields
{
    // An answer names unknown fields, and must not be longer than the request that it refuses.
    private const int MaxUnknown = 20;

    private static readonly JsonDocumentOptions s_json = new() { MaxDepth = 16 };

    // These and everything derived from them stay inside the call.
    private static readonly FrozenSet<string> s_secrets = FrozenSet.Create(
        StringComparer.Ordinal,
        "password",
        "cardholderName",
        "cardNumber",
        "expirationDate",
        "securityCode"
    );

    private readonly SortedDictionary<string, string[]> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FieldValue> _values = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string[]> _errors = new(StringComparer.Ordinal);
    private Refusal? _unreadable;

    private RequestFields() { }

    /// <summary>Why this request is refused, once the handler has read all of its fields; null if it is not.</summary>
    public Refusal? Refusal
    {
        get
        {
            foreach (var unknown in _values.Keys.Take(MaxUnknown))
            {
                AddError<int>(Shortened(unknown), "is not a field of this call");
            }

            return _unreadable ?? (_errors.Count == 0 ? null : Refusal.Invalid(_errors));
        }
    }

    /// <summary>The values read so far, by name, in one spelling for each value; without secrets.</summary>
    public IEnumerable<KeyValuePair<string, string[]>> Values => _read;

    /// <summary>The query's parameters.</summary>
    public static RequestFields OfQuery(HttpRequest request)
    {
        var fields = new RequestFields();
        foreach (var (name, values) in request.Query)
        {
            fields._values[name] = FieldValue.Of([.. values.Select(value => value ?? "")]);
        }

        return fields;
    }

    /// <summary>
    /// The properties of the JSON object in the body. If the body is too long, Kestrel throws a
    /// <see cref="BadHttpRequestException"/>.
    /// </summary>
    public static async Task<RequestFields> OfBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var fields = new RequestFields();
        if (
            !StringValues.IsNullOrEmpty(request.Headers.ContentEncoding)
            && !string.Equals(request.Headers.ContentEncoding, "identity", StringComparison.OrdinalIgnoreCase)
        )
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
            using var document = await RequestBody.ReadAsync(
                request,
                body => JsonDocument.ParseAsync(body, s_json, cancellationToken)
            );
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                fields._unreadable = Refusal.Invalid("body", "must be a JSON object");
                return fields;
            }

            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!fields._values.TryAdd(property.Name, FieldValue.Of(property.Value)))
                {
                    fields._unreadable = Refusal.Invalid(Shortened(property.Name), "occurs twice");
                    return fields;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape such as \ud800, which is half a character.
            fields._unreadable = Refusal.Invalid("body", "must be a JSON object in UTF-8");
        }

        return fields;
    }

    /// <summary>A name of a person or an item.</summary>
    public string Name(string name, int maxLength = FieldBounds.MaxNameLength) =>
        Read(name, TextKind.Name, maxLength) ?? "";

    public WrittenText Username(string name) =>
        Read(name, TextKind.Username, FieldBounds.MaxUsernameLength) is { } username
            ? new(username, UnicodeText.Fold(username))
            : new("", "");

    /// <summary>A password for a new account.</summary>
    public string NewPassword(string name) => Password(name, FieldBounds.MinPasswordLength);

    /// <summary>A password to compare. Old accounts may have shorter ones than new accounts must have.</summary>
    public string Password(string name) => Password(name, 1);

    /// <summary>Keywords; none if the field is missing. Keywords that differ only in case count once.</summary>
    public IReadOnlyList<WrittenText> Keywords(string name)
    {
        var keywords = new List<WrittenText>();
        foreach (var word in TextList(name, FieldBounds.MaxKeywords))
        {
            var (keyword, wrong) = UnicodeText.Read(word, TextKind.Keyword, FieldBounds.MaxKeywordLength);
            if (keyword is null)
            {
                AddError<int>(name, $"each {wrong}");
            }
            else if (UnicodeText.Fold(keyword) is var key && !keywords.Any(other => other.Key == key))
            {
                keywords.Add(new(keyword, key));
            }
        }

        Remember(name, [.. keywords.Select(keyword => keyword.Written)]);
        return keywords;
    }

    /// <summary>Where a page begins: the cursor of the page before, or null.</summary>
    public string? Cursor() => Line("cursor", FieldBounds.MaxCursorLength);

    /// <summary>The size of a page.</summary>
    public int Limit() => OptionalInteger("limit", 1, FieldBounds.MaxPageSize) ?? FieldBounds.DefaultPageSize;

    /// <summary>A text in which <paramref name="whatIsWrong"/> finds nothing wrong.</summary>
    public string Text(string name, Func<string, string?> whatIsWrong) =>
        (
            Take(name) is not { } value ? null
            : value.Word is not { } word ? AddError<string>(name, "must be a text")
            : whatIsWrong(word) is { } wrong ? AddError<string>(name, wrong)
            : Remember(name, word)
        ) ?? "";

    /// <summary>Reads one of two words; true if it is the first.</summary>
    public bool Either(string name, string first, string second) =>
        Text(name, word => word == first || word == second ? null : $"must be {first} or {second}") == first;

    public int Integer(string name, int min, int max) => OptionalInteger(name, min, max, required: true) ?? min;

    public int? OptionalInteger(string name, int min, int max, bool required = false) =>
        Take(name, required) is not { } value ? null
        : value.Number?.Scaled(0) is not { } number ? AddError<int?>(name, "must be an integer")
        : number < min || number > max
            ? AddError<int?>(name, string.Create(CultureInfo.InvariantCulture, $"must be {min} to {max}"))
        : (int)Remember(name, number);

    /// <summary>An amount of money above 0, in cents.</summary>
    public long Cents(string name) => Cents(name, FieldBounds.MaxPriceCents, min: 1, required: true) ?? 0;

    /// <summary>The total of a cart in cents; an empty cart costs 0.</summary>
    public long? OptionalTotal(string name) => Cents(name, FieldBounds.MaxTotalCents, min: 0, required: false);

    private long? Cents(string name, long max, long min, bool required) =>
        Take(name, required) is not { } value ? null
        : value.Number is not { } number ? AddError<long?>(name, "must be a number")
        : number.IsNegative || (number.IsZero && min > 0)
            ? AddError<long?>(name, $"must be {(min > 0 ? "more than 0" : "0 or more")}")
        : number.Scaled(2) is not { } cents ? AddError<long?>(name, "must have at most two decimals")
        : cents > max
            ? AddError<long?>(name, string.Create(CultureInfo.InvariantCulture, $"must be at most {max / 100m}"))
        : Remember(name, cents);

    private string? Line(string name, int maxLength) =>
        Take(name, required: false) is not { } value ? null
        : value.Word is not { } word ? AddError<string>(name, "must be a text")
        : WrongLine(word.Trim(), maxLength) is { } wrong ? AddError<string>(name, wrong)
        : Remember(name, word.Trim());

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && string.Equals(type.MediaType, "application/json", StringComparison.OrdinalIgnoreCase)
        && (type.CharSet is null || string.Equals(type.CharSet.Trim('"'), "utf-8", StringComparison.OrdinalIgnoreCase));

    private static string? WrongLine(string line, int maxLength) =>
        UnicodeText.Length(line) is var length && (length < 1 || length > maxLength)
            ? UnicodeText.LengthRule(1, maxLength)
        : line.EnumerateRunes().Any(rune => Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029 or 0xFFFE or 0xFFFF)
            ? "must have no control characters"
        : null;

    private static string Shortened(string name) => name.Length <= 40 ? name : name[..40];

    private string? Read(string name, TextKind kind, int maxLength)
    {
        if (Take(name) is not { } value)
        {
            return null;
        }

        if (value.Word is not { } word)
        {
            return AddError<string>(name, "must be a text");
        }

        var (text, wrong) = UnicodeText.Read(word, kind, maxLength);
        return text is null ? AddError<string>(name, wrong!) : Remember(name, text);
    }

    private string Password(string name, int minLength)
    {
        if (Take(name) is not { } value)
        {
            return "";
        }

        if (value.Word is not { } word)
        {
            return AddError<string>(name, "must be a text") ?? "";
        }

        var (password, wrong) = UnicodeText.ReadPassword(word, minLength, FieldBounds.MaxPasswordLength);
        return password ?? AddError<string>(name, wrong!) ?? "";
    }

    private string[] TextList(string name, int maxCount)
    {
        if (Take(name, required: false, many: true) is not { } value)
        {
            return [];
        }

        if (value.Words is not { } words)
        {
            return AddError<string[]>(name, "must be a list of texts") ?? [];
        }

        return words.Length <= maxCount
            ? words
            : AddError<string[]>(name, string.Create(CultureInfo.InvariantCulture, $"must be at most {maxCount}"))
                ?? [];
    }

    private T Remember<T>(string name, T value)
        where T : notnull
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

    // A field that is null counts as missing.
    private FieldValue? Take(string name, bool required = true, bool many = false)
    {
        if (!_values.Remove(name, out var value) || value.IsNull)
        {
            return required && _unreadable is null ? AddError<FieldValue?>(name, "is missing") : null;
        }

        return value.IsMany && !many ? AddError<FieldValue?>(name, "occurs twice") : value;
    }

    private T? AddError<T>(string name, string what)
    {
        _errors[name] = [what];
        return default;
    }

    /// <summary>The value of a field, in every form in which it may be read.</summary>
    private readonly record struct FieldValue(
        string? Word,
        ExactNumber? Number,
        string[]? Words,
        bool IsNull = false,
        bool IsMany = false
    )
    {
        public static FieldValue Of(string[] parameter) =>
            parameter is not [var one] ? new(null, null, parameter, IsMany: true)
            : Digits.TryParse(one.StartsWith('-') ? one.AsSpan(1) : one, long.MaxValue, out _)
                ? new(one, ExactNumber.Parse(one), parameter)
            : new(one, null, parameter);

        public static FieldValue Of(JsonElement element) =>
            element.ValueKind switch
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
