using System.Net;
using System.Net.Sockets;

namespace Agora.Testing;

/// <summary>
/// Ports on the loopback interface for processes that a test or a benchmark starts and restarts. They are below the
/// range from which the system takes ports for outgoing connections. A port of that range might be taken while its
/// owner restarts.
/// </summary>
internal static class FreePorts
{
    private const int First = 12_000;
    private const int Last = 31_999;

    // A random start, because suites run beside each other. This process uses each port once.
    private static int s_next = Random.Shared.Next(Last - First);

    /// <summary>A port that is free for TCP and UDP. No other call in this process gets it.</summary>
    public static int Take()
    {
        for (var tries = 0; tries < Last - First; tries++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref s_next) % (Last - First));
            if (IsFree(port, SocketType.Stream, ProtocolType.Tcp) && IsFree(port, SocketType.Dgram, ProtocolType.Udp))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"no port from {First} to {Last} is free");
    }

    /// <summary>Several free ports.</summary>
    public static int[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Take())];

    /// <summary>Several end points with free ports.</summary>
    public static IPEndPoint[] TakeEndPoints(int count) =>
        [.. Take(count).Select(port => new IPEndPoint(IPAddress.Loopback, port))];

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
