using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agora.Cluster;

/// <summary>
/// Reads and writes the cluster file's text. Unknown and repeated fields are refused; comments and trailing commas are
/// allowed.
/// </summary>
internal static class ClusterFileJson
{
    private const string NoSuchEngine = "no such engine; write \"raft\" or \"rotating-sequencer\"";

    private static readonly JsonSerializerOptions s_options = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>How a value is written.</summary>
    public static JsonSerializerOptions Text => s_options;

    private static readonly JsonDocumentOptions s_documentOptions = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    public static string Write(ClusterFile file) => JsonSerializer.Serialize(file, s_options) + "\n";

    public static ClusterFile Read(string json, string source)
    {
        try
        {
            using (var document = JsonDocument.Parse(json, s_documentOptions))
            {
                List<string> problems = [];
                FindUnknownFields(document.RootElement, typeof(ClusterFile), isNullable: true, "", problems);
                if (problems.Count > 0)
                {
                    throw new ClusterFileException(source, problems);
                }
            }

            return JsonSerializer.Deserialize<ClusterFile>(json, s_options)
                ?? throw new ClusterFileException(source, ["holds nothing; write an object"]);
        }
        catch (JsonException e)
        {
            throw new ClusterFileException(source, [Explain(e)]);
        }
    }

    // The serializer refuses unknown fields and wrong types too, but one at a time, without telling what the known
    // fields are, and in words for programmers.
    private static void FindUnknownFields(
        JsonElement element,
        Type type,
        bool isNullable,
        string place,
        List<string> problems
    )
    {
        if (WrongType(element, type, isNullable) is { } wrong)
        {
            problems.Add(place.Length == 0 ? wrong : $"{place}: {wrong}");
            return;
        }

        // Where it is an object, that is what it holds.
        var info = s_options.GetTypeInfo(type == typeof(HttpsChoice) ? typeof(HttpsSettings) : type);
        if (info.Kind == JsonTypeInfoKind.Enumerable && element.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var entry in element.EnumerateArray())
            {
                // That an entry is missing, the rules tell.
                FindUnknownFields(
                    entry,
                    info.ElementType!,
                    isNullable: true,
                    string.Create(CultureInfo.InvariantCulture, $"{place}[{index++}]"),
                    problems
                );
            }
        }
        else if (info.Kind == JsonTypeInfoKind.Object && element.ValueKind == JsonValueKind.Object)
        {
            foreach (var field in element.EnumerateObject())
            {
                var inner = place.Length == 0 ? field.Name : $"{place}.{field.Name}";
                if (info.Properties.FirstOrDefault(p => p.Name == field.Name) is { } known)
                {
                    var mayBeNull = !known.PropertyType.IsValueType && known.IsSetNullable;
                    FindUnknownFields(field.Value, known.PropertyType, mayBeNull, inner, problems);
                }
                else
                {
                    var names = string.Join(", ", info.Properties.Select(p => p.Name));
                    problems.Add($"{inner}: unknown field; correct the name or remove it (known here: {names})");
                }
            }
        }
    }

    // What the element must be, where it is something else.
    private static string? WrongType(JsonElement element, Type type, bool isNullable)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        if (element.ValueKind == JsonValueKind.Null && (isNullable || plain != type))
        {
            return null;
        }

        if (plain == typeof(HttpsChoice))
        {
            // Its converter tells what it may be.
            return null;
        }

        if (plain == typeof(ReplicationEngine))
        {
            return element.ValueKind == JsonValueKind.String ? null : NoSuchEngine;
        }

        if (plain == typeof(int))
        {
            return element.ValueKind != JsonValueKind.Number || element.GetDouble() % 1 != 0 ? "must be a whole number"
                : !element.TryGetInt32(out _) ? $"must be a whole number of at most {int.MaxValue}"
                : null;
        }

        if (plain == typeof(double))
        {
            return element.ValueKind == JsonValueKind.Number ? null : "must be a number";
        }

        if (plain == typeof(bool))
        {
            return element.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "must be true or false";
        }

        if (plain == typeof(string))
        {
            return element.ValueKind == JsonValueKind.String ? null : "must be a text";
        }

        return s_options.GetTypeInfo(plain).Kind switch
        {
            JsonTypeInfoKind.Enumerable when element.ValueKind != JsonValueKind.Array => "must be a list",
            JsonTypeInfoKind.Object when element.ValueKind != JsonValueKind.Object => "must be an object",
            _ => null,
        };
    }

    private static string Explain(JsonException e)
    {
        var place = (e.Path ?? "$").TrimStart('$').TrimStart('.');
        if (place.EndsWith(".engine", StringComparison.Ordinal))
        {
            return $"{place}: {NoSuchEngine}";
        }

        var line = e.LineNumber is { } number ? string.Create(CultureInfo.InvariantCulture, $"line {number + 1}") : "";
        // The serializer appends the place to its message; the place is already in front of ours.
        var suffix = e.Message.IndexOf(" Path: $", StringComparison.Ordinal);
        if (suffix < 0)
        {
            suffix = e.Message.IndexOf(" LineNumber: ", StringComparison.Ordinal);
        }

        var what = suffix < 0 ? e.Message : e.Message[..suffix];
        return string.Join(": ", new[] { line, place, what }.Where(s => s.Length > 0));
    }
}
