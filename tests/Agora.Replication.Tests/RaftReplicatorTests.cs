using System.Buffers.Binary;
using Agora.Contracts.Cluster;
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
        var before = await group.EqualDigestsAsync();

        await group.StopAllAsync();
        await group.StartAllAsync();
        Assert.Equal(before, await group.EqualDigestsAsync());
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

        await Assert.ThrowsAsync<ReplicaUnavailableException>(() => group.Replicator(leader).ReadBarrierAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ReplicaUnavailableException>(
            () => group.Replicator(leader).SubmitAsync(Ledger.Count("x"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_follower_refuses_a_write_and_names_the_leader()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var follower = group.Running.First(i => i != leader);
        await group.ReadAsync(follower, "x");
        var refusal = await Assert.ThrowsAsync<ReplicaUnavailableException>(
            () => group.Replicator(follower).SubmitAsync(Ledger.Count("x"), TestContext.Current.CancellationToken));
        Assert.Equal(leader, refusal.Leader);
    }

    [Fact]
    public async Task The_log_is_cut_behind_what_all_hold_but_not_while_one_is_away()
    {
        RaftSettings settings = new() { KeptEntries = 100, WatchInterval = TimeSpan.FromMilliseconds(20) };
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, settings);
        await group.CountAsync("x");
        var absent = group.Running.First(i => i != group.LeaderAsync().Result);
        await group.StopAsync(absent);
        await CountAsync(500);
        foreach (var replica in group.Running)
        {
            Assert.Equal(0, CutOnDisk(replica));
        }

        await group.StartAsync(absent);
        Assert.Equal(501, await group.ReadAsync(absent, "x"));
        foreach (var replica in group.Running)
        {
            await Group.EventuallyAsync(() => Task.FromResult(CutOnDisk(replica) is > 300 and var cut ? cut : (long?)null));
        }

        await group.StopAllAsync();
        await group.StartAllAsync();
        await CountAsync(150);
        Assert.Equal(651, await group.ReadAsync(absent, "x"));
        await group.EqualDigestsAsync();

        async Task CountAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                await group.CountAsync("x");
            }
        }

        long CutOnDisk(int replica) =>
            File.ReadAllBytes(group.DirectoryOf(replica, "raft/cut")) is { Length: > 0 } note ? BinaryPrimitives.ReadInt64LittleEndian(note) : 0;
    }

    [Fact]
    public async Task A_replica_whose_disk_was_lost_after_the_log_was_cut_says_so_and_ends()
    {
        RaftSettings settings = new() { KeptEntries = 50, WatchInterval = TimeSpan.FromMilliseconds(20) };
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, settings);
        for (var i = 0; i < 200; i++)
        {
            await group.CountAsync("x");
        }

        foreach (var replica in group.Running)
        {
            await Group.EventuallyAsync(() => Task.FromResult(new FileInfo(group.DirectoryOf(replica, "raft/cut")).Length > 0 ? true : (bool?)null));
        }

        var leader = await group.LeaderAsync();
        var lost = group.Running.First(i => i != leader);
        await group.StopAsync(lost);
        Directory.Delete(group.DirectoryOf(lost, ""), recursive: true);
        await group.StartAsync(lost);
        await group.ShutdownAsync(lost);
        var reason = await Assert.ThrowsAsync<IOException>(() => group.StopAsync(lost));
        Assert.Contains("disk was lost", reason.Message, StringComparison.Ordinal);
        Assert.Equal(201, await group.CountAsync("x"));
    }
}
