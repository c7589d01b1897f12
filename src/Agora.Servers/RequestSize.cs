using Agora.Contracts.Cluster;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Agora.Servers;

/// <summary>How large a request line and headers may be.</summary>
internal static class RequestSize
{
    public const int MaxHeaders = 100;

    /// <summary>Bytes above the limits up to which the refusal has a body; beyond that Kestrel ends the connection with a bare status.</summary>
    public const int Slack = 32 * 1024;

    // "GET", two spaces, "HTTP/1.1" and the line's end, as Kestrel counts them.
    private const int AroundTarget = 15;

    // A colon, a space and the line's end.
    private const int AroundHeader = 4;

    /// <summary>Which status refuses this request; null if it is small enough.</summary>
    public static int? Refused(HttpContext http, LimitSettings limits)
    {
        var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (target.Length + AroundTarget > limits.UrlBytes)
        {
            return StatusCodes.Status414UriTooLong;
        }
        int count = 0, bytes = 0;
        foreach (var (name, values) in http.Request.Headers)
        {
            foreach (var value in values)
            {
                count++;
                bytes += name.Length + (value?.Length ?? 0) + AroundHeader;
            }
        }
        return count > MaxHeaders || bytes > limits.HeaderBytes ? StatusCodes.Status431RequestHeaderFieldsTooLarge : null;
    }
}
