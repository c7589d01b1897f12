using System.Buffers.Text;
using System.Collections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Agora.Servers;

/// <summary>
/// The log scope of a request: the id that its answer carries as <c>Request-Id</c>, and the client's own ids, if their
/// form cannot forge a log line.
/// </summary>
internal sealed class RequestScope : IReadOnlyList<KeyValuePair<string, object?>>
{
    public const string Header = "Request-Id";

    private const int IdBytes = 16;
    private const int MaxClientId = 128;

    private readonly KeyValuePair<string, object?>[] _values;

    private RequestScope(string id, string? clientId, string? traceParent)
    {
        Id = id;
        _values =
        [
            new("Request-Id", id),
            .. clientId is null ? Array.Empty<KeyValuePair<string, object?>>() : [new("Client-Request-Id", clientId)],
            .. traceParent is null ? Array.Empty<KeyValuePair<string, object?>>() : [new("traceparent", traceParent)],
        ];
    }

    public string Id { get; }

    public int Count => _values.Length;

    public KeyValuePair<string, object?> this[int index] => _values[index];

    public static RequestScope Of(HttpRequest request) =>
        new(NewId(), ClientId(request.Headers[Header]), TraceParent(request.Headers.TraceParent));

    /// <summary>A unique id. It need not be secret: guessing it gains nothing.</summary>
    public static string NewId()
    {
        Span<byte> id = stackalloc byte[IdBytes];
        Random.Shared.NextBytes(id);
        return Base64Url.EncodeToString(id);
    }

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _values.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => string.Join(", ", _values.Select(value => $"{value.Key}: {value.Value}"));

    private static string? ClientId(StringValues header) =>
        header is [{ Length: >= 1 and <= MaxClientId } id]
        && id.All(c => char.IsAsciiLetterOrDigit(c) || "-._~|:=/+".Contains(c, StringComparison.Ordinal))
            ? id
            : null;

    // W3C Trace Context, version 00.
    private static string? TraceParent(StringValues header) =>
        header is [{ Length: 55 } parent]
        && parent.StartsWith("00-", StringComparison.Ordinal)
        && parent[35] == '-'
        && parent[52] == '-'
        && parent.Where((_, i) => i is not (2 or 35 or 52)).All(char.IsAsciiHexDigitLower)
            ? parent
            : null;
}
