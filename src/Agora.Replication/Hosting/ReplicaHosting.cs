using System.Net.Security;
using Agora.Cluster;
using Agora.Replication.Broadcast;
using Agora.Replication.Raft;
using Agora.Replication.Scrubbing;
using Agora.Replication.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agora.Replication.Hosting;

/// <summary>
/// The host that both databases share: a gRPC listener, a <see cref="ReplicatedStore"/>, the <see cref="IReplicator"/>
/// that the cluster file names, and their start and stop.
/// </summary>
public static class ReplicaHosting
{
    /// <summary>
    /// Configuration key of the cluster's id, which its replicas write into their files. Without one, as in tests, it
    /// is empty.
    /// </summary>
    public const string ClusterIdSetting = "Agora:ClusterId";

    /// <summary>
    /// Adds one replica of a database: <see cref="ReplicatedStore"/> and <see cref="IReplicator"/> to the services,
    /// gRPC over HTTP/2 on the replica's port. The store is opened at once.
    /// </summary>
    /// <param name="builder">The process's builder. Its configuration names the cluster
    /// (<see cref="ClusterIdSetting"/>).</param>
    /// <param name="group">The database in the cluster file.</param>
    /// <param name="database">The database's name.</param>
    /// <param name="replica">The replica's number in it.</param>
    /// <param name="directory">The replica's own directory; made if missing.</param>
    /// <param name="stateMachine">What applies the commands.</param>
    /// <param name="identity">The replica's identity: gRPC and Raft use TLS, and both ends are verified. Without one,
    /// both are in the clear.</param>
    /// <exception cref="IOException">The directory cannot be used; the message says which and why.</exception>
    public static WebApplicationBuilder AddReplica(
        this WebApplicationBuilder builder,
        DatabaseGroup group,
        string database,
        int replica,
        string directory,
        IStateMachine stateMachine,
        ComponentIdentity? identity
    ) => AddReplica(builder, group, database, replica, directory, stateMachine, identity, new RaftSettings());

    internal static WebApplicationBuilder AddReplica(
        WebApplicationBuilder builder,
        DatabaseGroup group,
        string database,
        int replica,
        string directory,
        IStateMachine stateMachine,
        ComponentIdentity? identity,
        RaftSettings raft
    )
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
            kestrel.Listen(
                HostNames.Resolve(address.Host),
                address.GrpcPort,
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http2;
                    if (identity is not null)
                    {
                        var tls = identity.ServerOptions(SslApplicationProtocol.Http2, Callers.OfPort);
                        listen.UseHttps(
                            new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls) }
                        );
                    }

                    if (group.Engine == ReplicationEngine.Raft)
                    {
                        listen.UseReports();
                    }
                }
            );
        });
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<ReplicaInterceptor>();
            grpc.MaxReceiveMessageSize = 2 * Command.MaxPayload;
        });
        builder.Services.AddSingleton<ReplicaInterceptor>();
        builder.Services.AddSingleton(services => new Admission(
            identity,
            TimeProvider.System,
            services.GetRequiredService<ILogger<Admission>>()
        ));

        AddHealth(builder, group, replica, identity);
        builder.Services.TryAddSingleton<HostLookup>(HostNames.Resolve);

        // Opened now, so that an unusable directory is reported before anything runs. Registered by a factory, so that
        // the container closes it.
        ReplicaOwner owner = new(
            builder.Configuration[ClusterIdSetting] ?? "",
            database,
            group.Engine,
            replica,
            group.Replicas.Count
        );
        var opened = OpenedReplica.Open(directory, owner, group, stateMachine, raft.Log);
        builder.Services.AddSingleton(_ => opened);
        builder.Services.AddSingleton(services => services.GetRequiredService<OpenedReplica>().Directory);
        builder.Services.AddSingleton(services => services.GetRequiredService<OpenedReplica>().Store);
        if (opened.Files is { } files)
        {
            builder.Services.AddSingleton(services => CreateRaft(services, group, opened, files, identity, raft));
            builder.Services.AddSingleton<IReplicator>(services => new ObservedReplicator(
                services.GetRequiredService<RaftReplicator>()
            ));
            builder.Services.AddSingleton<IStateSource>(services => services.GetRequiredService<RaftReplicator>());
            builder.Logging.AddFilter(LibraryNode.LogCategory, LogLevel.Critical);
        }
        else
        {
            builder.Services.AddSingleton(services => CreateBroadcast(services, group, opened, identity));
            builder.Services.AddSingleton<IReplicator>(services => new ObservedReplicator(
                services.GetRequiredService<BroadcastReplicator>()
            ));
            builder.Services.AddSingleton<IStateSource>(services => services.GetRequiredService<BroadcastReplicator>());
        }

        builder.Services.AddSingleton<ReplicaMetrics>();
        builder.Services.AddHostedService<ReplicaLifetime>();
        builder.Services.AddHostedService<ClockWatch>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Scrubber>());

        // Reads and submissions under way end within the second that the engine gives them.
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(5));
        return builder;
    }

    /// <summary>
    /// Maps what replicas answer each other and those who watch them: status and digest, and how a replica joins its
    /// group.
    /// </summary>
    public static WebApplication MapReplica(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        _ = app.Services.GetRequiredService<ReplicaMetrics>();
        app.MapGrpcService<ReplicaService>();
        app.MapGrpcService<ReplicaPeerService>();
        if (app.Services.GetRequiredService<IServiceProviderIsService>().IsService(typeof(RaftReplicator)))
        {
            app.MapGrpcService<RaftPeerService>();
        }
        else
        {
            app.MapGrpcService<StateSourceService>();
        }

        return app;
    }

    // What watches the replica's clock and state beside the engine.
    private static void AddHealth(
        WebApplicationBuilder builder,
        DatabaseGroup group,
        int replica,
        ComponentIdentity? identity
    )
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton(new LimitSettings());
        builder.Services.TryAddSingleton(services => new ScrubSettings
        {
            Interval = TimeSpan.FromMinutes(services.GetRequiredService<LimitSettings>().ScrubMinutes),
        });
        builder.Services.AddSingleton(services => new ReplicaPeers(
            group,
            services.GetRequiredService<ReplicaDirectory>().Owner,
            identity
        ));
        builder.Services.AddSingleton(services => new ReplicaClock(
            services.GetRequiredService<TimeProvider>(),
            () => services.GetRequiredService<ReplicatedStore>().Time,
            group.Replicas.Count - 1,
            TimeSpan.FromSeconds(services.GetRequiredService<LimitSettings>().ClockSeconds)
        ));
        builder.Services.AddSingleton<StateHealth>();
        builder.Services.AddSingleton(services => new ReplicaFooting(
            services.GetRequiredService<ReplicaDirectory>(),
            services.GetRequiredService<ReplicaClock>(),
            identity
        ));
        builder.Services.AddSingleton(services => new Scrubber(
            group.Replicas.Count,
            replica,
            services.GetRequiredService<IReplicator>(),
            services.GetRequiredService<ReplicatedStore>(),
            services.GetRequiredService<ReplicaPeers>(),
            services.GetRequiredService<StateHealth>(),
            services.GetRequiredService<ScrubSettings>(),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<Scrubber>>()
        ));
    }

    /// <summary>
    /// Moves everything that a replica's directory holds aside within it, with the reason in a text file, so that the
    /// replica begins with nothing and copies the state from the others. No process may use it.
    /// </summary>
    /// <returns>Where it is now; null if there was nothing.</returns>
    /// <exception cref="FixableException">The directory is in use, or cannot be used.</exception>
    public static string? SetAside(string directory, string reason)
    {
        try
        {
            if (
                !Directory.Exists(directory)
                || Directory
                    .EnumerateFileSystemEntries(directory)
                    .All(e => Path.GetFileName(e) is DirectoryLock.FileName or Replication.SetAside.DirectoryName)
            )
            {
                return null;
            }

            using var held = DirectoryLock.Take(directory);
            return Replication.SetAside.Everything(directory, reason, TimeProvider.System, NullLogger.Instance);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of(Path.GetFullPath(directory), e);
        }
    }

    private static RaftReplicator CreateRaft(
        IServiceProvider services,
        DatabaseGroup group,
        OpenedReplica opened,
        ReplicaFiles files,
        ComponentIdentity? identity,
        RaftSettings raft
    ) =>
        new(
            group,
            opened.Directory,
            files,
            opened.Store,
            raft with
            {
                Election = ElectionTimes.Parse(services.GetRequiredService<IConfiguration>()[ElectionTimes.Setting]),
                Lookup = services.GetRequiredService<HostLookup>(),
            },
            identity,
            services.GetRequiredService<ILoggerFactory>()
        )
        {
            MayLead = () =>
                !services.GetRequiredService<ReplicaClock>().IsWrong
                && services.GetRequiredService<StateHealth>().Wrong is null,
        };

    private static BroadcastReplicator CreateBroadcast(
        IServiceProvider services,
        DatabaseGroup group,
        OpenedReplica opened,
        ComponentIdentity? identity
    ) =>
        new(
            group,
            opened.Directory,
            GroupKey.Load(opened.Directory.Owner, services.GetRequiredService<IConfiguration>()[GroupKey.FileSetting]),
            opened.Store,
            services.GetRequiredService<HostLookup>(),
            identity,
            services.GetRequiredService<ILogger<BroadcastReplicator>>()
        );
}
