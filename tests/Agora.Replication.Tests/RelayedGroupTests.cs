using System.Globalization;
using Agora.Cluster;
using Agora.Lab;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// Groups whose replicas reach each other at other addresses than their own, over a network that is bad.
/// </summary>
public sealed class RelayedGroupTests
{
    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_group_whose_replicas_are_reached_by_relays_works_and_says_nothing_past_them(
        ReplicationEngine engine
    )
    {
        FaultyNetwork network = new(1);
        await using var group = await Group.StartAsync(engine, 3, network: network);
        network.Set(new LinkConditions { Loss = 0.02, Delay = TimeSpan.FromMilliseconds(2) });
        for (var i = 1; i <= 10; i++)
        {
            Assert.Equal(i, await group.CountAsync("x"));
            Assert.Equal(i, await group.ReadAsync(i % 3, "x"));
        }

        // Followers have nothing to say to each other.
        var leader =
            engine == ReplicationEngine.Raft
                ? (await group.LeaderAsync()).ToString(CultureInfo.InvariantCulture)
                : null;
        Assert.Equal(6, network.Links.Count);
        Assert.All(
            network.Links.Where(link => leader is null || link.From == leader || link.To == leader),
            link => Assert.True(link.Counts.Passed > 0, $"{link.From} has said nothing to {link.To}")
        );

        network.Cut(_ => true);
        var write = group.CountAsync("x");

        // Every replica has noticed: with Raft no one leads, with the rotating sequencer no one reaches all.
        await Group.EventuallyAsync(() =>
            Task.FromResult(
                group.Running.All(i => group.Replicator(i).Status is { Ready: false, Role: not "leader" })
                    ? true
                    : (bool?)null
            )
        );
        Assert.False(write.IsCompleted);
        network.Heal(_ => true);
        Assert.Equal(11, await write);
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_leader_that_is_cut_off_with_writes_under_way_answers_them_all_once_and_its_process_goes_on()
    {
        const int Rounds = 3;
        const int Writes = 50;
        FaultyNetwork network = new(1);
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, network: network);
        for (var round = 0; round < Rounds; round++)
        {
            var old = await group.LeaderAsync();
            var name = old.ToString(CultureInfo.InvariantCulture);
            var writes = Enumerable.Range(0, Writes).Select(_ => group.CountAsync("x", at: old)).ToList();
            network.Cut(link => link.From == name || link.To == name);
            await LeaderAsync(group, except: old);
            network.Heal(_ => true);
            await Task.WhenAll(writes);
            Assert.All(group.Running, i => Assert.False(group.Replicator(i).Completion.IsCompleted));
        }

        Assert.Equal((Rounds * Writes) + 1, await group.CountAsync("x"));
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_leader_that_is_cut_off_is_replaced_and_serves_nothing_until_it_is_back()
    {
        FaultyNetwork network = new(1);
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, network: network);
        await group.CountAsync("x");
        var old = await group.LeaderAsync();
        var name = old.ToString(CultureInfo.InvariantCulture);

        network.Cut(link => link.From == name || link.To == name);
        var next = await LeaderAsync(group, except: old);
        Assert.Equal(2, await group.CountAsync("x", at: next));
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(old).ReadBarrierAsync(TestContext.Current.CancellationToken)
        );

        network.Heal(_ => true);
        Assert.Equal(2, await group.ReadAsync(old, "x"));
        await group.EqualDigestsAsync();
    }

    private static Task<int> LeaderAsync(Group group, int except) =>
        Group.EventuallyAsync(() =>
            Task.FromResult(
                group
                    .Running.Where(i => i != except)
                    .Select(i => (int?)i)
                    .FirstOrDefault(i => group.Replicator(i!.Value).Status.Role == "leader")
            )
        );
}
