using System.Net;
using System.Net.Security;
using Agora.Cluster;
using DotNext.Net.Security;

namespace Agora.Replication.Raft;

/// <summary>
/// TLS on the library's port. Only replicas of the same database take part, and a caller gets only the replica that it
/// asked for.
/// </summary>
/// <remarks>
/// Both ends name the protocol, with the mark of their group (ALPN, RFC 7301). Where the marks differ there is no
/// protocol that both speak, and the handshake fails: a replica with another cluster file neither votes here nor
/// acknowledges anything.
/// </remarks>
internal sealed class PeerTls : SslOptions
{
    private readonly Dictionary<EndPoint, SslClientAuthenticationOptions> _clients;

    public PeerTls(ComponentIdentity identity, OwnerMark group, IReadOnlyList<EndPoint> members)
    {
        SslApplicationProtocol protocol = new($"agora-raft/{group}");
        ServerOptions = identity.ServerOptions(protocol, identity.Component);
        _clients = members
            .Index()
            .ToDictionary(
                m => m.Item,
                m =>
                {
                    var options = identity.ClientOptions(identity.Component, m.Index);
                    options.ApplicationProtocols = [protocol];
                    return options;
                }
            );
    }

    public override SslClientAuthenticationOptions CreateClientOptions(EndPoint serverAddress) =>
        _clients[serverAddress];
}
