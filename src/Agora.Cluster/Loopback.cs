using System.Net;

namespace Agora.Cluster;

/// <summary>Recognises hosts that only programs on the same machine can reach.</summary>
public static class Loopback
{
    /// <summary>
    /// An address of the loopback interface, or <c>localhost</c>. Any other name is not loopback, whatever it resolves
    /// to: a server with such a name listens on every address.
    /// </summary>
    public static bool Is(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
}
