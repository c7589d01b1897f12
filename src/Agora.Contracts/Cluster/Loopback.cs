using System.Net;

namespace Agora.Contracts.Cluster;

/// <summary>Hosts of the cluster file that only programs on the same machine can reach.</summary>
public static class Loopback
{
    /// <summary>
    /// An address of the loopback interface, or <c>localhost</c>. Any other name is none, whatever it resolves to here and now: a server that is named
    /// so listens on every address.
    /// </summary>
    public static bool Is(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out IPAddress? ip) && IPAddress.IsLoopback(ip));
}
