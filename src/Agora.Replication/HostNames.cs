using System.Net;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;

namespace Agora.Replication;

/// <summary>Host names of the cluster file.</summary>
internal static class HostNames
{
    /// <summary>Where a replica is for the others.</summary>
    /// <exception cref="IOException">Its host's name is not known here, or it has no port: one that the system chose could not be known to the others.</exception>
    public static IPEndPoint PeerOf(DatabaseAddress replica) => replica.PeerPort is > 0 and <= IPEndPoint.MaxPort
        ? new(Resolve(replica.Host), replica.PeerPort)
        : throw new FixableException(
            "the cluster file", $"gives a database replica on {replica.Host} the peer port {replica.PeerPort}", $"Write one from 1 to {IPEndPoint.MaxPort}");

    /// <summary>The address that a host name stands for; IPv4 where there are both.</summary>
    /// <exception cref="IOException">The name is not known here.</exception>
    public static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(host).OrderBy(a => a.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).First();
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            throw new FixableException(
                "the cluster file", $"its host '{host}' cannot be resolved here ({e.Message.TrimEnd('.')})", "Write an address, or a name that this host knows", e);
        }
    }
}
