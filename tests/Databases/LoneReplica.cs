using Agora.Cluster;
using Agora.Replication;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Agora.Testing;

/// <summary>
/// A whole replica of a database with the database's own engine, alone in its group, that is called as the servers
/// call it. It keeps its state over a stop and a start.
/// </summary>
internal sealed class LoneReplica(
    Func<WebApplicationBuilder, ClusterFile, string, ComponentIdentity?, WebApplication> build,
    TimeProvider time
) : IAsyncDisposable
{
    private WebApplication? _running;
    private GrpcChannel? _channel;

    /// <summary>The replica's clock from the next start on.</summary>
    public TimeProvider Time { get; set; } = time;

    /// <summary>Goes with the replica.</summary>
    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("agora-replica-").FullName;

    public string DataDirectory => Path.Combine(Directory, "data");

    /// <summary>Where the replica takes calls since it was last started.</summary>
    public int Port { get; private set; }

    public WebApplication Build(string directory, int idempotencyKeyMinutes = 15, ComponentIdentity? identity = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(Time);
        var key = Path.Combine(Directory, "group.key");
        File.WriteAllBytes(key, "a key that only these tests know"u8.ToArray());
        builder.Configuration["Agora:GroupKeyFile"] = key;
        Port = FreePorts.Take();
        DatabaseAddress[] alone = [new DatabaseAddress { GrpcPort = Port, PeerPort = FreePorts.Take() }];
        var cluster = ClusterFile.Default with
        {
            Customers = ClusterFile.Default.Customers with { Replicas = alone },
            Products = ClusterFile.Default.Products with { Replicas = alone },
            Limits = ClusterFile.Default.Limits with { IdempotencyKeyMinutes = idempotencyKeyMinutes },
        };
        return build(builder, cluster, directory, identity);
    }

    /// <summary>Starts the replica; what it returns calls it in the clear.</summary>
    public async Task<CallInvoker> StartAsync(int idempotencyKeyMinutes = 15, ComponentIdentity? identity = null)
    {
        _running = Build(DataDirectory, idempotencyKeyMinutes, identity);
        await _running.StartAsync(TestContext.Current.CancellationToken);
        // A group forms soon after its replicas have started, and takes commands from then on.
        while (!Service<IReplicator>().Status.Ready || Service<IReplicator>().Details.Joining is not null)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{Port}");
        return _channel.Intercept(new CallDeadline());
    }

    /// <summary>A service of the running replica.</summary>
    public T Service<T>()
        where T : notnull => _running!.Services.GetRequiredService<T>();

    public async Task StopAsync()
    {
        _channel?.Dispose();
        if (_running is not null)
        {
            await _running.DisposeAsync();
        }

        (_channel, _running) = (null, null);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
