using System.Net;
using Agora.Replication.Raft;
using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>What passes between the library and the log: requests in parts, answers, votes, and exceptions.</summary>
public sealed class LogAdapterTests : IAsyncDisposable
{
    private static readonly ClusterMemberId s_self = Member(1);
    private static readonly ClusterMemberId s_other = Member(2);

    private readonly TemporaryDirectory _directory = new();
    private readonly ReplicatedStore _store;
    private readonly List<LogAdapter> _logs = [];

    public LogAdapterTests() => _store = ReplicatedStore.Open(_directory["state"], new Ledger());

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_part_of_the_log_moves_the_follower_on_and_nothing_else()
    {
        var log = Log();
        await LeadAsync(log, term: 1);
        for (var i = 0; i < 30; i++)
        {
            await AppendAsync(log, term: 1, size: 100_000);
        }

        var parts = 0;
        log.MoreToSend = () => parts++;
        Answering follower = new(HeartbeatResult.ReplicatedWithLeaderTerm);
        List<HeartbeatResult> results = [];
        for (long next = 1; next <= 31; next += follower.Count)
        {
            results.Add((await SendAsync(log, follower, next, last: 31)).Value.Result);
            Assert.InRange(follower.Bytes, 0, 1 << 20);
        }

        Assert.Equal(results.Count - 1, parts);
        Assert.All(results.SkipLast(1), result => Assert.Equal(HeartbeatResult.Replicated, result));
        Assert.Equal(HeartbeatResult.ReplicatedWithLeaderTerm, results[^1]);
    }

    [Fact]
    public async Task A_follower_that_misses_what_goes_before_is_sent_it_without_waiting_for_the_next_heartbeat()
    {
        var log = Log();
        await LeadAsync(log, term: 1);
        await AppendAsync(log, term: 1);
        var rounds = 0;
        log.MoreToSend = () => rounds++;

        // As a new leader begins: behind the end of its own log.
        await SendAsync(log, new Answering(HeartbeatResult.Rejected), first: 3, last: 2);
        Assert.Equal(1, rounds);
        await SendAsync(log, new Answering(HeartbeatResult.ReplicatedWithLeaderTerm), first: 1, last: 2);
        Assert.Equal(1, rounds);
    }

    [Fact]
    public async Task A_replica_that_joined_with_a_vote_for_itself_votes_for_no_other_before_the_next_term()
    {
        IPersistentState log = Log(new BallotState { Term = 5, Vote = LibraryMembers.IdOf(s_self) });
        Assert.False(log.IsVotedFor(s_other));
        Assert.Equal(6, await log.IncrementTermAsync(s_self, Cancelled));
        Assert.False(log.IsVotedFor(s_other));
        await log.UpdateTermAsync(7, resetLastVote: true, Cancelled);
        Assert.True(log.IsVotedFor(s_other));
    }

    [Fact]
    public async Task A_follower_that_refuses_a_snapshot_because_it_has_committed_so_far_counts_and_is_moved_on()
    {
        var log = Log();
        await LeadAsync(log, term: 1);
        for (var i = 0; i < 40; i++)
        {
            await AppendAsync(log, term: 1, size: 1000);
        }

        IPersistentState library = log;
        await SendAsync(log, new Answering(HeartbeatResult.ReplicatedWithLeaderTerm), 1);
        await library.CommitAsync(41, Cancelled);
        await WaitUntilAppliedAsync(41);
        State(log).Log.Cut(41, kept: 0);
        var cut = State(log).Log.BaseIndex;
        Assert.InRange(cut, 1, 40);
        Answering refusing = new(HeartbeatResult.Rejected);
        Assert.Equal(HeartbeatResult.Replicated, (await SendAsync(log, refusing, 1)).Value.Result);

        // Refused in a later term, it says nothing about the log.
        var later = await SendAsync(log, new Answering(HeartbeatResult.Rejected, term: 2), 1);
        Assert.Equal(HeartbeatResult.Rejected, later.Value.Result);
    }

    [Fact]
    public async Task A_follower_that_is_offered_a_snapshot_takes_none()
    {
        var log = Log();
        await FollowAsync(log, 1, term: 1, count: 3);
        await OfferAsync(log, 3, term: 1);
        await Assert.ThrowsAsync<IOException>(() => OfferAsync(log, 50, term: 1));
        Assert.True(State(log).Ballot.State.NeedsState);
    }

    [Fact]
    public async Task An_append_of_an_earlier_term_is_refused_as_the_library_expects()
    {
        var log = Log();
        await LeadAsync(log, term: 1);
        await ((IPersistentState)log).UpdateTermAsync(2, resetLastVote: true, Cancelled);
        await Assert.ThrowsAsync<NotLeaderException>(async () => await AppendAsync(log, term: 1));
    }

    [Fact]
    public void A_vote_is_kept_as_the_library_writes_it()
    {
        var bytes = new byte[ClusterMemberId.Size];
        s_other.Format(bytes);
        Assert.Equal(MemberId.Size, bytes.Length);
        var again = new byte[MemberId.Size];
        LibraryMembers.IdOf(s_other).Write(again);
        Assert.Equal(bytes, again);
    }

    [Theory]
    [InlineData(typeof(NotLeaderException), false, false, true)]
    [InlineData(typeof(OperationCanceledException), false, false, false)]
    [InlineData(typeof(OperationCanceledException), true, false, true)]
    [InlineData(typeof(OperationCanceledException), false, true, true)]
    [InlineData(typeof(ObjectDisposedException), false, false, false)]
    [InlineData(typeof(ObjectDisposedException), true, false, true)]
    [InlineData(typeof(ObjectDisposedException), false, true, true)]
    [InlineData(typeof(InvalidOperationException), true, true, false)]
    [InlineData(typeof(NullReferenceException), true, true, false)]
    [InlineData(typeof(IOException), true, true, false)]
    [InlineData(typeof(System.Diagnostics.UnreachableException), true, true, false)]
    public void Only_an_end_of_leadership_passes_for_a_loss_of_leadership(
        Type exception,
        bool leadershipEnded,
        bool leaving,
        bool expected
    )
    {
        var e =
            exception == typeof(NotLeaderException) ? new NotLeaderException()
            : exception == typeof(ObjectDisposedException) ? new ObjectDisposedException("x")
            : (Exception)Activator.CreateInstance(exception)!;
        Assert.Equal(
            expected,
            LibraryNode.IsLoss(e, new CancellationToken(leadershipEnded), new CancellationToken(leaving))
        );
    }

    private static ClusterMemberId Member(int port) =>
        ClusterMemberId.FromEndPoint(new IPEndPoint(IPAddress.Loopback, port));

    private readonly Dictionary<LogAdapter, RaftState> _states = [];

    private RaftState State(LogAdapter log) => _states[log];

    private LogAdapter Log(BallotState? ballot = null)
    {
        var path = _directory[$"{_logs.Count}"];
        RaftLogOptions options = new() { SegmentBytes = 10_000 };
        CommandApplier applier = new(_store);
        RaftState state = new(
            RaftLog.Create(path, 0, [], options),
            Ballot.Create(path, ballot ?? new BallotState(), options),
            applier,
            members: 3,
            applied: -1
        );
        var log = LogAdapter.Create(path, state, applier);
        _logs.Add(log);
        _states.Add(log, state);
        return log;
    }

    private Task WaitUntilAppliedAsync(long index) => _store.WaitUntilAppliedAsync(index, Cancelled);

    private static async Task LeadAsync(IPersistentState log, long term)
    {
        await log.UpdateTermAsync(term, resetLastVote: true, Cancelled);
        await log.AppendAsync(new EmptyLogEntry { Term = term }, Cancelled);
    }

    private static ValueTask<long> AppendAsync(IPersistentState log, long term, int size = 0) =>
        log.AppendAsync(
            new BatchEntry(
                CommandBatch.Encode(
                    term,
                    [
                        .. Enumerable
                            .Range(0, size > 0 ? 1 : 0)
                            .Select(_ => new Submission(new Command(Guid.NewGuid(), 0, new byte[size]))),
                    ],
                    new()
                )
            ),
            Cancelled
        );

    private static async Task FollowAsync(IPersistentState log, long first, long term, int count)
    {
        await log.UpdateTermAsync(term, resetLastVote: true, Cancelled);
        await log.AppendAsync(
            new LogEntryProducer<EmptyLogEntry>([.. Enumerable.Repeat(new EmptyLogEntry { Term = term }, count)]),
            first,
            true,
            Cancelled
        );
    }

    private static async Task OfferAsync(IAuditTrail<IRaftLogEntry> log, long index, long term) =>
        await log.AppendAsync(new Offer(term), index, Cancelled);

    private static async Task<Result<ReplicationStatus>> SendAsync(
        IAuditTrail<IRaftLogEntry> log,
        Answering follower,
        long first,
        long? last = null
    ) => await log.ReadAsync(follower, first, last ?? log.LastEntryIndex, Cancelled);

    private sealed record Offer(long Term) : IRaftLogEntry
    {
        bool ILogEntry.IsSnapshot => true;

        bool IDataTransferObject.IsReusable => true;

        long? IDataTransferObject.Length => 0;

        ValueTask IDataTransferObject.WriteToAsync<TWriter>(TWriter writer, CancellationToken cancellationToken) =>
            ValueTask.CompletedTask;
    }

    /// <summary>A follower that gives one answer to everything that it is sent.</summary>
    private sealed class Answering(HeartbeatResult result, long term = 1)
        : ILogEntryConsumer<IRaftLogEntry, Result<ReplicationStatus>>
    {
        public int Count { get; private set; }

        public long Bytes { get; private set; }

        public Task After { get; init; } = Task.CompletedTask;

        public async ValueTask<Result<ReplicationStatus>> ReadAsync<TEntry, TList>(
            TList entries,
            long? snapshotIndex,
            CancellationToken cancellationToken
        )
            where TEntry : notnull, IRaftLogEntry
            where TList : notnull, IReadOnlyList<TEntry>
        {
            Count = entries.Count;
            Bytes = entries.Sum(e => e.Length ?? 0);
            await After;
            return new Result<ReplicationStatus>
            {
                Term = term,
                Value = new ReplicationStatus { Result = result, LastIndex = 0 },
            };
        }
    }
}
