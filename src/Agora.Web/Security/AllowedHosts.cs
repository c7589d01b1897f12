using System.Net;
using Agora.Cluster;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Security;

/// <summary>
/// The host names under which the pages may be reached. A site that lets its own name lead to this address ("DNS
/// rebinding") would be of the same origin as the pages in the eyes of a browser. Its name comes with every request, so
/// it is refused here. An IP address is no name of another site, so every address is allowed.
/// </summary>
internal sealed class AllowedHosts
{
    private readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase) { "localhost" };

    public AllowedHosts(WebGroup web)
    {
        foreach (var replica in web.Replicas)
        {
            _names.Add(replica.Host);
            _names.Add(replica.Dial().Host);
        }

        _names.UnionWith(web.Hosts);
    }

    /// <summary>Whether a request for this host may be served.</summary>
    public bool Contains(HostString host) =>
        host.HasValue
        && (_names.Contains(host.Host.TrimEnd('.')) || IPAddress.TryParse(host.Host.Trim('[', ']'), out _));
}
