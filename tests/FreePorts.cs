using System.Net;
using System.Net.Sockets;

namespace Agora.Testing;

/// <summary>
/// Ports on the loopback interface for whatever a test or a benchmark starts, and starts again. They lie below the range from which the
/// system gives ports to outgoing connections: a port of that range is gone when it is let go, even for as long as its owner is restarted.
/// </summary>
internal static class FreePorts
{
    private const int First = 12_000;
    private const int Last = 31_999;

    // Somewhere else in each process, since suites may run beside each other; once each in this one.
    private static int s_next = Random.Shared.Next(Last - First);

    /// <summary>A port that nobody listens on, neither TCP nor UDP, and that is given to nobody else here.</summary>
    public static int Take()
    {
        for (int tries = 0; tries < Last - First; tries++)
        {
            int port = First + (int)((uint)Interlocked.Increment(ref s_next) % (Last - First));
            if (IsFree(port, SocketType.Stream, ProtocolType.Tcp) && IsFree(port, SocketType.Dgram, ProtocolType.Udp))
            {
                return port;
            }
        }
        throw new InvalidOperationException($"no port from {First} to {Last} is free");
    }

    /// <summary>As many.</summary>
    public static int[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Take())];

    /// <summary>As many, on the loopback interface.</summary>
    public static IPEndPoint[] TakeEndPoints(int count) => [.. Take(count).Select(port => new IPEndPoint(IPAddress.Loopback, port))];

    private static bool IsFree(int port, SocketType type, ProtocolType protocol)
    {
        using Socket socket = new(AddressFamily.InterNetwork, type, protocol);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
