using System.Net;
using System.Net.Security;
using Agora.Cluster;
using DotNext.Net.Security;

namespace Agora.Replication.Raft;

/// <summary>
/// TLS on the library's port. Only replicas of the same database take part, and a caller gets only the replica that it
/// asked for.
/// </summary>
internal sealed class PeerTls : SslOptions
{
    private readonly Dictionary<EndPoint, SslClientAuthenticationOptions> _clients;

    public PeerTls(ComponentIdentity identity, IReadOnlyList<EndPoint> members)
    {
        ServerOptions = identity.ServerOptions(protocol: null, identity.Component);
        _clients = members.Index().ToDictionary(m => m.Item, m => identity.ClientOptions(identity.Component, m.Index));
    }

    public override SslClientAuthenticationOptions CreateClientOptions(EndPoint serverAddress) =>
        _clients[serverAddress];
}
