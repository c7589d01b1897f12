using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Agora.Contracts.Cluster;

namespace Agora.Tests;

/// <summary>A directory of a test's own, and what it needs around it.</summary>
public sealed class Scratch : IDisposable
{
    private static readonly ConcurrentDictionary<int, bool> s_given = new();

    public string Root { get; } = Directory.CreateTempSubdirectory("agora-test-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>A process that is not in the way of anybody.</summary>
    public static ClusterProcess Process(string component = Components.Products, int replica = 0) =>
        new(component, replica, "127.0.0.1", [new("http", "port", "127.0.0.1", FreePort(), ProtocolType.Tcp)]);

    /// <summary>A port that nobody has, and that nobody was given here before: the system may offer one again as soon as it is let go.</summary>
    public static int FreePort()
    {
        while (true)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            int port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            if (s_given.TryAdd(port, true))
            {
                return port;
            }
        }
    }

    /// <summary>Waits for a condition, with a bound that only a fault reaches.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        long startedAt = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(startedAt) > TimeSpan.FromSeconds(60))
            {
                throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"still not so: {what}"));
            }
            await Task.Delay(10);
        }
    }
}
