using Agora.Cluster;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>
/// The cookie that holds the token of a session. A token cannot be guessed, and the marketplace stores only its hash,
/// so the cookie is the token and needs no signature. No script can read it, and a request from another site does not
/// carry it, unless the user follows a link. Buyers and sellers have one each, because their accounts are separate.
/// </summary>
internal sealed class SessionCookie
{
    private const int MaxTokenLength = 200;

    private readonly string _name;
    private readonly CookieOptions _options;

    private SessionCookie(string role, bool https)
    {
        // With the prefix, browsers accept the cookie over HTTPS only, and from no other host.
        _name = https ? $"__Host-agora-{role}" : $"agora-{role}";
        _options = new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            Path = "/",
            SameSite = SameSiteMode.Lax,
            Secure = https,
        };
    }

    public static SessionCookie OfBuyer(ClusterFile cluster) => new("buyer", cluster.Https is not null);

    public static SessionCookie OfSeller(ClusterFile cluster) => new("seller", cluster.Https is not null);

    /// <summary>The token; null if there is none, or if it has not the form of one.</summary>
    public string? Read(HttpContext http) =>
        http.Request.Cookies[_name] is { Length: > 0 and <= MaxTokenLength } token
        && token.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '=' or '+' or '/')
            ? token
            : null;

    public void Write(HttpContext http, string token) => http.Response.Cookies.Append(_name, token, _options);

    public void Delete(HttpContext http) => http.Response.Cookies.Delete(_name, _options);
}
