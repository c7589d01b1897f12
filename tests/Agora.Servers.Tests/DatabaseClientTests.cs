using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Replication;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>How a server finds a replica that serves it: three scripted replicas, real sockets.</summary>
public sealed class DatabaseClientTests : IAsyncLifetime
{
    private readonly List<ScriptedReplica> _replicas = [];
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        for (var number = 0; number < 3; number++)
        {
            var replica = new ScriptedReplica();
            await replica.StartAsync();
            _replicas.Add(replica);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
        {
            await replica.StopAsync();
        }

        await _services.DisposeAsync();
    }

    [Fact]
    public async Task Each_server_begins_at_another_replica()
    {
        for (var server = 0; server < 4; server++)
        {
            await using var client = Client(server);
            await ReadAsync(client);
            Assert.Equal(server % 3, LastServed());
        }
    }

    [Fact]
    public async Task A_dead_replica_is_excluded_at_once_and_used_again_when_it_is_back()
    {
        await using var client = Client(0);
        await ReadAsync(client);
        await _replicas[0].StopAsync();
        await ReadAsync(client);
        Assert.Equal(1, LastServed());

        await _replicas[0].StartAsync();
        await EventuallyAsync(async () =>
        {
            await ReadAsync(client);
            return LastServed() == 0;
        });
    }

    [Fact]
    public async Task A_replica_that_says_that_it_is_not_ready_stays_excluded()
    {
        await using var client = Client(0);
        _replicas[0].Script = _ => throw Unavailable();
        _replicas[0].Ready = false;
        await ReadAsync(client);
        await EventuallyAsync(() => Task.FromResult(_replicas[0].Probes > 1));
        _replicas[0].Script = null;
        await ReadAsync(client);
        Assert.Equal(1, LastServed());

        _replicas[0].Ready = true;
        await EventuallyAsync(async () =>
        {
            await ReadAsync(client);
            return LastServed() == 0;
        });
    }

    [Fact]
    public async Task A_replica_that_does_not_answer_costs_one_timeout()
    {
        await using var client = Client(0, silenceInSeconds: 1);
        _replicas[0].Ready = false;
        _replicas[0].Script = async context => await Task.Delay(Timeout.Infinite, context.CancellationToken);
        await ReadAsync(client);
        await ReadAsync(client);
        Assert.Equal([1, 1], Served());
        Assert.Single(_replicas[0].Asked);
    }

    [Fact]
    public async Task A_database_that_serves_reads_and_orders_no_writes_is_not_ready()
    {
        await using var client = Client(0);
        Assert.Null(await ReadinessPart.WriteOf(client).MissingAsync(TimeSpan.FromMinutes(1)));
        foreach (var replica in _replicas)
        {
            replica.Script = context =>
                context.Method.EndsWith("/Execute", StringComparison.Ordinal)
                    ? throw Unavailable()
                    : Task.CompletedTask;
        }

        Assert.Equal(
            "The customers database, for writes,",
            await ReadinessPart.WriteOf(client).MissingAsync(TimeSpan.FromSeconds(1))
        );
        Assert.Null(await ReadinessPart.ReadOf(client).MissingAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task A_command_follows_the_leader_with_one_request_id_and_the_next_goes_there_directly()
    {
        await using var client = Client(0);
        foreach (var follower in _replicas.Take(2))
        {
            follower.Script = _ => throw Unavailable(leader: 2);
        }

        var requestId = RequestIds.Random();
        await ExecuteAsync(client, requestId);
        await ExecuteAsync(client, RequestIds.Random());
        Assert.Equal([2, 2], Served());
        Assert.Equal(requestId, Assert.Single(_replicas[0].Asked));
        Assert.Empty(_replicas[1].Asked);
        Assert.Equal(requestId, _replicas[2].Asked.First());
    }

    [Fact]
    public async Task A_leader_is_learnt_from_any_answer()
    {
        await using var client = Client(0);
        _replicas[0].Leader = 2;
        await ReadAsync(client);
        await ExecuteAsync(client, RequestIds.Random());
        Assert.Equal([0, 2], Served());
        // Queries stay where they are: the load spreads over the replicas.
        await ReadAsync(client);
        Assert.Equal(0, LastServed());
    }

    [Fact]
    public async Task A_command_goes_elsewhere_when_its_leader_dies()
    {
        await using var client = Client(0);
        _replicas[0].Leader = 2;
        await ReadAsync(client);
        await _replicas[2].StopAsync();
        var requestId = RequestIds.Random();
        await ExecuteAsync(client, requestId);
        Assert.Equal(0, LastServed());
        Assert.Equal(requestId, _replicas[0].Asked.Last());
    }

    [Fact]
    public async Task An_election_is_waited_for()
    {
        await using var client = Client(0);
        var refusals = 0;
        foreach (var replica in _replicas)
        {
            replica.Script = _ => Interlocked.Increment(ref refusals) <= 12 ? throw Unavailable() : Task.CompletedTask;
        }

        var requestId = RequestIds.Random();
        await ExecuteAsync(client, requestId);
        Assert.All(_replicas.SelectMany(replica => replica.Asked), asked => Assert.Equal(requestId, asked));
    }

    [Fact]
    public async Task Once_a_replica_serves_again_every_waiting_call_goes_on_however_long_its_pause_has_grown()
    {
        const int Calls = 10;
        FakeTimeProvider time = new();
        await using var client = Client(0, time: time);
        var serving = false;
        foreach (var replica in _replicas)
        {
            replica.Ready = false;
            replica.Script = _ => Volatile.Read(ref serving) ? Task.CompletedTask : throw Unavailable();
        }

        var calls = Task.WhenAll(Enumerable.Range(0, Calls).Select(_ => ExecuteAsync(client, RequestIds.Random())));

        // After ten rounds, the pauses are at least 160 ms.
        await EventuallyAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return Task.FromResult(_replicas.Sum(replica => replica.Asked.Count) > 10 * Calls * _replicas.Count);
        });
        Volatile.Write(ref serving, true);
        for (var passed = 0; passed < 150 && !calls.IsCompleted; passed += 30)
        {
            time.Advance(TimeSpan.FromMilliseconds(30));
            await Task.WhenAny(calls, Task.Delay(TimeSpan.FromSeconds(3), Cancellation));
        }

        Assert.True(calls.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task When_none_serves_the_call_ends_at_its_deadline()
    {
        await using var client = Client(0);
        foreach (var replica in _replicas)
        {
            await replica.StopAsync();
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var e = await Assert.ThrowsAsync<UnavailableException>(() => client.GetCartAsync(Session, deadline.Token));
        Assert.Equal("The customers database", e.Part);
        Assert.IsType<RpcException>(e.InnerException);
    }

    [Fact]
    public async Task What_a_replica_finds_invalid_is_not_repeated()
    {
        await using var client = Client(0);
        _replicas[0].Script = _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "no"));
        Assert.Equal(
            StatusCode.InvalidArgument,
            (await Assert.ThrowsAsync<RpcException>(() => ReadAsync(client))).StatusCode
        );
        Assert.Empty(Served());
    }

    private static Session Session => new() { TokenHash = RequestIds.Random(), Role = Role.Buyer };

    // A long timeout, so that a busy machine does not make a replica seem silent.
    private CustomersDatabase Client(int server, int silenceInSeconds = 60, TimeProvider? time = null) =>
        new(
            new DatabaseGroup
            {
                Replicas = [.. _replicas.Select(replica => new DatabaseAddress { GrpcPort = replica.Port })],
            },
            server,
            new DatabaseClientSetup(
                new ServerSettings { ReplicaTimeout = TimeSpan.FromSeconds(silenceInSeconds) },
                time ?? TimeProvider.System,
                new ServerMetrics(_services.GetRequiredService<IMeterFactory>()),
                NullLoggerFactory.Instance,
                Identity: null
            )
        );

    private async Task ReadAsync(CustomersDatabase client)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        _served.Enqueue((int)(await client.GetSessionAsync(Session, deadline.Token)).AccountId);
    }

    private async Task ExecuteAsync(CustomersDatabase client, Google.Protobuf.ByteString requestId)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        var reply = await client.ExecuteAsync(
            requestId,
            new CustomersCommand { SaveCart = new() { Session = Session } },
            deadline.Token
        );
        _served.Enqueue((int)reply.Session.AccountId);
    }

    private readonly ConcurrentQueue<int> _served = new();

    // Replicas answer their port; the tests use their numbers.
    private int[] Served() => [.. _served.Select(port => _replicas.FindIndex(replica => replica.Port == port))];

    private int LastServed() => Served()[^1];

    private static RpcException Unavailable(int? leader = null)
    {
        var trailers = new Metadata();
        if (leader is not null)
        {
            trailers.Add("agora-leader", leader.Value.ToString(CultureInfo.InvariantCulture));
        }

        return new RpcException(new Status(StatusCode.Unavailable, "not here"), trailers);
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            await Task.Delay(20, bound.Token);
        }
    }

    /// <summary>A replica that answers its port, unless a script says otherwise.</summary>
    private sealed class ScriptedReplica
    {
        private WebApplication? _app;

        public int Port { get; private set; }

        public Func<ServerCallContext, Task>? Script { get; set; }

        public int? Leader { get; set; }

        public bool Ready { get; set; } = true;

        public int Probes;

        /// <summary>Request ids of commands and session names of queries that came here, in order.</summary>
        public ConcurrentQueue<Google.Protobuf.ByteString> Asked { get; } = new();

        public async Task StartAsync()
        {
            var builder = InProcessMarketplace.Builder();
            builder.WebHost.ConfigureKestrel(kestrel =>
                kestrel.Listen(IPAddress.Loopback, Port, listen => listen.Protocols = HttpProtocols.Http2)
            );
            builder.Services.AddGrpc();
            builder.Services.AddSingleton(this);
            _app = builder.Build();
            _app.MapGrpcService<ScriptedCustomers>();
            _app.MapGrpcService<ScriptedStatus>();
            await _app.StartAsync();
            Port = new Uri(_app.Urls.Single()).Port;
        }

        public async Task StopAsync()
        {
            if (_app is not null)
            {
                using var atOnce = new CancellationTokenSource();
                await atOnce.CancelAsync();
                await _app.StopAsync(atOnce.Token);
                await _app.DisposeAsync();
                _app = null;
            }
        }

        private async Task<SessionReply> AnswerAsync(Google.Protobuf.ByteString asked, ServerCallContext context)
        {
            Asked.Enqueue(asked);
            if (Script is { } script)
            {
                await script(context);
            }

            if (Leader is { } leader)
            {
                context.ResponseTrailers.Add("agora-leader", leader.ToString(CultureInfo.InvariantCulture));
            }

            return new SessionReply { AccountId = Port };
        }

        private sealed class ScriptedCustomers(ScriptedReplica replica) : Contracts.Customers.Customers.CustomersBase
        {
            public override Task<SessionReply> GetSession(SessionQuery request, ServerCallContext context) =>
                replica.AnswerAsync(request.Session.TokenHash, context);

            public override async Task<CustomersReply> Execute(CustomersRequest request, ServerCallContext context) =>
                new() { Session = await replica.AnswerAsync(request.RequestId, context) };
        }

        private sealed class ScriptedStatus(ScriptedReplica replica) : Contracts.Replication.Replica.ReplicaBase
        {
            public override Task<StatusReply> GetStatus(StatusRequest request, ServerCallContext context)
            {
                Interlocked.Increment(ref replica.Probes);
                return Task.FromResult(new StatusReply { Ready = replica.Ready });
            }
        }
    }
}
