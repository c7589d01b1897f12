using System.Net;
using Agora.Cluster;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Operations;

/// <summary>
/// Decides who may act: a browser on this machine, or one in which the operator's key was entered. That a request comes
/// from a page of ours was checked before, for every request that changes something.
/// </summary>
internal sealed class OperatorAccess(OperatorKey key)
{
    public const string CookieName = "agora-operator";

    // Proxies add one of these. Behind a proxy on this machine everybody would look like this machine.
    private static readonly string[] s_proxyHeaders =
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "Via",
    ];

    public Access Of(HttpContext http) =>
        key.IsCookie(http.Request.Cookies[CookieName]) ? Access.WithKey
        : IsFromHere(http) ? Access.FromHere
        : Access.Look;

    // The name in the request must be one that every machine has for itself: a proxy that says nothing of itself passes
    // on the name that the world knows.
    private static bool IsFromHere(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } remote
        && IPAddress.IsLoopback(remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote)
        && Loopback.Is(http.Request.Host.Host.Trim('[', ']'))
        && !s_proxyHeaders.Any(http.Request.Headers.ContainsKey);
}
