using System.Globalization;
using System.Net.Sockets;

namespace Agora.Cluster;

/// <summary>One process of the cluster: a replica of a component, and where it listens.</summary>
/// <param name="Component">One of <see cref="Components"/>.</param>
/// <param name="Replica">Its number among the component's replicas, from 0.</param>
/// <param name="Host">The host that it runs on.</param>
/// <param name="Endpoints">Where it listens; its users call the first one.</param>
public sealed record ClusterProcess(
    string Component,
    int Replica,
    string Host,
    IReadOnlyList<ClusterEndpoint> Endpoints
)
{
    /// <summary>Where it answers operators; null if it does not.</summary>
    public ClusterEndpoint? Operators { get; init; }

    /// <summary>Every address that it listens on.</summary>
    public IReadOnlyList<ClusterEndpoint> Listening => Operators is null ? Endpoints : [.. Endpoints, Operators];

    /// <summary>Its name in commands and messages, e.g. <c>products/3</c>.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Component}/{Replica}");

    internal static IEnumerable<ClusterProcess> Of(ClusterFile file) =>
        [
            .. Servers(Components.Web, file.Web, file.Https is not null),
            .. Servers(Components.Payments, file.Payments, file.Payments.UsesHttps),
            .. Servers(Components.SellerServer, file.SellerServers, file.Https is not null),
            .. Servers(Components.BuyerServer, file.BuyerServers, file.Https is not null),
            .. Databases(Components.Customers, file.Customers),
            .. Databases(Components.Products, file.Products),
        ];

    private static IEnumerable<ClusterProcess> Servers(string component, ServerGroup group, bool https) =>
        group.Replicas.Select(
            (r, i) =>
                new ClusterProcess(
                    component,
                    i,
                    r.Host,
                    [new(https ? "https" : "http", "port", r.Host, r.Port, ProtocolType.Tcp)]
                )
                {
                    Operators = ClusterEndpoint.OfOperators(r.Host, r.OperatorsPort),
                }
        );

    private static IEnumerable<ClusterProcess> Databases(string component, DatabaseGroup group)
    {
        (var name, var protocol) = group.Engine switch
        {
            ReplicationEngine.Raft => ("raft", ProtocolType.Tcp),
            _ => ("udp", ProtocolType.Udp),
        };
        return group.Replicas.Select(
            (r, i) =>
                new ClusterProcess(
                    component,
                    i,
                    r.Host,
                    [
                        new("grpc", "grpcPort", r.Host, r.GrpcPort, ProtocolType.Tcp),
                        new(name, "peerPort", r.Host, r.PeerPort, protocol),
                    ]
                )
                {
                    Operators = ClusterEndpoint.OfOperators(r.Host, r.OperatorsPort),
                }
        );
    }
}
