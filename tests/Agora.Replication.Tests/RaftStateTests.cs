using Agora.Replication.Raft;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>Log, ballot and commit rule together: what is on disk before what is said.</summary>
public sealed class RaftStateTests : IDisposable
{
    private static readonly MemberId s_self = new(1, 1, 2);
    private static readonly MemberId s_other = new(2, 1, 2);

    private readonly TemporaryDirectory _directory = new();
    private readonly ReplicatedStore _store;
    private readonly RaftState _state;
    private readonly SlowDisk _disk = new();
    private readonly object _follower = new();

    public RaftStateTests()
    {
        _store = ReplicatedStore.Open(_directory["state"], new Ledger());
        RaftLogOptions options = new() { Disk = _disk };
        _state = new RaftState(
            RaftLog.Create(_directory["log"], 0, [], options),
            Ballot.Create(_directory["log"], new BallotState(), options),
            new CommandApplier(_store),
            members: 3,
            applied: -1
        );
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        // A test that failed may have left it held.
        _disk.Release();
        _state.Dispose();
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_leader_counts_itself_only_when_it_has_the_entry_on_disk()
    {
        Lead(term: 1);
        _disk.Hold();
        var index = Append(term: 1);
        _state.Acknowledge(_follower, 1, index);
        var commit = _state.CommitAsync(index);
        await DiskWaitsAsync();
        Assert.False(commit.IsCompleted);
        Assert.Equal(0, _state.CommitIndex);
        _disk.Release();
        await commit;
        Assert.Equal(index, _state.CommitIndex);
    }

    [Fact]
    public async Task A_follower_has_on_disk_what_it_answers_for_though_the_request_brought_nothing_new()
    {
        Lead(term: 1);
        _disk.Hold();

        // Written as a leader, not synced; then another leader whose log ends there asks whether it is here.
        var index = Append(term: 1);
        var answer = Task.Run(
            () =>
            {
                _state.ReachTerm(2, keepVote: false);
                _state.Follow(index + 1, []);
            },
            Cancelled
        );
        await DiskWaitsAsync();
        Assert.False(answer.IsCompleted);
        _disk.Release();
        await answer;
        Assert.Equal(index, _state.Log.DurableIndex);
    }

    [Fact]
    public async Task A_report_waits_for_no_disk_and_shows_a_term_once_it_is_there()
    {
        await CommitFirstOfTermAsync(1);
        _disk.Hold();
        var promise = Task.Run(() => _state.ReachTerm(2, keepVote: false), Cancelled);
        await DiskWaitsAsync();

        // No peer can know of the promise yet: this is an answer of the moment before.
        Assert.Equal(new TermReport(1, 1), _state.Report());
        Assert.False(promise.IsCompleted);
        _disk.Release();
        await promise;
        Assert.Equal(new TermReport(2, null), _state.Report());
    }

    [Fact]
    public async Task A_leader_that_is_reaching_a_later_term_commits_nothing_meanwhile()
    {
        await CommitFirstOfTermAsync(1);
        var index = Append(term: 1);
        _state.Acknowledge(_follower, 1, index);
        _state.Log.Sync();
        _disk.Hold();
        var promise = Task.Run(() => _state.ReachTerm(2, keepVote: false), Cancelled);
        await DiskWaitsAsync();
        var commit = Task.Run(() => _state.CommitAsync(index), Cancelled);
        _disk.Release();
        await promise;
        Assert.Equal(0, await commit);
        Assert.Equal(1, _state.CommitIndex);
    }

    [Fact]
    public void A_replica_that_does_not_lead_in_a_term_appends_no_commands_in_it()
    {
        Assert.Null(_state.Append(0, Batch(0).Payload, Batch(0)));
        Lead(term: 1);
        Assert.Equal(2, Append(term: 1));
        _state.ReachTerm(2, keepVote: false);
        Assert.Null(_state.Append(1, Batch(1).Payload, Batch(1)));
        Assert.Null(_state.Append(2, Batch(2).Payload, Batch(2)));
    }

    [Fact]
    public void A_follower_does_not_write_again_what_is_committed()
    {
        Follow(term: 1, first: 1, count: 3);
        _state.Learn(new TermReport(1, 3));
        Assert.Equal(3, _state.CommitIndex);
        var bytes = _state.Log.Bytes;
        Follow(term: 1, first: 1, count: 3);
        Assert.Equal((bytes, 1), (_state.Log.Bytes, _state.Log.TermAt(3)));
    }

    [Fact]
    public void A_follower_stops_at_an_entry_of_another_term_than_the_one_that_is_committed_here()
    {
        Follow(term: 1, first: 1, count: 3);
        _state.Learn(new TermReport(1, 2));
        var refusal = Assert.Throws<ReplicaDamagedException>(() => Follow(term: 2, first: 2, count: 2));
        Assert.StartsWith("entry 2, which is committed here, is of term 1", refusal.What, StringComparison.Ordinal);
        Assert.True(_state.Failed.IsFaulted);
        Assert.Equal((3, 1), (_state.Log.LastIndex, _state.Log.TermAt(2)));
    }

    [Fact]
    public void A_vote_counts_in_its_term_and_is_gone_in_the_next()
    {
        Assert.Equal(1, _state.Stand(s_self));
        Assert.Equal(s_self, _state.Ballot.State.Vote);
        _state.ReachTerm(1, keepVote: false);
        Assert.Equal(s_self, _state.Ballot.State.Vote);
        _state.ReachTerm(2, keepVote: false);
        Assert.Null(_state.Ballot.State.Vote);
        _state.Vote(s_other);
        using var again = Ballot.Open(_directory["log"], new RaftLogOptions());
        Assert.Equal(new BallotState { Term = 2, Vote = s_other }, again!.State);
    }

    [Fact]
    public void A_follower_whose_entries_were_cut_at_the_leader_remembers_that_it_needs_the_state()
    {
        Follow(term: 1, first: 1, count: 3);

        // It holds entry 3 and only does not know that it is committed.
        Assert.True(_state.ReachesTo(3, 1));
        Assert.False(_state.Ballot.State.NeedsState);
        Assert.False(_state.ReachesTo(50, 1));
        Assert.True(_state.Ballot.State.NeedsState);
        Assert.True(_state.NeedsState.IsCompleted);
    }

    [Fact]
    public void A_disk_that_fails_is_reported()
    {
        _disk.Failure = new IOException("the disk is gone");
        Assert.Throws<IOException>(() => _state.Stand(s_self));
        Assert.True(_state.Failed.IsFaulted);
        Assert.Equal(0, _state.Ballot.State.Term);
    }

    private static CommandBatch Batch(long term) => CommandBatch.Encode(term, [], new());

    private void Lead(long term)
    {
        _state.ReachTerm(term, keepVote: false);
        Assert.NotNull(_state.Append(term, [], null));
    }

    private long Append(long term) => Assert.NotNull(_state.Append(term, [], Batch(term)));

    private void Follow(long term, long first, int count)
    {
        _state.ReachTerm(term, keepVote: false);
        _state.Follow(first, [.. Enumerable.Repeat(new LogRecord(term, []), count)]);
    }

    private async Task CommitFirstOfTermAsync(long term)
    {
        Lead(term);
        _state.Acknowledge(_follower, term, 1);
        Assert.Equal(1, await _state.CommitAsync(1));
        Assert.Equal(new TermReport(term, 1), _state.Report());
    }

    private Task<bool> DiskWaitsAsync() =>
        Group.EventuallyAsync(() => Task.FromResult(_disk.Waiting ? true : (bool?)null));
}
