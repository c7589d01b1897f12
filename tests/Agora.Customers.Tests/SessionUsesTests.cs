using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Customers.Tests;

/// <summary>Reads on a session while nothing can be ordered, and what becomes of the session afterwards.</summary>
public sealed class SessionUsesTests : IDisposable
{
    private const int Minute = 60_000;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("agora-session-uses-");
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly ReplicatedStore _store;
    private readonly OneReplica _replicator;
    private readonly CustomersService _service;
    private readonly Session _ben = CustomersUnderTest.Token("ben");

    public SessionUsesTests()
    {
        _store = ReplicatedStore.Open(_directory.FullName, new CustomersStateMachine());
        _replicator = new OneReplica(_store);
        _service = Service(new ReplicaClock(_time, () => _store.Time, others: 0, TimeSpan.FromSeconds(30)));
    }

    public void Dispose()
    {
        _store.Dispose();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Reads_go_on_for_as_long_as_they_come_and_the_session_outlives_the_outage()
    {
        await LogInAsync();
        _replicator.Orders = false;
        for (var minute = 0; minute < 20; minute += 4)
        {
            _time.Advance(TimeSpan.FromMinutes(4));
            Assert.Equal(CustomersError.None, (await ReadAsync()).Error);
        }

        _replicator.Orders = true;
        Assert.Equal(CustomersError.None, (await ReadAsync()).Error);
        _time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(CustomersError.None, (await WriteAsync()).Error);
    }

    [Fact]
    public async Task A_session_that_was_read_in_an_outage_may_write_at_once_after_it()
    {
        await LogInAsync();
        await ReadThroughOutageAsync();
        Assert.Equal(CustomersError.None, (await WriteAsync()).Error);
    }

    [Fact]
    public async Task What_others_do_first_after_an_outage_does_not_end_a_session_that_was_in_use()
    {
        await LogInAsync();
        await ReadThroughOutageAsync();

        // A login sweeps; a command that waited through the outage, and one through a replica that knows of no use,
        // judge by the old record.
        await LogInAsync("eve");
        var waited = await ExecuteAsync(new CustomersCommand { SaveCart = new SaveCart { Session = _ben } }, Now);
        Assert.Equal(CustomersError.NotLoggedIn, waited.Error);
        Assert.Equal(CustomersError.None, (await WriteAsync()).Error);
        Assert.Equal(CustomersError.None, (await ReadAsync()).Error);
    }

    /// <summary>The user goes on through another replica, which has not seen the uses.</summary>
    [Fact]
    public async Task Soon_after_an_outage_every_replica_knows_of_the_uses_in_it()
    {
        await LogInAsync();
        await ReadThroughOutageAsync();
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return _service.Uses.IsEmpty;
        });
        Assert.Equal(CustomersError.None, (await ExecuteAsync(SaveCart(), Now)).Error);
    }

    [Fact]
    public async Task A_note_goes_when_its_session_has_ended()
    {
        await LogInAsync();
        _replicator.Orders = false;
        _time.Advance(TimeSpan.FromMinutes(4));
        await ReadAsync();
        Assert.False(_service.Uses.IsEmpty);
        _time.Advance(TimeSpan.FromMinutes(5.1));
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return _service.Uses.IsEmpty;
        });
    }

    [Fact]
    public async Task A_logout_is_final_whatever_was_noted()
    {
        await LogInAsync();
        await ReadThroughOutageAsync();
        CloseSession close = new() { Session = _ben };
        Assert.Equal(CustomersError.None, (await CallAsync(new CustomersCommand { CloseSession = close })).Error);
        Assert.Equal(CustomersError.NotLoggedIn, (await ReadAsync()).Error);
        Assert.Equal(CustomersError.NotLoggedIn, (await WriteAsync()).Error);
    }

    [Fact]
    public async Task Nothing_is_submitted_while_the_group_cannot_order()
    {
        await LogInAsync();
        var before = _replicator.Submitted;
        await ReadThroughOutageAsync();
        Assert.Equal(before, _replicator.Submitted);
        Assert.False(_service.Uses.IsEmpty);
    }

    /// <summary>The group seems to work, but every command times out.</summary>
    [Fact]
    public async Task A_session_has_one_order_under_way_and_a_failure_is_counted_and_makes_a_pause()
    {
        await LogInAsync();
        _time.Advance(TimeSpan.FromMinutes(1));
        var before = _replicator.Submitted;
        _replicator.Hold = new TaskCompletionSource();
        for (var read = 0; read < 20; read++)
        {
            Assert.Equal(CustomersError.None, (await ReadAsync()).Error);
        }

        Assert.Equal(before + 1, _replicator.Submitted);
        _replicator.Hold.SetException(new ReplicaUnavailableException("Nothing is ordered."));
        await UntilAsync(() => _service.Uses.Failures == 1);
        await ReadAsync();
        Assert.Equal(before + 1, _replicator.Submitted);
        _replicator.Hold = null;
        _time.Advance(TimeSpan.FromSeconds(6));
        await ReadAsync();
        await UntilAsync(() => _service.Uses.IsEmpty);
        Assert.Equal(before + 2, _replicator.Submitted);
    }

    [Fact]
    public async Task However_many_sessions_are_used_only_so_many_orders_are_under_way()
    {
        const int Sessions = SessionUses.MaxUnderWay + 20;
        var names = Enumerable.Range(0, Sessions).Select(i => $"buyer {i}").ToList();
        foreach (var name in names)
        {
            await LogInAsync(name);
        }

        _time.Advance(TimeSpan.FromMinutes(1));
        var before = _replicator.Submitted;
        _replicator.Hold = new TaskCompletionSource();
        foreach (var name in names)
        {
            Assert.Equal(CustomersError.None, (await ReadAsync(name)).Error);
        }

        Assert.Equal(before + SessionUses.MaxUnderWay, _replicator.Submitted);
        _replicator.Hold.SetResult();
        _replicator.Hold = null;
        await UntilAsync(async () =>
        {
            foreach (var name in names)
            {
                await ReadAsync(name);
            }

            return _service.Uses.IsEmpty;
        });
        // A read that looked at its session just before the use was recorded may note it once more.
        Assert.InRange(_replicator.Submitted, before + Sessions, before + 2 * Sessions);
    }

    [Fact]
    public async Task A_session_without_calls_ends_though_nothing_can_be_ordered()
    {
        await LogInAsync();
        _time.Advance(TimeSpan.FromMinutes(5.1));
        _replicator.Orders = false;
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() => ReadAsync());
        _replicator.Orders = true;
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(CustomersError.NotLoggedIn, (await ReadAsync()).Error);
    }

    [Fact]
    public async Task A_use_is_recorded_once_by_the_reads_that_come_while_it_is_ordered()
    {
        await LogInAsync();
        _time.Advance(TimeSpan.FromMinutes(1));
        var before = _store.Applied;
        _replicator.Hold = new TaskCompletionSource();
        await ReadAsync();
        await ReadAsync();
        _replicator.Hold.SetResult();
        await ReadAsync();
        Assert.Equal(before + 1, _store.Applied);
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(CustomersError.None, (await ReadAsync()).Error);
    }

    [Fact]
    public async Task A_replica_whose_clock_is_behind_keeps_no_session_alive()
    {
        await LogInAsync();
        await ExecuteAsync(CustomersUnderTest.NewAccount("eve", Role.Buyer), Now + 6 * Minute);
        _replicator.Orders = false;
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() => ReadAsync());
    }

    /// <summary>One login through a replica whose clock is ahead would end every other session.</summary>
    [Fact]
    public async Task A_replica_whose_clock_is_wrong_takes_no_command_and_ends_no_session()
    {
        await LogInAsync();
        ReplicaClock ahead = new(_time, () => _store.Time, others: 2, TimeSpan.FromSeconds(30));
        ahead.Compare(0, Now - 6 * Minute, Now);
        ahead.Compare(1, Now - 6 * Minute, Now);
        var refusal = await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            CallAsync(CustomersUnderTest.NewAccount("eve", Role.Buyer), Service(ahead))
        );
        Assert.Contains("360 s ahead of 2 of 2", refusal.Message, StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(CustomersError.None, (await WriteAsync()).Error);
    }

    private CustomersService Service(ReplicaClock clock) =>
        new(_replicator, _store, new LimitSettings(), clock, _time, NullLogger<CustomersService>.Instance);

    private static Task UntilAsync(Func<bool> isSo) => UntilAsync(() => Task.FromResult(isSo()));

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        while (!await isSo())
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private async Task LogInAsync(string name = "ben")
    {
        var account = await ExecuteAsync(CustomersUnderTest.NewAccount(name, Role.Buyer), Now);
        OpenSession open = new()
        {
            Role = Role.Buyer,
            AccountId = account.AccountCreated.AccountId,
            TokenHash = CustomersUnderTest.Token(name).TokenHash,
        };
        await ExecuteAsync(new CustomersCommand { OpenSession = open }, Now);
    }

    private async Task ReadThroughOutageAsync()
    {
        _replicator.Orders = false;
        for (var minute = 0; minute < 20; minute += 4)
        {
            _time.Advance(TimeSpan.FromMinutes(4));
            Assert.Equal(CustomersError.None, (await ReadAsync()).Error);
        }

        _replicator.Orders = true;
    }

    private Task<CartReply> ReadAsync(string name = "ben") =>
        _service.GetCart(new CartQuery { Session = CustomersUnderTest.Token(name) }, new Caller());

    private Task<CustomersReply> WriteAsync() => CallAsync(SaveCart());

    private CustomersCommand SaveCart() => new() { SaveCart = new SaveCart { Session = _ben } };

    private Task<CustomersReply> CallAsync(CustomersCommand command, CustomersService? service = null) =>
        (service ?? _service).Execute(
            new CustomersRequest
            {
                RequestId = ByteString.CopyFrom(Guid.NewGuid().ToByteArray(bigEndian: true)),
                Command = command,
            },
            new Caller()
        );

    private async Task<CustomersReply> ExecuteAsync(CustomersCommand command, long time)
    {
        Command ordered = new(Guid.NewGuid(), time, command.ToByteArray());
        return CustomersReply.Parser.ParseFrom((await _replicator.SubmitAsync(ordered, CancellationToken.None)).Span);
    }

    /// <summary>Orders what it is given at once, or nothing.</summary>
    private sealed class OneReplica(ReplicatedStore store) : IReplicator
    {
        private readonly Lock _applying = new();

        public ReplicatorDetails Details => new(null, 0, 0, 0, 0, []);

        public bool Orders { get; set; } = true;

        public TaskCompletionSource? Hold { get; set; }

        public Task Completion => Task.CompletedTask;

        public ReplicatorStatus Status => new("test", "leader", store.Applied, store.Applied, Orders, null);

        public int Submitted { get; private set; }

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
        {
            Submitted++;
            await (Hold?.Task ?? Task.CompletedTask);
            if (!Orders)
            {
                throw new ReplicaUnavailableException("Nothing is ordered.");
            }

            var replies = new ReadOnlyMemory<byte>[1];
            lock (_applying)
            {
                store.Apply(store.Applied + 1, [command], replies);
            }

            return replies[0];
        }

        public Task ReadBarrierAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>A call that nobody cancels.</summary>
    private sealed class Caller : ServerCallContext
    {
        protected override string MethodCore => "";

        protected override string HostCore => "";

        protected override string PeerCore => "";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore => [];

        protected override CancellationToken CancellationTokenCore => TestContext.Current.CancellationToken;

        protected override Metadata ResponseTrailersCore => [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore => new("", []);

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            throw new NotSupportedException();

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
    }
}
