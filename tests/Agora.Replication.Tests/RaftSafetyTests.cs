using Agora.Cluster;
using Agora.Replication.Raft;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>What the library alone would not keep, seen from outside.</summary>
public sealed class RaftSafetyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ReplicatedStore _store;

    public RaftSafetyTests() => _store = ReplicatedStore.Open(_directory["state"], new Ledger());

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_write_is_acknowledged_only_when_a_majority_has_it_on_disk()
    {
        var disks = Enumerable.Range(0, 3).Select(_ => new SlowDisk()).ToArray();
        await using var group = await Group.StartAsync(
            ReplicationEngine.Raft,
            3,
            i => new RaftSettings { Log = new RaftLogOptions { Disk = disks[i] } }
        );
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var followers = group.Running.Where(i => i != leader).ToList();
        followers.ForEach(i => disks[i].Hold());
        try
        {
            var write = group.CountAsync("x");

            // The entry has reached the followers, which wait for their disks now.
            await Group.EventuallyAsync(() =>
                Task.FromResult(followers.All(i => disks[i].Waiting) ? true : (bool?)null)
            );
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
    public void A_read_position_is_proved_by_a_majority_that_has_reached_no_later_term()
    {
        TermReport leader = new(3, 70),
            same = new(3, null),
            behind = new(2, null),
            later = new(4, null);
        Assert.Null(ReadPositions.Decide([leader, same], 3));
        Assert.Null(ReadPositions.Decide([leader, same, later], 3));
        Assert.Null(ReadPositions.Decide([same, same, same], 3));
        Assert.Equal(leader, ReadPositions.Decide([same, leader, behind], 3));
        Assert.Equal(leader, ReadPositions.Decide([later, leader, same, behind], 3));

        // The leader before has not heard yet that another was elected.
        Assert.Equal(new TermReport(4, 90), ReadPositions.Decide([leader, new TermReport(4, 90), same], 3));
    }

    [Fact]
    public async Task A_replica_whose_disk_fails_ends()
    {
        SlowDisk disk = new();
        await using var group = await Group.StartAsync(
            ReplicationEngine.Raft,
            1,
            _ => new RaftSettings { Log = new RaftLogOptions { Disk = disk } }
        );
        await group.CountAsync("x");
        disk.Failure = new IOException("No space left on device");
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(0).SubmitAsync(Ledger.Count("x"), Cancelled)
        );
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
            Assert.Contains(
                setting,
                Assert.Throws<FixableException>(() => ElectionTimes.Parse(setting)).Message,
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public void Every_replica_has_a_span_of_election_timeouts_of_its_own()
    {
        Assert.Equal(
            [600, 700, 800, 900, 1000],
            Enumerable.Range(0, 5).Select(replica => ElectionTimes.Default.Of(replica, 5))
        );
        Assert.Equal(600, ElectionTimes.Default.Of(0, 1));
    }
}
