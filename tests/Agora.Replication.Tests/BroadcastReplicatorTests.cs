using System.Net.Sockets;
using Agora.Cluster;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class BroadcastReplicatorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task A_write_at_any_replica_is_seen_by_every_later_read_at_every_replica(int size)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, size);
        for (var i = 1; i <= 20; i++)
        {
            Assert.Equal(i, await group.CountAsync("x", at: i % size));
            Assert.Equal(i, await group.ReadAsync((i + 1) % size, "x"));
        }

        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task Everything_is_there_after_all_replicas_were_stopped_and_started_again()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 5);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => group.CountAsync($"{i % 10}", at: i % 5)));
        var before = await group.EqualDigestsAsync();

        await group.StopAllAsync();
        await group.StartAllAsync();
        Assert.Equal(before, await group.EqualDigestsAsync());
        Assert.Equal(20, await group.ReadAsync(4, "3"));
        Assert.Equal(21, await group.CountAsync("3"));
    }

    [Fact]
    public async Task Writes_pause_while_a_replica_is_away_and_are_answered_once_it_is_back()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        Assert.Equal(1, await group.CountAsync("x"));
        await group.StopAsync(2);
        var writes = Enumerable.Range(0, 10).Select(i => group.CountAsync("x", at: i % 2)).ToList();
        await group.StartAsync(2);
        Assert.Equal(Enumerable.Range(2, 10).Select(i => (long)i), (await Task.WhenAll(writes)).Order());
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_repeat_at_another_replica_is_answered_as_the_first_was()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        var id = Guid.NewGuid();
        Assert.Equal(1, await group.CountAsync("x", id, at: 0));
        Assert.Equal(2, await group.CountAsync("x", at: 1));
        Assert.Equal(1, await group.CountAsync("x", id, at: 2));
        Assert.Equal(2, await group.ReadAsync(0, "x"));
    }

    [Fact]
    public async Task A_minority_serves_neither_writes_nor_reads()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await group.CountAsync("x");
        await group.StopAsync(1);
        await group.StopAsync(2);
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(0).ReadBarrierAsync(TestContext.Current.CancellationToken)
        );
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(0).SubmitAsync(Ledger.Count("x"), TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task A_replica_says_in_whose_name_datagrams_of_another_version_come()
    {
        await using var group = Group.Prepare(ReplicationEngine.RotatingSequencer, 3);
        await group.StartAsync(0);
        var here = group.Definition.Replicas[0];
        var there = group.Definition.Replicas[2];
        using UdpClient stranger = new(AddressFamily.InterNetwork);
        byte[] datagram = [(byte)'R', (byte)'S', 9, 2, .. new byte[60]];

        await Group.EventuallyAsync(async () =>
        {
            await stranger.SendAsync(datagram, here.Host, here.PeerPort, TestContext.Current.CancellationToken);
            return group.Replicator(0).Details.Problems.Count > 0 ? true : (bool?)null;
        });

        Assert.Equal(
            $"datagrams of version 9 come in the name of {Group.Database}/2 ({there.Host}:{there.PeerPort}), and this "
                + "program speaks version 3: let both run the same version of the program",
            Assert.Single(group.Replicator(0).Details.Problems)
        );
        await group.WarningAsync(0, "datagrams of version 9 come in the name of member 2");

        // Once the replica is heard, nothing is said any more, whatever else comes in its name.
        await group.StartAllAsync();
        Assert.Equal(1, await group.CountAsync("x"));
        await stranger.SendAsync(datagram, here.Host, here.PeerPort, TestContext.Current.CancellationToken);
        Assert.Empty(group.Replicator(0).Details.Problems);
    }
}
