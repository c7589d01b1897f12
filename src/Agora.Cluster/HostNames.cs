using System.Net;
using System.Net.Sockets;

namespace Agora.Cluster;

/// <summary>Host names of the cluster file.</summary>
public static class HostNames
{
    /// <summary>Whether a host may get another address: it is given by a name.</summary>
    public static bool IsName(string host) => !IPAddress.TryParse(host, out _);

    /// <summary>The address at which other replicas reach a replica now.</summary>
    /// <param name="replica">What the cluster file says of it.</param>
    /// <param name="lookup">Finds its host; the system's names if null.</param>
    /// <exception cref="FixableException">Its host name does not resolve here, or it has no port.</exception>
    public static IPEndPoint PeerOf(DatabaseAddress replica, HostLookup? lookup = null)
    {
        var port = PeerPortOf(replica);
        return new IPEndPoint((lookup ?? Resolve)(replica.Host), port);
    }

    /// <summary>The port at which other replicas reach a replica.</summary>
    /// <exception cref="FixableException">It has none. The port must be in the file, because the other replicas could
    /// not know one that the system chose.</exception>
    public static int PeerPortOf(DatabaseAddress replica) =>
        replica.PeerPort is > 0 and <= IPEndPoint.MaxPort
            ? replica.PeerPort
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
