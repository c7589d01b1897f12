using System.Net;
using Agora.Cluster;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>Replicas whose hosts have names, and get other addresses while the other replicas run.</summary>
public sealed class MovedReplicaTests
{
    private const string Name = "a-host-that-moves.test";

    private static readonly IPAddress s_elsewhere = IPAddress.Parse("127.0.0.2");

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_replica_that_starts_again_at_another_address_is_reached_by_the_others_who_go_on(
        ReplicationEngine engine
    )
    {
        var where = IPAddress.Loopback;
        await using var group = Group.Prepare(
            engine,
            3,
            (builder, _) =>
                builder.Services.AddSingleton<HostLookup>(host =>
                    host == Name ? Volatile.Read(ref where) : HostNames.Resolve(host)
                )
        );
        await group.StartAllAsync();
        Assert.Equal(1, await group.CountAsync("x"));
        await group.EqualDigestsAsync();
        await group.StopAllAsync();

        // From here on the others know replica 2 by its name alone.
        var seenByOthers = WithHost(group.Definition, Name);
        await Task.WhenAll(
            group.StartAsync(0, null, seenByOthers),
            group.StartAsync(1, null, seenByOthers),
            group.StartAsync(2)
        );
        Assert.Equal(2, await group.CountAsync("x"));
        await group.EqualDigestsAsync();
        await group.StopAsync(2);
        if (engine == ReplicationEngine.Raft)
        {
            // One of the two that stay leads, so it has to find the third.
            Assert.Equal(3, await group.CountAsync("x", at: await group.LeaderAsync()));
        }

        Volatile.Write(ref where, s_elsewhere);
        await group.StartAsync(2, null, WithHost(group.Definition, s_elsewhere.ToString()));

        var before = engine == ReplicationEngine.Raft ? 3 : 2;
        Assert.Equal(before + 1, await group.CountAsync("x", at: 0));
        Assert.Equal(before + 1, await group.ReadAsync(2, "x"));
        await group.EqualDigestsAsync();
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task Replicas_start_while_the_name_of_anothers_host_does_not_resolve_and_find_it_once_it_does(
        ReplicationEngine engine
    )
    {
        var isKnown = false;
        await using var group = Group.Prepare(
            engine,
            3,
            (builder, _) =>
                builder.Services.AddSingleton<HostLookup>(host =>
                    host != Name ? HostNames.Resolve(host)
                    : Volatile.Read(ref isKnown) ? IPAddress.Loopback
                    : throw new FixableException("the test", $"has no address of {host} yet", "Wait")
                )
        );
        await group.StartAllAsync();
        var counted = await group.CountAsync("x");
        await group.EqualDigestsAsync();
        await group.StopAllAsync();
        var seenByOthers = WithHost(group.Definition, Name);

        await Task.WhenAll(
            group.StartAsync(0, null, seenByOthers),
            group.StartAsync(1, null, seenByOthers),
            group.StartAsync(2)
        );

        await group.WarningAsync(0, Name);
        await group.WarningAsync(1, Name);
        if (engine == ReplicationEngine.Raft)
        {
            // A majority goes on without it.
            Assert.Equal(++counted, await group.CountAsync("x", at: await group.LeaderAsync()));
        }
        else
        {
            Assert.Equal("joining", group.Replicator(0).Status.Role);
        }

        Volatile.Write(ref isKnown, true);
        Assert.Equal(++counted, await group.CountAsync("x", at: 0));
        Assert.Equal(counted, await group.ReadAsync(2, "x"));
        await group.EqualDigestsAsync();
    }

    private static DatabaseGroup WithHost(DatabaseGroup group, string host) =>
        group with
        {
            Replicas = [.. group.Replicas.Select((r, number) => number == 2 ? r with { Host = host } : r)],
        };
}
