using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Testing;

namespace Agora.Tests;

/// <summary>A directory of a test's own, and what it needs around it.</summary>
public sealed class Scratch : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("agora-test-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>A process that is not in the way of anybody.</summary>
    public static ClusterProcess Process(string component = Components.Products, int replica = 0) =>
        new(component, replica, "127.0.0.1", [new("http", "port", "127.0.0.1", FreePorts.Take(), ProtocolType.Tcp)]);

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
