using System.Collections.Concurrent;
using System.Text;
using Agora.Cluster;
using Agora.Lab;
using Agora.Replication.Broadcast;
using Agora.Replication.Hosting;
using Agora.Replication.Raft;
using Agora.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// All replicas of one database in this process, each a host of its own, on free ports and in directories of the test's
/// own.
/// </summary>
internal sealed class Group : IAsyncDisposable
{
    /// <summary>The name of the database.</summary>
    public const string Database = "ledger";

    private static readonly TimeSpan s_maxWait = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory _directory = new();
    private readonly WebApplication?[] _hosts;
    private readonly Func<int, RaftSettings> _raft;
    private readonly Relays? _relays;
    private readonly ConcurrentQueue<(int Replica, string Message)> _warnings = [];

    private readonly ClusterSecrets? _secrets;
    private readonly Action<WebApplicationBuilder, int>? _configure;

    private Group(
        ReplicationEngine engine,
        int size,
        Func<int, RaftSettings> raft,
        ClusterSecrets? secrets,
        FaultyNetwork? network,
        Action<WebApplicationBuilder, int>? configure
    )
    {
        _configure = configure;
        _secrets = secrets;
        _raft = raft;
        _hosts = new WebApplication?[size];
        Definition = new DatabaseGroup
        {
            Engine = engine,
            Replicas = [.. Enumerable.Range(0, size).Select(_ => FreeAddress())],
        };
        _relays = network is null ? null : new Relays(network, Definition);
    }

    public DatabaseGroup Definition { get; }

    public IEnumerable<int> Running => Enumerable.Range(0, _hosts.Length).Where(i => _hosts[i] is not null);

    /// <summary>A group that has not started.</summary>
    public static Group Prepare(
        ReplicationEngine engine,
        int size,
        Action<WebApplicationBuilder, int>? configure = null
    ) => new(engine, size, _ => new RaftSettings(), null, null, configure);

    /// <summary>
    /// Starts all; with a network, everything that they send each other passes relays over its links, named by replica
    /// number.
    /// </summary>
    public static Task<Group> StartAsync(
        ReplicationEngine engine,
        int size,
        RaftSettings? raft = null,
        ClusterSecrets? secrets = null,
        FaultyNetwork? network = null,
        Action<WebApplicationBuilder, int>? configure = null
    ) => StartAsync(engine, size, _ => raft ?? new RaftSettings(), secrets, network, configure);

    /// <summary>Starts all, each with settings of its own.</summary>
    public static async Task<Group> StartAsync(
        ReplicationEngine engine,
        int size,
        Func<int, RaftSettings> raft,
        ClusterSecrets? secrets = null,
        FaultyNetwork? network = null,
        Action<WebApplicationBuilder, int>? configure = null
    )
    {
        Group group = new(engine, size, raft, secrets, network, configure);
        await group.StartAllAsync();

        // A replica that is still joining counts as one that is away.
        await EventuallyAsync(() =>
            Task.FromResult(group.Running.All(i => group.Replicator(i).Status.Ready) ? true : (bool?)null)
        );
        return group;
    }

    public T Service<T>(int replica)
        where T : notnull => _hosts[replica]!.Services.GetRequiredService<T>();

    public IReplicator Replicator(int replica) => _hosts[replica]!.Services.GetRequiredService<IReplicator>();

    public RaftReplicator Raft(int replica) => _hosts[replica]!.Services.GetRequiredService<RaftReplicator>();

    public ReplicatedStore Store(int replica) => _hosts[replica]!.Services.GetRequiredService<ReplicatedStore>();

    public Task StartAllAsync() =>
        Task.WhenAll(Enumerable.Range(0, _hosts.Length).Where(i => _hosts[i] is null).Select(StartAsync));

    public Task StartAsync(int replica) => StartAsync(replica, _secrets);

    /// <summary>Starts a replica with keys of its own choice, or with another cluster file than the others.</summary>
    public async Task StartAsync(int replica, ClusterSecrets? secrets, DatabaseGroup? definition = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddProvider(new TestOutput(replica, _warnings));
        AddKey(builder, _directory);
        _configure?.Invoke(builder, replica);
        ReplicaHosting.AddReplica(
            builder,
            definition ?? _relays?.SeenBy(replica) ?? Definition,
            Database,
            replica,
            _directory[$"{replica}"],
            new Ledger(),
            Identity(replica, secrets),
            _raft(replica)
        );
        var host = builder.Build();
        host.MapReplica();
        try
        {
            await host.StartAsync();
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }

        _hosts[replica] = host;
    }

    public async Task StopAsync(int replica)
    {
        var host = _hosts[replica]!;
        _hosts[replica] = null;
        try
        {
            await host.StopAsync();
        }
        finally
        {
            await host.DisposeAsync();
        }
    }

    /// <summary>Waits until the replica's process asks to be ended.</summary>
    public Task ShutdownAsync(int replica) =>
        EventuallyAsync(() =>
            Task.FromResult(_hosts[replica]!.Lifetime.ApplicationStopping.IsCancellationRequested ? true : (bool?)null)
        );

    /// <summary>Waits until a replica has logged a warning that contains some words.</summary>
    public Task WarningAsync(int replica, string words) =>
        EventuallyAsync(() =>
            Task.FromResult(
                _warnings.Any(w => w.Replica == replica && w.Message.Contains(words, StringComparison.Ordinal))
                    ? true
                    : (bool?)null
            )
        );

    public string DirectoryOf(int replica) => _directory[$"{replica}"];

    public string DirectoryOf(int replica, string name) => Path.Combine(_directory[$"{replica}"], name);

    public async Task StopAllAsync() => await Task.WhenAll(Running.ToArray().Select(StopAsync));

    /// <summary>
    /// Counts as a client does: goes to the leader that a refusal names, and retries with the same request id.
    /// </summary>
    public async Task<long> CountAsync(string name, Guid? id = null, int? at = null)
    {
        var command = Ledger.Count(name, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), id);
        var replica = at ?? Running.First();
        return await EventuallyAsync(async () =>
        {
            try
            {
                var reply = await Replicator(replica).SubmitAsync(command, TestContext.Current.CancellationToken);
                return long.Parse(Encoding.UTF8.GetString(reply.Span), provider: null);
            }
            catch (ReplicaUnavailableException e)
            {
                var others = Running.ToList();
                replica =
                    e.Leader is { } leader && _hosts[leader] is not null
                        ? leader
                        : others[(others.IndexOf(replica) + 1) % others.Count];
                return (long?)null;
            }
        });
    }

    /// <summary>Reads as a client does: linearizably, at this replica.</summary>
    public async Task<long> ReadAsync(int replica, string name) =>
        await EventuallyAsync(async () =>
        {
            try
            {
                await Replicator(replica).ReadBarrierAsync(TestContext.Current.CancellationToken);
                return Ledger.Value(Store(replica), name);
            }
            catch (ReplicaUnavailableException)
            {
                return (long?)null;
            }
        });

    public Task<int> LeaderAsync() =>
        EventuallyAsync(() =>
            Task.FromResult(
                Running.Select(i => (int?)i).FirstOrDefault(i => Replicator(i!.Value).Status.Role == "leader")
            )
        );

    /// <summary>The digest that all running replicas come to, with its position.</summary>
    public Task<StateDigest> EqualDigestsAsync() =>
        EventuallyAsync(() =>
        {
            var digests = Running.Select(i => Store(i).Digest()).Distinct().ToList();
            return Task.FromResult(digests.Count == 1 ? digests[0] : (StateDigest?)null);
        });

    /// <summary>Waits for a condition. The time limit only keeps a broken test from hanging.</summary>
    public static async Task<T> EventuallyAsync<T>(Func<Task<T?>> probe)
        where T : struct
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(s_maxWait);
        while (true)
        {
            if (await probe() is { } result)
            {
                return result;
            }

            await Task.Delay(20, timeout.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAllAsync();
        if (_relays is not null)
        {
            await _relays.DisposeAsync();
        }

        _directory.Dispose();
    }

    /// <summary>Gives a replica the key of its group's datagrams, the same for all in the directory.</summary>
    public static void AddKey(WebApplicationBuilder builder, TemporaryDirectory directory)
    {
        File.WriteAllBytes(directory["customers.key"], "a key that only these tests know"u8.ToArray());
        builder.Configuration[GroupKey.FileSetting] = directory["customers.key"];
    }

    private static ComponentIdentity? Identity(int replica, ClusterSecrets? secrets) =>
        secrets?.Of(new ClusterProcess(Components.Products, replica, "127.0.0.1", []), TimeProvider.System.GetUtcNow());

    private static DatabaseAddress FreeAddress() => new() { GrpcPort = FreePorts.Take(), PeerPort = FreePorts.Take() };

    private sealed class TestOutput(int replica, ConcurrentQueue<(int Replica, string Message)> warnings)
        : ILoggerProvider,
            ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            var message = formatter(state, exception);
            warnings.Enqueue((replica, message));
            TestContext.Current.TestOutputHelper?.WriteLine($"{replica} {logLevel} {message} {exception}");
        }

        public void Dispose()
        {
            // Nothing is kept.
        }
    }
}
