using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Broadcast;
using Agora.Replication.Hosting;
using Agora.Replication.Raft;
using Agora.Testing;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class ReplicaHostingTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ReplicationEngine.Raft, "raft")]
    [InlineData(ReplicationEngine.RotatingSequencer, "rotating-sequencer")]
    public async Task Every_replica_tells_its_status_and_the_digest_of_its_state(ReplicationEngine engine, string name)
    {
        await using var group = await Group.StartAsync(engine, 3);
        await group.CountAsync("x");
        var expected = await group.EqualDigestsAsync();
        for (var replica = 0; replica < 3; replica++)
        {
            using var channel = Channel(group, replica);
            Replica.ReplicaClient client = new(channel);
            var status = await Group.EventuallyAsync(async () =>
            {
                var reply = await client.GetStatusAsync(new StatusRequest(), cancellationToken: Cancelled);
                return reply.Ready && reply.Applied >= expected.Position
                    ? (reply.Engine, reply.Applied, reply.Known)
                    : ((string, long, long)?)null;
            });
            Assert.Equal(name, status.Item1);
            Assert.InRange(status.Item2, expected.Position, status.Item3);
            var again = await client.GetStatusAsync(new StatusRequest(), cancellationToken: Cancelled);
            Assert.Equal(ProgramBuild.Current, again.Build);
            var digest = await client.GetDigestAsync(new DigestRequest(), cancellationToken: Cancelled);
            Assert.Equal(expected, new StateDigest(digest.Position, digest.Digest));
        }
    }

    [Fact]
    public async Task A_call_that_needs_the_leader_is_unavailable_elsewhere_and_every_answer_names_the_leader()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        var follower = group.Running.First(i => i != leader);
        await group.ReadAsync(follower, "x");
        using var channel = Channel(group, follower);
        var refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await new RaftPeer.RaftPeerClient(channel).GetRestorePointAsync(
                new RestorePointRequest(),
                new Metadata { { GroupCheck.Header, group.Raft(follower).Check.Mark } },
                cancellationToken: Cancelled
            )
        );
        Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
        Assert.Equal(leader.ToString(CultureInfo.InvariantCulture), refusal.Trailers.GetValue("agora-leader"));

        using var answer = new Replica.ReplicaClient(channel).GetStatusAsync(
            new StatusRequest(),
            cancellationToken: Cancelled
        );
        await answer;
        Assert.Equal(leader.ToString(CultureInfo.InvariantCulture), answer.GetTrailers().GetValue("agora-leader"));
    }

    [Fact]
    public async Task What_only_raft_needs_is_not_offered_by_the_rotating_sequencer()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 1);
        using var channel = Channel(group, 0);
        RaftPeer.RaftPeerClient client = new(channel);

        var refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await client.GetStandingAsync(new StandingRequest(), cancellationToken: Cancelled)
        );

        Assert.Equal(StatusCode.Unimplemented, refusal.StatusCode);
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_command_that_cannot_be_applied_ends_the_process(ReplicationEngine engine)
    {
        await using var group = await Group.StartAsync(engine, 1);
        Assert.Equal(1, await group.CountAsync("x"));
        var command = Ledger.Count("!", TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(0).SubmitAsync(command, Cancelled)
        );
        await group.ShutdownAsync(0);
        await Assert.ThrowsAnyAsync<Exception>(() => group.StopAsync(0));
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_port_in_use_is_named(ReplicationEngine engine)
    {
        await using var group = await Group.StartAsync(engine, 1);
        await group.StopAsync(0);
        var port = group.Definition.Replicas[0].PeerPort;
        using Socket taken =
            engine == ReplicationEngine.Raft
                ? new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
                : new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, port));
        if (taken.SocketType == SocketType.Stream)
        {
            taken.Listen();
        }

        var refusal = await Assert.ThrowsAsync<FixableException>(() => group.StartAsync(0));
        Assert.Contains($"127.0.0.1:{port}", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft, 0)]
    [InlineData(ReplicationEngine.Raft, 65_536)]
    [InlineData(ReplicationEngine.RotatingSequencer, 0)]
    public async Task A_replica_without_a_port_for_its_peers_does_not_start(ReplicationEngine engine, int port)
    {
        using TemporaryDirectory directory = new();
        DatabaseGroup group = new() { Engine = engine, Replicas = [new DatabaseAddress { PeerPort = port }] };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        Group.AddKey(builder, directory);
        builder.AddReplica(group, Group.Database, 0, directory["replica"], new Ledger(), null);
        await using var host = builder.Build();
        var refusal = await Assert.ThrowsAsync<FixableException>(() => host.StartAsync(Cancelled));
        Assert.Contains($"peer port {port}", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_state_without_the_log_that_it_comes_from_is_refused(ReplicationEngine engine)
    {
        await using var group = await Group.StartAsync(engine, 1);
        await group.CountAsync("x");
        await group.StopAsync(0);
        Directory.Delete(group.DirectoryOf(0, engine == ReplicationEngine.Raft ? "raft" : "journal"), recursive: true);
        await Assert.ThrowsAnyAsync<Exception>(() => group.StartAsync(0));
    }

    [Fact]
    public void A_group_key_comes_from_its_file_and_is_another_for_each_group()
    {
        using TemporaryDirectory directory = new();
        File.WriteAllBytes(directory["key"], RandomNumberGenerator.GetBytes(32));
        ReplicaOwner owner = new("cluster", Components.Customers, ReplicationEngine.RotatingSequencer, 0, 5);
        byte[] Key(ReplicaOwner of) => GroupKey.Load(of, directory["key"]);

        Assert.Equal(Key(owner), Key(owner with { Replica = 3 }));
        Assert.NotEqual(Key(owner), Key(owner with { Cluster = "another" }));
        Assert.NotEqual(Key(owner), Key(owner with { Database = Components.Products }));
        Assert.NotEqual(Key(owner), Key(owner with { Replicas = 3 }));
    }

    [Fact]
    public void A_group_key_file_that_is_missing_or_short_is_refused_with_its_name()
    {
        using TemporaryDirectory directory = new();
        File.WriteAllBytes(directory["short"], new byte[16]);
        ReplicaOwner owner = new("cluster", Components.Customers, ReplicationEngine.RotatingSequencer, 0, 5);
        foreach (var name in new[] { "missing", "short" })
        {
            var refusal = Assert.Throws<FixableException>(() => GroupKey.Load(owner, directory[name]));
            Assert.Contains(directory[name], refusal.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task Without_a_group_key_no_replica_of_the_rotating_sequencer_starts(string? file)
    {
        using TemporaryDirectory directory = new();
        DatabaseGroup group = new()
        {
            Engine = ReplicationEngine.RotatingSequencer,
            Replicas = [new DatabaseAddress { PeerPort = FreePorts.Take() }],
        };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration[GroupKey.FileSetting] = file;
        builder.AddReplica(group, Group.Database, 0, directory["replica"], new Ledger(), null);
        await using var host = builder.Build();

        var refusal = await Assert.ThrowsAsync<FixableException>(() => host.StartAsync(Cancelled));

        Assert.Contains("agora cluster keys", refusal.Message, StringComparison.Ordinal);
    }

    private static GrpcChannel Channel(Group group, int replica) =>
        GrpcChannel.ForAddress($"http://127.0.0.1:{group.Definition.Replicas[replica].GrpcPort}");
}
