using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Grpc.Core;
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
        _service = new CustomersService(_replicator, _store, new LimitSettings(), _time);
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
    public async Task A_session_without_calls_ends_though_nothing_can_be_ordered()
    {
        await LogInAsync();
        _time.Advance(TimeSpan.FromMinutes(5.1));
        _replicator.Orders = false;
        await Assert.ThrowsAsync<ReplicaUnavailableException>(ReadAsync);
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
        await Assert.ThrowsAsync<ReplicaUnavailableException>(ReadAsync);
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private async Task LogInAsync()
    {
        var account = await ExecuteAsync(CustomersUnderTest.NewAccount("ben", Role.Buyer), Now);
        OpenSession open = new()
        {
            Role = Role.Buyer,
            AccountId = account.AccountCreated.AccountId,
            TokenHash = _ben.TokenHash,
        };
        await ExecuteAsync(new CustomersCommand { OpenSession = open }, Now);
    }

    private Task<CartReply> ReadAsync() => _service.GetCart(new CartQuery { Session = _ben }, new Caller());

    private Task<CustomersReply> WriteAsync() =>
        ExecuteAsync(new CustomersCommand { SaveCart = new SaveCart { Session = _ben } }, Now);

    private async Task<CustomersReply> ExecuteAsync(CustomersCommand command, long time)
    {
        Command ordered = new(Guid.NewGuid(), time, command.ToByteArray());
        return CustomersReply.Parser.ParseFrom((await _replicator.SubmitAsync(ordered, CancellationToken.None)).Span);
    }

    /// <summary>Orders what it is given at once, or nothing.</summary>
    private sealed class OneReplica(ReplicatedStore store) : IReplicator
    {
        public ReplicatorDetails Details => new(null, 0, 0, 0, 0, []);

        public bool Orders { get; set; } = true;

        public TaskCompletionSource? Hold { get; set; }

        public Task Completion => Task.CompletedTask;

        public ReplicatorStatus Status => default;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
        {
            await (Hold?.Task ?? Task.CompletedTask);
            if (!Orders)
            {
                throw new ReplicaUnavailableException("Nothing is ordered.");
            }

            var replies = new ReadOnlyMemory<byte>[1];
            store.Apply(store.Applied + 1, [command], replies);
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
