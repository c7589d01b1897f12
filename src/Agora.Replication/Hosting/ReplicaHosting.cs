using System.Net.Security;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Agora.Replication.Broadcast;
using Agora.Replication.Raft;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Hosting;

/// <summary>
/// The host that both databases share: a gRPC listener, a <see cref="ReplicatedStore"/>, the <see cref="IReplicator"/> that the
/// cluster file names, and their start and stop.
/// </summary>
public static class ReplicaHosting
{
    /// <summary>
    /// Adds one replica of a database: <see cref="ReplicatedStore"/> and <see cref="IReplicator"/> to the services, gRPC over HTTP/2
    /// on the replica's port. The store is opened at once.
    /// </summary>
    /// <param name="builder">The process's builder.</param>
    /// <param name="group">The database in the cluster file.</param>
    /// <param name="replica">The replica's number in it.</param>
    /// <param name="directory">The replica's own directory; made if missing.</param>
    /// <param name="stateMachine">What applies the commands.</param>
    /// <param name="identity">The replica's identity: gRPC and Raft are spoken over TLS, both ends verified. Without one, in the clear.</param>
    /// <exception cref="IOException">The directory cannot be used; the message says which and why.</exception>
    public static WebApplicationBuilder AddReplica(
        this WebApplicationBuilder builder, DatabaseGroup group, int replica, string directory, IStateMachine stateMachine, ComponentIdentity? identity) =>
        AddReplica(builder, group, replica, directory, stateMachine, identity, new RaftSettings());

    internal static WebApplicationBuilder AddReplica(
        WebApplicationBuilder builder, DatabaseGroup group, int replica, string directory, IStateMachine stateMachine, ComponentIdentity? identity, RaftSettings raft)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(group);
        ArgumentOutOfRangeException.ThrowIfNegative(replica);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(replica, group.Replicas.Count);
        var address = group.Replicas[replica];
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // A server keeps one connection to a replica, and all its calls wait there for their round of the group.
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1024;
            kestrel.Listen(HostNames.Resolve(address.Host), address.GrpcPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (identity is not null)
                {
                    var tls = identity.ForCallers(SslApplicationProtocol.Http2, Callers.OfPort);
                    listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls) });
                }

                listen.UseViews();
            });
        });
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<ReplicaInterceptor>();
            grpc.MaxReceiveMessageSize = 2 * Command.MaxPayload;
        });
        builder.Services.AddSingleton<ReplicaInterceptor>();
        builder.Services.AddSingleton(services => new Admission(identity, TimeProvider.System, services.GetRequiredService<ILogger<Admission>>()));

        // Opened now, so that an unusable directory is reported before anything runs; made known by a factory, so that the container closes it.
        var store = ReplicatedStore.Open(directory, stateMachine, whenDamaged: ReplicaAdvice.ForState(group, directory));
        builder.Services.AddSingleton(_ => store);
        builder.Services.AddSingleton(services => CreateReplicator(services, group, replica, directory, store, identity, raft));
        builder.Services.AddHostedService<ReplicaLifetime>();

        // The library tells of every request to a member that is down.
        builder.Logging.AddFilter("DotNext", LogLevel.Critical);

        // Reads and submissions under way end within the second that the engine gives them.
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(5));
        return builder;
    }

    /// <summary>Maps what replicas answer each other and whoever watches them: status, read position, digest; with Raft, how one comes in.</summary>
    public static WebApplication MapReplica(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGrpcService<ReplicaService>();
        app.MapGrpcService<RaftPeerService>();
        return app;
    }

    private static IReplicator CreateReplicator(
        IServiceProvider services, DatabaseGroup group, int replica, string directory, ReplicatedStore store, ComponentIdentity? identity, RaftSettings raft)
    {
        var loggers = services.GetRequiredService<ILoggerFactory>();
        if (group.Engine == ReplicationEngine.Raft)
        {
            raft = raft with { Election = ElectionTimes.Parse(services.GetRequiredService<IConfiguration>()[ElectionTimes.Setting]) };
            return new RaftReplicator(group, replica, Path.Combine(directory, "raft"), store, new RaftPeers(group, replica, identity), raft, identity, loggers);
        }

        var key = GroupKey.Load(group, services.GetRequiredService<IConfiguration>()[GroupKey.FileSetting]);
        return new BroadcastReplicator(group, replica, Path.Combine(directory, "journal"), key, store, loggers.CreateLogger<BroadcastReplicator>());
    }
}
