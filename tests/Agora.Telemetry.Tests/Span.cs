using System.Text.Json;

namespace Agora.Telemetry.Tests;

/// <summary>A span as a receiver has it.</summary>
public sealed record Span(
    string Service,
    string Instance,
    string Trace,
    string Id,
    string Parent,
    string Name,
    int Kind,
    ulong Start,
    ulong End
)
{
    public const int Producer = 4;
    public const int Consumer = 5;

    /// <summary>All spans in OTLP's JSON, wherever <c>resourceSpans</c> stands in it.</summary>
    public static IReadOnlyList<Span> All(JsonElement answer)
    {
        List<Span> spans = [];
        foreach (var resource in Find(answer, "resourceSpans"))
        {
            var attributes = resource
                .GetProperty("resource")
                .GetProperty("attributes")
                .EnumerateArray()
                .ToDictionary(a => Text(a, "key"), a => Text(a.GetProperty("value"), "stringValue"));
            foreach (var span in resource.GetProperty("scopeSpans").EnumerateArray().SelectMany(s => Array(s, "spans")))
            {
                spans.Add(
                    new Span(
                        attributes.GetValueOrDefault("service.name", ""),
                        attributes.GetValueOrDefault("service.instance.id", ""),
                        Text(span, "traceId"),
                        Text(span, "spanId"),
                        Text(span, "parentSpanId"),
                        Text(span, "name"),
                        KindOf(span.GetProperty("kind")),
                        Number(span, "startTimeUnixNano"),
                        Number(span, "endTimeUnixNano")
                    )
                );
            }
        }

        return spans;
    }

    private static IEnumerable<JsonElement> Find(JsonElement element, string name) =>
        element.ValueKind switch
        {
            JsonValueKind.Object when element.TryGetProperty(name, out var found) => found.EnumerateArray(),
            JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Find(p.Value, name)),
            _ => [],
        };

    private static JsonElement[] Array(JsonElement element, string name) =>
        element.TryGetProperty(name, out var found) ? [.. found.EnumerateArray()] : [];

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static ulong Number(JsonElement element, string name) =>
        element.GetProperty(name) is { ValueKind: JsonValueKind.String } text
            ? ulong.Parse(text.GetString()!, System.Globalization.CultureInfo.InvariantCulture)
            : element.GetProperty(name).GetUInt64();

    private static int KindOf(JsonElement kind) =>
        kind.ValueKind == JsonValueKind.Number
            ? kind.GetInt32()
            : kind.GetString() switch
            {
                "SPAN_KIND_PRODUCER" => Producer,
                "SPAN_KIND_CONSUMER" => Consumer,
                _ => 0,
            };
}
