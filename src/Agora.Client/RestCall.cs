using System.Net;
using System.Net.Http.Headers;

namespace Agora.Client;

/// <summary>One call, the same at every attempt.</summary>
internal sealed record RestCall(HttpMethod Method, string Path)
{
    private static readonly MediaTypeHeaderValue s_json = new("application/json");

    public byte[]? Body { get; init; }

    public string? Token { get; init; }

    /// <summary>Null if the call changes nothing.</summary>
    public string? Key { get; init; }

    public HttpRequestMessage ToRequest(Uri server)
    {
        var request = new HttpRequestMessage(Method, new Uri(server, Path)) { Version = HttpVersion.Version11 };
        if (Token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        }

        if (Key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", Key);
        }

        if (Body is not null)
        {
            request.Content = new ByteArrayContent(Body) { Headers = { ContentType = s_json } };
        }

        return request;
    }

    public override string ToString() => $"{Method} {Path}";
}
