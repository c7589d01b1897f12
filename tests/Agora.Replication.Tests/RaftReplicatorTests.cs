using Agora.Cluster;
using Agora.Replication.Raft;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class RaftReplicatorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task A_write_is_seen_by_every_later_read_at_every_replica(int size)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, size);
        for (var i = 1; i <= 20; i++)
        {
            Assert.Equal(i, await group.CountAsync("x"));
            Assert.Equal(i, await group.ReadAsync(i % size, "x"));
        }

        var digest = await group.EqualDigestsAsync();
        Assert.Equal(digest.Position, group.Store(0).Applied);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_read_before_the_first_write_sees_an_empty_state(int size)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, size);
        var leader = await group.LeaderAsync();
        await group.Replicator(leader).ReadBarrierAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, await group.ReadAsync(leader, "x"));
    }

    [Fact]
    public async Task Every_command_of_a_batch_that_was_applied_gets_its_reply()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1);
        await group.CountAsync("x");

        // The batcher learns that a batch is applied while its many replies are still being handed out.
        for (var round = 0; round < 300; round++)
        {
            await Task.WhenAll(
                Enumerable.Range(0, 400).Select(_ => group.Replicator(0).SubmitAsync(Ledger.Count("x"), Cancelled))
            );
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Concurrent_readers_share_their_questions_to_the_group(bool atLeader)
    {
        const int Readers = 200;
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var replica = atLeader ? leader : (leader + 1) % 3;
        await group.ReadAsync(replica, "x");
        var raft = group.Raft(replica);
        var before = raft.ReadRounds;
        await Task.WhenAll(Enumerable.Range(0, Readers).Select(_ => raft.ReadBarrierAsync(Cancelled)));

        // Usually two: the first reader's, and the next one's for all others. More only where the machine holds this
        // loop up.
        Assert.InRange(raft.ReadRounds - before, 1, Readers / 4);
    }

    [Fact]
    public async Task Everything_answered_before_the_leader_died_is_there_afterwards()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 5);
        for (var i = 1; i <= 10; i++)
        {
            await group.CountAsync("x");
        }

        await group.StopAsync(await group.LeaderAsync());
        Assert.Equal(11, await group.CountAsync("x"));
        foreach (var replica in group.Running)
        {
            Assert.Equal(11, await group.ReadAsync(replica, "x"));
        }

        await group.StartAllAsync();
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task Everything_is_there_after_all_replicas_were_stopped_and_started_again()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        var writes = Enumerable.Range(0, 200).Select(i => group.CountAsync($"{i % 10}"));
        await Task.WhenAll(writes);
        await group.EqualDigestsAsync();
        var before = Ledger.Lines(group.Store(0));

        // Digests differ from before once the new leader has begun its term: that is a position of the log too.
        await group.StopAllAsync();
        await group.StartAllAsync();
        await group.EqualDigestsAsync();
        Assert.All(group.Running, replica => Assert.Equal(before, Ledger.Lines(group.Store(replica))));
        Assert.Equal(20, await group.ReadAsync(0, "3"));
        Assert.Equal(21, await group.CountAsync("3"));
    }

    [Fact]
    public async Task A_repeat_at_another_leader_is_answered_as_the_first_was()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        var id = Guid.NewGuid();
        Assert.Equal(1, await group.CountAsync("x", id));
        Assert.Equal(2, await group.CountAsync("x"));
        await group.StopAsync(await group.LeaderAsync());
        Assert.Equal(1, await group.CountAsync("x", id));
        Assert.Equal(3, await group.CountAsync("x"));
    }

    [Fact]
    public async Task A_replica_that_missed_more_than_one_request_carries_catches_up_in_parts()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var absent = group.Running.First(i => i != leader);
        await group.StopAsync(absent);
        var large = new string('x', 200_000);
        for (var i = 0; i < 40; i++)
        {
            await group.CountAsync(large + i % 7);
        }

        await group.StartAsync(absent);
        await group.EqualDigestsAsync();
        Assert.Equal(6, await group.ReadAsync(absent, large + "1"));
    }

    [Fact]
    public async Task A_minority_serves_neither_writes_nor_reads()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        foreach (var replica in group.Running.Where(i => i != leader).ToList())
        {
            await group.StopAsync(replica);
        }

        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(leader).ReadBarrierAsync(TestContext.Current.CancellationToken)
        );
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(leader).SubmitAsync(Ledger.Count("x"), TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task A_follower_refuses_a_write_and_names_the_leader()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var follower = group.Running.First(i => i != leader);
        await group.ReadAsync(follower, "x");
        var refusal = await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(follower).SubmitAsync(Ledger.Count("x"), TestContext.Current.CancellationToken)
        );
        Assert.Equal(leader, refusal.Leader);
    }

    [Fact]
    public async Task A_replica_that_was_away_for_longer_than_the_log_reaches_back_fetches_the_state()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, ShortLog);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var absent = group.Running.First(i => i != leader);
        await group.StopAsync(absent);
        await CountUntilCutAsync(group);
        var bytes = LogBytes(group, leader);
        await group.StartAsync(absent);
        var count = await group.CountAsync("x");
        Assert.Equal(count, await group.ReadAsync(absent, "x"));
        await group.EqualDigestsAsync();
        Assert.InRange(bytes, 1, 1 << 20);

        // It is a member like the others from then on.
        await group.StopAsync(await group.LeaderAsync());
        Assert.Equal(count + 1, await group.CountAsync("x"));
        await group.StartAllAsync();
        await group.StopAllAsync();
        await group.StartAllAsync();
        Assert.Equal(count + 2, await group.CountAsync("x"));
        await group.EqualDigestsAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_replica_whose_disk_was_lost_fetches_the_state(bool afterTheLogWasCut)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, ShortLog);
        await group.CountAsync("x");
        if (afterTheLogWasCut)
        {
            await CountUntilCutAsync(group);
        }

        var leader = await group.LeaderAsync();
        var lost = group.Running.First(i => i != leader);
        await group.StopAsync(lost);
        Directory.Delete(group.DirectoryOf(lost, ""), recursive: true);
        var count = await group.CountAsync("x");
        await group.StartAsync(lost);
        Assert.Equal(count, await group.ReadAsync(lost, "x"));
        await group.EqualDigestsAsync();
        Assert.Equal(count + 1, await group.CountAsync("x"));

        // The others need it for a majority now, and its vote counts again in terms in which it cannot have voted
        // before.
        await group.StopAsync(leader);
        Assert.Equal(count + 2, await group.CountAsync("x"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replicas_whose_disks_were_lost_vote_as_the_others_do(bool whileOneIsSilent)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 5);
        var count = await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        int[] followers = [.. group.Running.Where(i => i != leader)];
        var silent = followers[^1];
        if (whileOneIsSilent)
        {
            await group.StopAsync(silent);
        }

        foreach (var lost in followers[..2])
        {
            await group.StopAsync(lost);
            Directory.Delete(group.DirectoryOf(lost, ""), recursive: true);
            await group.StartAsync(lost);
            Assert.Equal(count, await group.ReadAsync(lost, "x"));
        }

        if (whileOneIsSilent)
        {
            await group.StartAsync(silent);
            await group.ReadAsync(silent, "x");
        }

        // Three are left, two of them without the votes they once gave, and each is needed for a majority.
        foreach (var other in group.Running.Except([.. followers[..2], silent]).ToList())
        {
            await group.StopAsync(other);
        }

        Assert.Equal(count + 1, await group.CountAsync("x"));
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_group_does_not_begin_anew_when_a_majority_lost_its_disks()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        await group.StopAllAsync();
        foreach (var lost in new[] { 0, 1 })
        {
            Directory.Delete(group.DirectoryOf(lost, ""), recursive: true);
        }

        await group.StartAllAsync();
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(0).SubmitAsync(Ledger.Count("x"), Cancelled)
        );

        // Each of the two has asked the other and the one that is left, again and again, and begins nothing.
        await group.WarningAsync(0, "it waits for a leader");
        await group.WarningAsync(1, "it waits for a leader");
        foreach (var replica in group.Running)
        {
            Assert.False(group.Replicator(replica).Status.Ready);
        }
    }

    private static RaftSettings ShortLog =>
        new()
        {
            WatchInterval = TimeSpan.FromMilliseconds(20),
            KeptBytes = 64 << 10,
            Log = new RaftLogOptions { SegmentBytes = 32 << 10, CacheBytes = 16 << 10 },
        };

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static async Task CountUntilCutAsync(Group group)
    {
        var text = new string('y', 10_000);
        while (group.Running.Any(i => File.Exists(group.DirectoryOf(i, "raft/000000000001.log"))))
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => group.CountAsync(text)));
        }
    }

    private static long LogBytes(Group group, int replica) =>
        Directory.GetFiles(group.DirectoryOf(replica, "raft"), "*.log").Sum(f => new FileInfo(f).Length);
}
