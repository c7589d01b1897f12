using System.Net;
using System.Net.Sockets;

namespace Agora.Cluster;

/// <summary>Host names of the cluster file.</summary>
public static class HostNames
{
    /// <summary>The address at which other replicas reach a replica.</summary>
    /// <exception cref="FixableException">Its host name does not resolve here, or it has no port. The port must be in
    /// the file, because the other replicas could not know one that the system chose.</exception>
    public static IPEndPoint PeerOf(DatabaseAddress replica) =>
        replica.PeerPort is > 0 and <= IPEndPoint.MaxPort
            ? new(Resolve(replica.Host), replica.PeerPort)
            : throw new FixableException(
                "the cluster file",
                $"gives a database replica on {replica.Host} the peer port {replica.PeerPort}",
                $"Write one from 1 to {IPEndPoint.MaxPort}"
            );

    /// <summary>The address of a host name; IPv4 if it has both.</summary>
    /// <exception cref="FixableException">The name does not resolve here.</exception>
    public static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(host)
                .OrderBy(a => a.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)
                .First();
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            throw new FixableException(
                "the cluster file",
                $"its host '{host}' cannot be resolved here ({e.Message.TrimEnd('.')})",
                "Write an address, or a name that this host knows",
                e
            );
        }
    }
}
