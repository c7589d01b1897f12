using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>Answers questions about this host's addresses and ports. The answers hold only for the moment.</summary>
internal static class Ports
{
    private const int MaxNamed = 3;

    /// <summary>The endpoints on which another program listens.</summary>
    public static IReadOnlyList<ClusterEndpoint> Taken(IEnumerable<ClusterEndpoint> endpoints) =>
        [.. endpoints.Where(IsTaken)];

    /// <summary>E.g. <c>TCP port 127.0.0.1:8110</c>.</summary>
    public static string Describe(ClusterEndpoint endpoint) =>
        $"{endpoint.Protocol.ToString().ToUpperInvariant()} port {endpoint.Address}";

    /// <summary>The first few of what is taken, and how many more; for a message of one line.</summary>
    public static string Some(IReadOnlyList<string> taken) =>
        taken.Count <= MaxNamed
            ? string.Join(", ", taken)
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{string.Join(", ", taken.Take(MaxNamed))} and {taken.Count - MaxNamed} more"
            );

    /// <summary>A host name or address means this machine.</summary>
    public static bool IsLocal(string host)
    {
        IPAddress[] addresses;
        try
        {
            addresses = Dns.GetHostAddresses(host);
        }
        catch (SocketException)
        {
            // This machine can resolve its own name.
            return false;
        }

        HashSet<IPAddress> own =
        [
            .. NetworkInterface
                .GetAllNetworkInterfaces()
                .SelectMany(i => i.GetIPProperties().UnicastAddresses)
                .Select(a => a.Address),
        ];
        return addresses.Any(a => IPAddress.IsLoopback(a) || own.Contains(a));
    }

    private static bool IsTaken(ClusterEndpoint endpoint)
    {
        try
        {
            var address = Dns.GetHostAddresses(endpoint.Host)[0];
            using Socket socket = new(
                address.AddressFamily,
                endpoint.Protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream,
                endpoint.Protocol
            );
            socket.Bind(new IPEndPoint(address, endpoint.Port));
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.AddressAlreadyInUse;
        }
    }
}
