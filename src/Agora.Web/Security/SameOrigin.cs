using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Agora.Web.Security;

/// <summary>
/// Recognises requests that a page of another site makes a browser send. Browsers add the user's cookies to some of
/// them, and they reach addresses that only this machine can reach. So a request that may change something must come
/// from a page of ours. Browsers say where it comes from, and a page cannot change what they say.
/// </summary>
internal static class SameOrigin
{
    /// <summary>Whether a request may be served.</summary>
    public static bool Allows(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
        || HttpMethods.IsHead(request.Method)
        || HttpMethods.IsOptions(request.Method)
        || ComesFromHere(request);

    private static bool ComesFromHere(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"];
        if (!StringValues.IsNullOrEmpty(site))
        {
            // "none": the user sent it, for example by restoring a tab. No site can cause that.
            return site == "same-origin" || site == "none";
        }

        // Browsers send Sec-Fetch-Site only over HTTPS and to the same machine, but all of them send Origin with a
        // POST. The scheme is not compared, because a proxy may speak HTTPS with the browser and HTTP with us.
        return request.Headers.Origin is [{ } origin]
            && Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && string.Equals(Authority(uri), request.Host.Value, StringComparison.OrdinalIgnoreCase);
    }

    private static string Authority(Uri uri) => uri.IsDefaultPort ? uri.Host : uri.Authority;
}
