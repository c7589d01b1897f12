using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>Groups in which one replica's clock is wrong.</summary>
public sealed class ClockTests
{
    private readonly ShiftedTime[] _times =
    [
        .. Enumerable.Range(0, 3).Select(_ => new ShiftedTime(TimeProvider.System)),
    ];

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_replica_with_a_wrong_clock_takes_no_commands_says_why_and_comes_back(ReplicationEngine engine)
    {
        _times[1].Shift = TimeSpan.FromHours(1);
        await using var group = await StartAsync(engine);
        await UntilAsync(() => group.Service<ReplicaClock>(1).IsWrong);
        await UntilAsync(() => group.Service<ReplicaClock>(0).Problem is null);
        await UntilAsync(() => group.Service<ReplicaClock>(2).Problem is null);
        Assert.Throws<ReplicaUnavailableException>(() => group.Service<ReplicaClock>(1).Stamp());
        var status = await StatusAsync(group, 1);
        Assert.False(status.Ready);
        Assert.Contains(
            "ahead of 2 of 2 other replicas",
            Assert.Single(status.Details.Problems),
            StringComparison.Ordinal
        );
        await group.WarningAsync(1, "takes no commands");
        await UntilAsync(async () => await StatusAsync(group, 0) is { Ready: true, Details.Problems: [] });

        _times[1].Shift = TimeSpan.Zero;
        await UntilAsync(async () => await StatusAsync(group, 1) is { Ready: true, Details.Problems: [] });
    }

    /// <summary>The leader stamps all commands: nobody could write while it refuses them.</summary>
    [Fact]
    public async Task A_leader_whose_clock_goes_wrong_hands_over_and_does_not_lead_again()
    {
        await using var group = await StartAsync(ReplicationEngine.Raft);
        Assert.Equal(1, await group.CountAsync("x"));
        await UntilAsync(() => group.Running.All(i => group.Service<ReplicaClock>(i).Problem is null));
        var leader = await group.LeaderAsync();
        _times[leader].Shift = TimeSpan.FromHours(1);
        await UntilAsync(() => group.Running.Any(i => i != leader && group.Replicator(i).Status is { Role: "leader" }));
        Assert.Equal(2, await group.CountAsync("x"));
        Assert.NotEqual("leader", group.Replicator(leader).Status.Role);
        Assert.Equal(2, await group.ReadAsync(leader, "x"));
    }

    [Fact]
    public async Task Replicas_of_another_group_are_told_nothing()
    {
        await using var group = await StartAsync(ReplicationEngine.RotatingSequencer);
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{group.Definition.Replicas[1].GrpcPort}");
        ReplicaPeer.ReplicaPeerClient peer = new(channel);
        ReplicaOwner own = new("", Group.Database, ReplicationEngine.RotatingSequencer, 0, 3);
        Assert.True((await AskAsync(own)).Time > 0);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => AskAsync(own with { Cluster = "another" }));
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);

        async Task<ClockReply> AskAsync(ReplicaOwner asker) =>
            await peer.GetClockAsync(
                new ClockRequest(),
                new Metadata { { GroupCheck.Header, asker.Group.ToString() } },
                cancellationToken: TestContext.Current.CancellationToken
            );
    }

    private Task<Group> StartAsync(ReplicationEngine engine) =>
        Group.StartAsync(
            engine,
            3,
            configure: (builder, replica) => builder.Services.AddSingleton<TimeProvider>(_times[replica])
        );

    private static async Task<StatusReply> StatusAsync(Group group, int replica)
    {
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{group.Definition.Replicas[replica].GrpcPort}");
        return await new Replica.ReplicaClient(channel).GetStatusAsync(
            new StatusRequest(),
            cancellationToken: TestContext.Current.CancellationToken
        );
    }

    private static Task<bool> UntilAsync(Func<bool> isSo) => UntilAsync(() => Task.FromResult(isSo()));

    private static Task<bool> UntilAsync(Func<Task<bool>> isSo) =>
        Group.EventuallyAsync(async () => await isSo() ? true : (bool?)null);
}
