using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Agora.Cluster;

/// <summary>An address that a process listens on.</summary>
/// <param name="Name"><c>http</c>, <c>https</c>, <c>grpc</c>, <c>raft</c>, <c>udp</c> or <c>operators</c>.</param>
/// <param name="Field">The field of the cluster file that holds the port.</param>
/// <param name="Host">Host name or IP address.</param>
/// <param name="Port">The port.</param>
/// <param name="Protocol">TCP or UDP; the same number may be used once for each.</param>
public sealed record ClusterEndpoint(string Name, string Field, string Host, int Port, ProtocolType Protocol)
{
    /// <summary>Where a process or a supervisor answers operators; null without a port.</summary>
    public static ClusterEndpoint? OfOperators(string host, int? port) =>
        port is { } number ? new("operators", "operatorsPort", host, number, ProtocolType.Tcp) : null;

    /// <summary><c>host:port</c>, an IPv6 address in brackets.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"{UrlHost}:{Port}");

    private string UrlHost =>
        IPAddress.TryParse(Host, out var ip) && ip.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]" : Host;
}
