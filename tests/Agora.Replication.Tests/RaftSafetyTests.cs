using System.Net;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Replication.Raft;
using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>What the library does not keep, and the trail under it does: one test for each rule.</summary>
public sealed class RaftSafetyTests : IAsyncDisposable
{
    private static readonly ClusterMemberId Self = Member(1);
    private static readonly ClusterMemberId Other = Member(2);

    private readonly TemporaryDirectory _directory = new();
    private readonly ReplicatedStore _store;
    private readonly List<RaftAuditTrail> _trails = [];
    private readonly SlowDisk _disk = new();

    public RaftSafetyTests() => _store = ReplicatedStore.Open(_directory["state"], new Ledger());

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        // A test that failed may have left it held.
        _disk.Release();
        foreach (var trail in _trails)
        {
            await trail.DisposeAsync();
        }

        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_write_is_acknowledged_only_when_a_majority_has_it_on_disk()
    {
        var disks = Enumerable.Range(0, 3).Select(_ => new SlowDisk()).ToArray();
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, i => new RaftSettings { Log = new RaftLogOptions { Disk = disks[i] } });
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var followers = group.Running.Where(i => i != leader).ToList();
        followers.ForEach(i => disks[i].Hold());
        try
        {
            var write = group.CountAsync("x");

            // The entry has reached the followers, which wait for their disks now.
            await Group.EventuallyAsync(() => Task.FromResult(followers.All(i => disks[i].Waiting) ? true : (bool?)null));
            Assert.False(write.IsCompleted);
            Assert.Equal(1, Ledger.Value(group.Store(leader), "x"));
            followers.ForEach(i => disks[i].Release());
            Assert.Equal(2, await write);
        }
        finally
        {
            followers.ForEach(i => disks[i].Release());
        }
    }

    [Fact]
    public async Task A_leader_counts_itself_only_when_it_has_the_entry_on_disk()
    {
        var disk = _disk;
        var trail = Trail(members: 3, disk);
        await LeadAsync(trail, term: 1);
        disk.Hold();
        var index = await AppendAsync(trail, term: 1);
        await SendAsync(trail, new Answering(HeartbeatResult.ReplicatedWithLeaderTerm), index);
        var commit = ((IPersistentState)trail).CommitAsync(index, Cancelled).AsTask();
        await Group.EventuallyAsync(() => Task.FromResult(disk.Waiting ? true : (bool?)null));
        Assert.False(commit.IsCompleted);
        Assert.Equal(0, trail.CommitIndex);
        disk.Release();
        await commit;
        Assert.Equal(index, trail.CommitIndex);
    }

    [Fact]
    public async Task An_entry_that_a_minority_holds_is_not_committed_though_the_median_of_the_answers_says_so()
    {
        var trail = Trail(members: 5);
        await LeadAsync(trail, term: 1);
        Answering near = new(HeartbeatResult.ReplicatedWithLeaderTerm), far = new(HeartbeatResult.ReplicatedWithLeaderTerm);
        await SendAsync(trail, far, 1);
        for (var i = 0; i < 9; i++)
        {
            await AppendAsync(trail, term: 1);
        }

        // Leader and one follower hold 10, another holds 1: of three answers 10 is the median, and two of five members hold it.
        await SendAsync(trail, near, 10);
        await ((IPersistentState)trail).CommitAsync(10, Cancelled);
        Assert.Equal(1, trail.CommitIndex);
        await SendAsync(trail, far, 10);
        await ((IPersistentState)trail).CommitAsync(10, Cancelled);
        Assert.Equal(10, trail.CommitIndex);
    }

    [Fact]
    public async Task A_leader_does_not_commit_an_entry_of_an_earlier_term_by_counting()
    {
        var trail = Trail(members: 3);
        await FollowAsync(trail, 1, term: 1, count: 3);
        await LeadAsync(trail, term: 2);
        Answering follower = new(HeartbeatResult.Replicated);
        await SendAsync(trail, follower, 1, last: 3);
        await ((IPersistentState)trail).CommitAsync(3, Cancelled);
        Assert.Equal(0, trail.CommitIndex);
        await SendAsync(trail, follower, 4);
        await ((IPersistentState)trail).CommitAsync(4, Cancelled);
        Assert.Equal(4, trail.CommitIndex);
    }

    [Fact]
    public void A_read_position_is_proved_by_a_majority_that_has_reached_no_later_term()
    {
        MemberView leader = new(3, 70), same = new(3, null), behind = new(2, null), later = new(4, null);
        Assert.Null(ReadPositions.Decide([leader, same], 3));
        Assert.Null(ReadPositions.Decide([leader, same, later], 3));
        Assert.Null(ReadPositions.Decide([same, same, same], 3));
        Assert.Equal(leader, ReadPositions.Decide([same, leader, behind], 3));
        Assert.Equal(leader, ReadPositions.Decide([later, leader, same, behind], 3));

        // The leader before has not heard yet that another was elected.
        Assert.Equal(new MemberView(4, 90), ReadPositions.Decide([leader, new MemberView(4, 90), same], 3));
    }

    [Fact]
    public async Task A_leader_gives_no_read_position_before_an_entry_of_its_term_is_committed()
    {
        var trail = Trail(members: 3);
        await FollowAsync(trail, 1, term: 1, count: 3);
        Assert.Equal(new MemberView(1, null), trail.View());
        await LeadAsync(trail, term: 2);
        Assert.Equal(new MemberView(2, null), trail.View());
        await SendAsync(trail, new Answering(HeartbeatResult.ReplicatedWithLeaderTerm), 4);
        await ((IPersistentState)trail).CommitAsync(4, Cancelled);
        Assert.Equal(new MemberView(2, 4), trail.View());
        await ((IPersistentState)trail).UpdateTermAsync(3, resetLastVote: true, Cancelled);
        Assert.Equal(new MemberView(3, null), trail.View());
    }

    [Fact]
    public async Task A_follower_commits_what_it_hears_of_only_as_far_as_the_leader_of_that_term_has_agreed_with_it()
    {
        var trail = Trail(members: 3);
        await FollowAsync(trail, 1, term: 1, count: 3);
        trail.Learn(new MemberView(1, 2));
        Assert.Equal(2, trail.CommitIndex);

        // Entry 3 came from the leader of term 1; the one of term 2 may have another there.
        await ((IPersistentState)trail).UpdateTermAsync(2, resetLastVote: true, Cancelled);
        trail.Learn(new MemberView(2, 5));
        Assert.Equal(2, trail.CommitIndex);
        await FollowAsync(trail, 3, term: 2, count: 2);
        Assert.Equal(4, trail.CommitIndex);
        await FollowAsync(trail, 5, term: 2, count: 2);
        Assert.Equal(5, trail.CommitIndex);

        // What it knows to be committed may be less than what has been acknowledged: it is no position to read at.
        Assert.Equal(new MemberView(2, null), trail.View());

        // A leader learns from nobody.
        await LeadAsync(trail, term: 3);
        trail.Learn(new MemberView(3, 6));
        Assert.Equal(5, trail.CommitIndex);
    }

    [Fact]
    public async Task A_part_of_the_log_moves_the_follower_on_and_nothing_else()
    {
        var trail = Trail(members: 3);
        await LeadAsync(trail, term: 1);
        for (var i = 0; i < 30; i++)
        {
            await AppendAsync(trail, term: 1, size: 100_000);
        }

        var parts = 0;
        trail.MoreToSend = () => parts++;
        Answering follower = new(HeartbeatResult.ReplicatedWithLeaderTerm);
        List<HeartbeatResult> results = [];
        for (long next = 1; next <= 31; next += follower.Count)
        {
            results.Add((await SendAsync(trail, follower, next, last: 31)).Value.Result);
            Assert.InRange(follower.Bytes, 0, 1 << 20);
        }

        Assert.Equal(results.Count - 1, parts);
        Assert.All(results.SkipLast(1), result => Assert.Equal(HeartbeatResult.Replicated, result));
        Assert.Equal(HeartbeatResult.ReplicatedWithLeaderTerm, results[^1]);
    }

    [Fact]
    public async Task A_follower_that_lacks_what_goes_before_is_sent_it_without_waiting_for_the_next_heartbeat()
    {
        var trail = Trail(members: 3);
        await LeadAsync(trail, term: 1);
        await AppendAsync(trail, term: 1);
        var rounds = 0;
        trail.MoreToSend = () => rounds++;

        // As a new leader begins: behind the end of its own log.
        await SendAsync(trail, new Answering(HeartbeatResult.Rejected), first: 3, last: 2);
        Assert.Equal(1, rounds);
        await SendAsync(trail, new Answering(HeartbeatResult.ReplicatedWithLeaderTerm), first: 1, last: 2);
        Assert.Equal(1, rounds);
    }

    [Fact]
    public async Task A_follower_has_on_disk_what_it_answers_for_though_the_request_brought_nothing_new()
    {
        var disk = _disk;
        var trail = Trail(members: 3, disk);
        await LeadAsync(trail, term: 1);
        disk.Hold();

        // Written as a leader, not synced; then another leader whose log ends there asks whether it is here.
        var index = await AppendAsync(trail, term: 1);
        var answer = Task.Run(() => FollowAsync(trail, index + 1, term: 2, count: 0), Cancelled);
        await Group.EventuallyAsync(() => Task.FromResult(disk.Waiting ? true : (bool?)null));
        Assert.False(answer.IsCompleted);
        disk.Release();
        await answer;
        Assert.Equal(index, trail.Log.DurableIndex);
    }

    [Fact]
    public async Task A_replica_that_goes_on_as_one_that_voted_for_itself_votes_for_nobody_in_that_term_and_for_anybody_in_the_next()
    {
        IPersistentState trail = Trail(members: 3, ballot: new BallotState { Term = 5, Vote = Self });
        Assert.False(trail.IsVotedFor(Other));
        Assert.Equal(6, await trail.IncrementTermAsync(Self, Cancelled));
        Assert.False(trail.IsVotedFor(Other));
        await trail.UpdateTermAsync(7, resetLastVote: true, Cancelled);
        Assert.True(trail.IsVotedFor(Other));
    }

    [Fact]
    public async Task A_follower_that_is_offered_a_snapshot_takes_none_and_remembers_that_it_needs_the_state()
    {
        var trail = Trail(members: 3);
        await FollowAsync(trail, 1, term: 1, count: 3);

        // It holds entry 3 and only does not know that it is committed.
        await OfferAsync(trail, 3, term: 1);
        Assert.False(trail.Ballot.State.LacksState);
        await Assert.ThrowsAsync<IOException>(() => OfferAsync(trail, 50, term: 1));
        Assert.True(trail.Ballot.State.LacksState);
        Assert.True(trail.LacksState.IsCompleted);
    }

    [Fact]
    public async Task A_replica_whose_disk_fails_ends()
    {
        SlowDisk disk = new();
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, _ => new RaftSettings { Log = new RaftLogOptions { Disk = disk } });
        await group.CountAsync("x");
        disk.Failure = new IOException("No space left on device");
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() => group.Replicator(0).SubmitAsync(Ledger.Count("x"), Cancelled));
        await group.ShutdownAsync(0);
        var reason = await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(0));
        Assert.Contains("No space left", reason.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_follower_that_lets_entries_gather_has_applied_them_when_it_leaves()
    {
        CommandApplier applier = new(_store);
        using var log = RaftLog.Create(_directory["gathering"], 0, [], new RaftLogOptions());
        log.Append(1, [new LogRecord(1, []), new LogRecord(1, []), new LogRecord(1, [])]);
        applier.Commit(log, 3, atOnce: false);
        await applier.DrainAsync();
        Assert.Equal(3, _store.Applied);
    }

    [Theory]
    [InlineData("100,300,600", true)]
    [InlineData("100,150,600", false)]
    [InlineData("100,300,300", false)]
    [InlineData("0,300,600", false)]
    [InlineData("100,300", false)]
    [InlineData("soon", false)]
    public void Election_times_that_cannot_work_are_refused(string setting, bool good)
    {
        if (good)
        {
            Assert.Equal(new ElectionTimes(100, 300, 600), ElectionTimes.Parse(setting));
        }
        else
        {
            Assert.Contains(setting, Assert.Throws<FixableException>(() => ElectionTimes.Parse(setting)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_replica_stands_for_election_at_a_time_of_its_own()
    {
        Assert.Equal([600, 700, 800, 900, 1000], Enumerable.Range(0, 5).Select(replica => ElectionTimes.Default.Of(replica, 5)));
        Assert.Equal(600, ElectionTimes.Default.Of(0, 1));
    }

    private static ClusterMemberId Member(int port) => ClusterMemberId.FromEndPoint(new IPEndPoint(IPAddress.Loopback, port));

    private RaftAuditTrail Trail(int members, LogDisk? disk = null, BallotState? ballot = null)
    {
        var path = _directory[$"{_trails.Count}"];
        RaftLogOptions options = new() { Disk = disk ?? LogDisk.System };
        var log = RaftLog.Create(path, 0, [], options);
        var trail = RaftAuditTrail.Create(path, log, Ballot.Create(path, ballot ?? new BallotState(), options.Disk), new CommandApplier(_store), members, -1);
        _trails.Add(trail);
        return trail;
    }

    private static async Task LeadAsync(IPersistentState trail, long term)
    {
        await trail.UpdateTermAsync(term, resetLastVote: true, Cancelled);
        await trail.AppendAsync(new EmptyLogEntry { Term = term }, Cancelled);
    }

    private static ValueTask<long> AppendAsync(IPersistentState trail, long term, int size = 0) => trail.AppendAsync(
        CommandBatch.Encode(term, [.. Enumerable.Range(0, size > 0 ? 1 : 0).Select(_ => new Submission(new Command(Guid.NewGuid(), 0, new byte[size])))], new()), Cancelled);

    private static async Task FollowAsync(IPersistentState trail, long first, long term, int count)
    {
        await trail.UpdateTermAsync(term, resetLastVote: true, Cancelled);
        await trail.AppendAsync(new LogEntryProducer<EmptyLogEntry>([.. Enumerable.Repeat(new EmptyLogEntry { Term = term }, count)]), first, true, Cancelled);
    }

    private static async Task OfferAsync(IAuditTrail<IRaftLogEntry> trail, long index, long term) => await trail.AppendAsync(new Offer(term), index, Cancelled);

    private static async Task<Result<ReplicationStatus>> SendAsync(IAuditTrail<IRaftLogEntry> trail, Answering follower, long first, long? last = null) =>
        await trail.ReadAsync(follower, first, last ?? trail.LastEntryIndex, Cancelled);

    private sealed record Offer(long Term) : IRaftLogEntry
    {
        bool ILogEntry.IsSnapshot => true;

        bool IDataTransferObject.IsReusable => true;

        long? IDataTransferObject.Length => 0;

        ValueTask IDataTransferObject.WriteToAsync<TWriter>(TWriter writer, CancellationToken token) => ValueTask.CompletedTask;
    }

    /// <summary>A follower that gives one answer to everything that it is sent.</summary>
    private sealed class Answering(HeartbeatResult result, long term = 1) : ILogEntryConsumer<IRaftLogEntry, Result<ReplicationStatus>>
    {
        public int Count { get; private set; }

        public long Bytes { get; private set; }

        public Task After { get; init; } = Task.CompletedTask;

        public async ValueTask<Result<ReplicationStatus>> ReadAsync<TEntry, TList>(TList entries, long? snapshotIndex, CancellationToken token)
            where TEntry : notnull, IRaftLogEntry
            where TList : notnull, IReadOnlyList<TEntry>
        {
            Count = entries.Count;
            Bytes = entries.Sum(e => e.Length ?? 0);
            await After;
            return new Result<ReplicationStatus> { Term = term, Value = new ReplicationStatus { Result = result, LastIndex = 0 } };
        }
    }

    private sealed class SlowDisk : LogDisk
    {
        private volatile TaskCompletionSource? _held;
        private volatile bool _waiting;

        public bool Waiting => _waiting;

        public IOException? Failure { get; set; }

        public void Hold() => _held = new TaskCompletionSource();

        public void Release() => Interlocked.Exchange(ref _held, null)?.SetResult();

        public override void Sync(SafeFileHandle file, string path)
        {
            if (_held is { } held)
            {
                _waiting = true;
                held.Task.Wait(Cancelled);
                _waiting = false;
            }

            if (Failure is not null)
            {
                throw Failure;
            }

            base.Sync(file, path);
        }
    }
}
