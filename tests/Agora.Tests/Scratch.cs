using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Testing;

namespace Agora.Tests;

/// <summary>A temporary directory for one test, and a few helpers.</summary>
public sealed class Scratch : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("agora-test-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>A process with a free port.</summary>
    public static ClusterProcess Process(string component = Components.Products, int replica = 0) =>
        new(component, replica, "127.0.0.1", [new("http", "port", "127.0.0.1", FreePorts.Take(), ProtocolType.Tcp)]);

    /// <summary>A cluster with one replica of each, on free ports.</summary>
    public static ClusterFile SmallCluster() =>
        new()
        {
            Payments = new() { Replicas = [new() { Port = FreePorts.Take() }] },
            SellerServers = new() { Replicas = [new() { Port = FreePorts.Take() }] },
            BuyerServers = new() { Replicas = [new() { Port = FreePorts.Take() }] },
            Customers = new()
            {
                Engine = ReplicationEngine.RotatingSequencer,
                Replicas = [new() { GrpcPort = FreePorts.Take(), PeerPort = FreePorts.Take() }],
            },
            Products = new()
            {
                Engine = ReplicationEngine.Raft,
                Replicas = [new() { GrpcPort = FreePorts.Take(), PeerPort = FreePorts.Take() }],
            },
        };

    /// <summary>Waits for a condition. Only a bug reaches the time limit.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var startedAt = Stopwatch.GetTimestamp();
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
