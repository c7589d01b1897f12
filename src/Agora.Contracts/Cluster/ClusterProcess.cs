using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Agora.Contracts.Cluster;

/// <summary>One process of the cluster: a replica of a component, and where it listens.</summary>
/// <param name="Component">One of <see cref="Components"/>.</param>
/// <param name="Replica">Its number among the component's replicas, from 0.</param>
/// <param name="Host">The host it belongs on.</param>
/// <param name="Endpoints">Where it listens; the first is where its users call.</param>
public sealed record ClusterProcess(string Component, int Replica, string Host, IReadOnlyList<ClusterEndpoint> Endpoints)
{
    /// <summary>What people and commands call it, e.g. <c>products/3</c>.</summary>
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
        group.Replicas.Select((r, i) => new ClusterProcess(component, i, r.Host, [new(https ? "https" : "http", "port", r.Host, r.Port, ProtocolType.Tcp)]));

    private static IEnumerable<ClusterProcess> Databases(string component, DatabaseGroup group)
    {
        (string name, ProtocolType protocol) = group.Engine switch
        {
            ReplicationEngine.Raft => ("raft", ProtocolType.Tcp),
            _ => ("udp", ProtocolType.Udp),
        };
        return group.Replicas.Select((r, i) => new ClusterProcess(component, i, r.Host,
        [
            new("grpc", "grpcPort", r.Host, r.GrpcPort, ProtocolType.Tcp),
            new(name, "peerPort", r.Host, r.PeerPort, protocol),
        ]));
    }
}

/// <summary>An address that a process listens on.</summary>
/// <param name="Name"><c>http</c>, <c>https</c>, <c>grpc</c>, <c>raft</c> or <c>udp</c>.</param>
/// <param name="Field">The field of the cluster file that holds the port.</param>
/// <param name="Host">Host name or IP address.</param>
/// <param name="Port">The port.</param>
/// <param name="Protocol">TCP or UDP: the same number may be in use once for each.</param>
public sealed record ClusterEndpoint(string Name, string Field, string Host, int Port, ProtocolType Protocol)
{
    /// <summary><c>host:port</c>, an IPv6 address in brackets.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"{UrlHost}:{Port}");

    private string UrlHost => IPAddress.TryParse(Host, out IPAddress? ip) && ip.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]" : Host;
}

/// <summary>Names of the components, as commands, status and directories use them.</summary>
public static class Components
{
    /// <summary>The storefront and operations pages.</summary>
    public const string Web = "web";

    /// <summary>The financial-transactions service.</summary>
    public const string Payments = "payments";

    /// <summary>The seller servers.</summary>
    public const string SellerServer = "seller-server";

    /// <summary>The buyer servers.</summary>
    public const string BuyerServer = "buyer-server";

    /// <summary>The customers database.</summary>
    public const string Customers = "customers";

    /// <summary>The products database.</summary>
    public const string Products = "products";
}
