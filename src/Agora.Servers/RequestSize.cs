using Agora.Cluster;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Agora.Servers;

/// <summary>Limits the size of the request line and the headers.</summary>
internal static class RequestSize
{
    public const int MaxHeaders = 100;

    /// <summary>
    /// How far above the limits a request may be and still get a refusal with a body. Above that, Kestrel ends the
    /// connection with a bare status.
    /// </summary>
    public const int OversizeBytes = 32 * 1024;

    // "GET", two spaces, "HTTP/1.1" and the end of the line, as Kestrel counts them.
    private const int TargetOverhead = 15;

    // A colon, a space and the end of the line.
    private const int HeaderOverhead = 4;

    /// <summary>The status that refuses this request; null if it is small enough.</summary>
    public static int? RefusedStatus(HttpContext http, LimitSettings limits)
    {
        var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (target.Length + TargetOverhead > limits.UrlBytes)
        {
            return StatusCodes.Status414UriTooLong;
        }

        int count = 0,
            bytes = 0;
        foreach (var (name, values) in http.Request.Headers)
        {
            foreach (var value in values)
            {
                count++;
                bytes += name.Length + (value?.Length ?? 0) + HeaderOverhead;
            }
        }

        return count > MaxHeaders || bytes > limits.HeaderBytes
            ? StatusCodes.Status431RequestHeaderFieldsTooLarge
            : null;
    }
}
