using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Agora.Contracts.Cluster;

namespace Agora.Launcher;

/// <summary>What is true of this host's addresses and ports at the moment of asking.</summary>
internal static class Ports
{
    /// <summary>Those that cannot be listened on because another program does.</summary>
    public static IReadOnlyList<ClusterEndpoint> Taken(IEnumerable<ClusterEndpoint> endpoints) => [.. endpoints.Where(IsTaken)];

    /// <summary>E.g. <c>TCP port 127.0.0.1:8110</c>.</summary>
    public static string Describe(ClusterEndpoint endpoint) => $"{endpoint.Protocol.ToString().ToUpperInvariant()} port {endpoint.Address}";

    /// <summary>Does the host, a name or an address, mean this machine?</summary>
    public static bool IsLocal(string host)
    {
        IPAddress[] addresses;
        try
        {
            addresses = Dns.GetHostAddresses(host);
        }
        catch (SocketException)
        {
            // A name that this machine cannot resolve is not its own.
            return false;
        }
        HashSet<IPAddress> own = [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address)];
        return addresses.Any(a => IPAddress.IsLoopback(a) || own.Contains(a));
    }

    private static bool IsTaken(ClusterEndpoint endpoint)
    {
        try
        {
            IPAddress address = Dns.GetHostAddresses(endpoint.Host)[0];
            using Socket socket = new(
                address.AddressFamily, endpoint.Protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream, endpoint.Protocol);
            socket.Bind(new IPEndPoint(address, endpoint.Port));
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.AddressAlreadyInUse;
        }
    }
}
