using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agora.Contracts.Cluster;

/// <summary>The cluster file's text: strict about what it says, free with comments and trailing commas.</summary>
internal static class ClusterFileJson
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonDocumentOptions s_documentOptions = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    public static string Write(ClusterFile file) => JsonSerializer.Serialize(file, s_options) + "\n";

    public static ClusterFile Read(string json, string source)
    {
        try
        {
            using (JsonDocument document = JsonDocument.Parse(json, s_documentOptions))
            {
                List<string> problems = [];
                FindStrangers(document.RootElement, typeof(ClusterFile), "", problems);
                if (problems.Count > 0)
                {
                    throw new ClusterFileException(source, problems);
                }
            }
            return JsonSerializer.Deserialize<ClusterFile>(json, s_options) ?? throw new ClusterFileException(source, ["holds nothing; write an object"]);
        }
        catch (JsonException e)
        {
            throw new ClusterFileException(source, [Explain(e)]);
        }
    }

    // The serializer refuses unknown fields too, but one at a time and without telling what the known ones are.
    private static void FindStrangers(JsonElement element, Type type, string place, List<string> problems)
    {
        // Where it is an object, that is what it holds.
        JsonTypeInfo info = s_options.GetTypeInfo(type == typeof(HttpsChoice) ? typeof(HttpsSettings) : type);
        if (info.Kind == JsonTypeInfoKind.Enumerable && element.ValueKind == JsonValueKind.Array)
        {
            int index = 0;
            foreach (JsonElement entry in element.EnumerateArray())
            {
                FindStrangers(entry, info.ElementType!, string.Create(CultureInfo.InvariantCulture, $"{place}[{index++}]"), problems);
            }
        }
        else if (info.Kind == JsonTypeInfoKind.Object && element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty field in element.EnumerateObject())
            {
                string inner = place.Length == 0 ? field.Name : $"{place}.{field.Name}";
                if (info.Properties.FirstOrDefault(p => p.Name == field.Name) is { } known)
                {
                    FindStrangers(field.Value, known.PropertyType, inner, problems);
                }
                else
                {
                    problems.Add($"{inner}: unknown field; mend the name or take it out (known here: {string.Join(", ", info.Properties.Select(p => p.Name))})");
                }
            }
        }
    }

    private static string Explain(JsonException e)
    {
        string place = (e.Path ?? "$").TrimStart('$').TrimStart('.');
        if (place.EndsWith(".engine", StringComparison.Ordinal))
        {
            return $"{place}: no such engine; write \"raft\" or \"rotating-sequencer\"";
        }
        string line = e.LineNumber is { } number ? string.Create(CultureInfo.InvariantCulture, $"line {number + 1}") : "";
        // The serializer appends the place in its own words; ours is already in front.
        int suffix = e.Message.IndexOf(" Path: $", StringComparison.Ordinal);
        if (suffix < 0)
        {
            suffix = e.Message.IndexOf(" LineNumber: ", StringComparison.Ordinal);
        }
        string what = suffix < 0 ? e.Message : e.Message[..suffix];
        return string.Join(": ", new[] { line, place, what }.Where(s => s.Length > 0));
    }
}
