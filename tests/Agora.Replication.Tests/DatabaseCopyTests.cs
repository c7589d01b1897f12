using Agora.Cluster;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>A state is copied from a group that runs, and another group begins with the copy.</summary>
public sealed class DatabaseCopyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(ReplicationEngine.Raft, 3, ReplicationEngine.Raft, 5)]
    [InlineData(ReplicationEngine.Raft, 3, ReplicationEngine.Raft, 1)]
    [InlineData(ReplicationEngine.RotatingSequencer, 5, ReplicationEngine.RotatingSequencer, 3)]
    [InlineData(ReplicationEngine.RotatingSequencer, 3, ReplicationEngine.RotatingSequencer, 5)]
    [InlineData(ReplicationEngine.RotatingSequencer, 3, ReplicationEngine.RotatingSequencer, 1)]
    [InlineData(ReplicationEngine.RotatingSequencer, 3, ReplicationEngine.Raft, 3)]
    [InlineData(ReplicationEngine.Raft, 3, ReplicationEngine.RotatingSequencer, 3)]
    public async Task A_group_of_another_size_begins_with_the_copied_state_and_goes_on(
        ReplicationEngine from,
        int fromSize,
        ReplicationEngine to,
        int toSize
    )
    {
        var copied = await CopyAsync(from, fromSize, counts: 7);

        await using var group = Group.Prepare(to, toSize);
        Restore(group, copied);
        for (var replica = 0; replica < toSize; replica++)
        {
            Assert.Equal(copied, DatabaseCopy.DigestOf(group.DirectoryOf(replica, ReplicatedStore.FileName)));
        }

        await group.StartAllAsync();
        foreach (var replica in group.Running)
        {
            Assert.Equal(7, await group.ReadAsync(replica, "x"));
        }

        for (var count = 8; count <= 20; count++)
        {
            Assert.Equal(count, await group.CountAsync("x", at: count % toSize));
        }

        await group.StopAllAsync();
        await group.StartAllAsync();
        Assert.Equal(20, await group.ReadAsync(0, "x"));
        await group.EqualDigestsAsync();
    }

    /// <summary>Its host was forgotten, or its disk is lost at once.</summary>
    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_replica_that_is_not_restored_copies_the_state_from_the_others(ReplicationEngine engine)
    {
        var copied = await CopyAsync(engine, 3, counts: 4);

        await using var group = Group.Prepare(engine, 3);
        Restore(group, copied, except: 2);
        await group.StartAllAsync();

        Assert.Equal(5, await group.CountAsync("x"));
        Assert.Equal(5, await group.ReadAsync(2, "x"));
        await group.EqualDigestsAsync();
    }

    /// <summary>Those that have nothing must not begin an empty group beside the one that has the state.</summary>
    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task Nothing_begins_while_too_few_replicas_are_restored(ReplicationEngine engine)
    {
        var copied = await CopyAsync(engine, 3, counts: 4);

        await using var group = Group.Prepare(engine, 3);
        RestoreOne(group, copied, 0);
        await group.StartAllAsync();

        // Raft says so in its log, the other engine in its status.
        await (
            engine == ReplicationEngine.Raft
                ? group.WarningAsync(1, "it waits for")
                : Group.EventuallyAsync(() =>
                    Task.FromResult(
                        group.Replicator(1).Details.Joining is { } joining
                        && joining.Reason.Contains("lost", StringComparison.Ordinal)
                            ? true
                            : (bool?)null
                    )
                )
        );

        Assert.All(group.Running, replica => Assert.False(group.Replicator(replica).Status.Ready));
        Assert.All([1, 2], replica => Assert.Equal(-1, group.Store(replica).Applied));

        await group.StopAllAsync();
        Directory.Delete(group.DirectoryOf(1), recursive: true);
        RestoreOne(group, copied, 1);
        await group.StartAllAsync();
        Assert.Equal(5, await group.CountAsync("x"));
        Assert.Equal(5, await group.ReadAsync(2, "x"));
    }

    /// <summary>Also where the copy was made of a replica that had not heard of it.</summary>
    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_copy_of_any_replica_has_what_was_acknowledged_before(ReplicationEngine engine)
    {
        await using var group = await Group.StartAsync(engine, 3);
        for (var count = 1; count <= 12; count++)
        {
            await group.CountAsync("x", at: 0);
            await FetchAsync(group, count % 3);

            using var file = StoreFile.Connect(Copy, SqliteOpenMode.ReadOnly);
            using Statement counter = new(file, "SELECT value FROM counters WHERE name = 'x'");
            Assert.Equal(count, counter.Number());
        }
    }

    [Fact]
    public async Task A_replica_without_a_majority_gives_no_copy()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        await group.StopAsync(1);
        await group.StopAsync(2);

        var refusal = await Assert.ThrowsAsync<RpcException>(() => FetchAsync(group, 0));

        Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
    }

    [Fact]
    public async Task A_copy_with_another_content_or_of_another_position_is_refused_and_named()
    {
        var copied = await CopyAsync(ReplicationEngine.Raft, 1, counts: 3);
        await using var group = Group.Prepare(ReplicationEngine.Raft, 1);

        var otherPosition = Assert.Throws<FixableException>(() =>
            RestoreOne(group, copied with { Position = copied.Position + 1 }, 0)
        );
        Directory.Delete(group.DirectoryOf(0), recursive: true);
        using (var file = StoreFile.Connect(Copy, SqliteOpenMode.ReadWrite))
        using (Statement change = new(file, "UPDATE counters SET value = value + 1"))
        {
            change.Run();
        }

        var otherContent = Assert.Throws<FixableException>(() => RestoreOne(group, copied, 0));
        Assert.All(
            [otherPosition, otherContent],
            refusal => Assert.StartsWith($"{Copy}: is damaged", refusal.Message, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_directory_that_is_there_is_left_alone()
    {
        var copied = await CopyAsync(ReplicationEngine.Raft, 1, counts: 1);
        await using var group = Group.Prepare(ReplicationEngine.Raft, 1);
        Directory.CreateDirectory(group.DirectoryOf(0));

        Assert.Throws<IOException>(() => RestoreOne(group, copied, 0));
        Assert.Empty(Directory.EnumerateFileSystemEntries(group.DirectoryOf(0)));
    }

    private string Copy => _directory["copy.db"];

    private async Task<StateDigest> CopyAsync(ReplicationEngine engine, int size, int counts)
    {
        await using var group = await Group.StartAsync(engine, size);
        for (var i = 0; i < counts; i++)
        {
            await group.CountAsync("x");
        }

        return await FetchAsync(group, size - 1);
    }

    private async Task<StateDigest> FetchAsync(Group group, int replica)
    {
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{group.Definition.Replicas[replica].GrpcPort}");
        return await DatabaseCopy.FetchAsync(
            channel.CreateCallInvoker(),
            replica,
            Copy,
            (_, _) => { },
            DateTime.UtcNow.AddSeconds(20),
            Cancelled
        );
    }

    private void Restore(Group group, StateDigest copied, int? except = null)
    {
        for (var replica = 0; replica < group.Definition.Replicas.Count; replica++)
        {
            if (replica != except)
            {
                RestoreOne(group, copied, replica);
            }
        }
    }

    // Replicas of this suite run without the id of a cluster.
    private void RestoreOne(Group group, StateDigest copied, int replica) =>
        DatabaseCopy.Restore(
            Copy,
            copied,
            group.DirectoryOf(replica),
            group.Definition,
            Group.Database,
            replica,
            cluster: ""
        );
}
