using Agora.Cluster;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// A replica that cannot prove that it holds everything it ever claimed comes back as a new one under its old number,
/// without a command: it copies the state from another replica.
/// </summary>
public sealed class ReplacementTests
{
    [Theory]
    [InlineData("its directory is gone")]
    [InlineData("its journal is gone")]
    [InlineData("its journal is empty")]
    [InlineData("its journal has a changed header")]
    [InlineData("its journal has a changed record")]
    [InlineData("its journal is another replica's")]
    [InlineData("its state is gone")]
    [InlineData("its state is damaged")]
    [InlineData("its state and journal are another replica's")]
    [InlineData("its state and journal are an older copy")]
    [InlineData("its journal is an older copy")]
    [InlineData("its state is an older copy")]
    public async Task A_replica_comes_back(string how)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await CountAtAllAsync(group, 1);
        await group.StopAsync(0);
        using TemporaryDirectory older = new();
        Copy(DirectoryOf(group, 0), older["0"]);
        await group.StartAsync(0);
        await CountAtAllAsync(group, 4);
        await group.StopAsync(0);

        Break(group, how, older["0"]);
        await group.StartAsync(0);

        await CountAtAllAsync(group, 7);
        await group.EqualDigestsAsync();
        Assert.Null(group.Replicator(0).Details.Joining);

        // And it is a replica like any other: it goes on from what it has now.
        await group.StopAsync(0);
        await group.StartAsync(0);
        await CountAtAllAsync(group, 10);
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task One_after_the_other_may_lose_its_disk()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        for (var replica = 0; replica < 3; replica++)
        {
            await CountAtAllAsync(group, 1 + (3 * replica));
            await group.StopAsync(replica);
            Directory.Delete(DirectoryOf(group, replica), recursive: true);
            await group.StartAsync(replica);
        }

        await CountAtAllAsync(group, 10);
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task What_was_damaged_is_kept_with_the_reason()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await CountAtAllAsync(group, 1);
        await group.StopAsync(0);
        var file = Journal(DirectoryOf(group, 0));
        Flip(file, 40);
        var damaged = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);

        await group.StartAsync(0);
        await CountAtAllAsync(group, 4);

        var kept = Assert.Single(Directory.GetDirectories(group.DirectoryOf(0, "journal/set-aside")));
        Assert.Equal(
            damaged,
            await File.ReadAllBytesAsync(
                Path.Combine(kept, Path.GetFileName(file)),
                TestContext.Current.CancellationToken
            )
        );
        Assert.Contains(
            $"{file} is damaged at byte ",
            await File.ReadAllTextAsync(Path.Combine(kept, "reason.txt"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        await group.WarningAsync(0, $"{file} is damaged at byte ");
    }

    [Fact]
    public async Task A_write_that_waits_for_a_lost_replica_is_answered_once_it_is_back()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await CountAtAllAsync(group, 1);
        await group.StopAsync(2);
        Directory.Delete(DirectoryOf(group, 2), recursive: true);
        var writes = Enumerable.Range(0, 10).Select(i => group.CountAsync("x", at: i % 2)).ToList();

        await group.StartAsync(2);

        Assert.Equal(Enumerable.Range(4, 10).Select(i => (long)i), (await Task.WhenAll(writes)).Order());
        await group.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_replica_that_joins_says_what_it_waits_for_and_takes_no_calls()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await CountAtAllAsync(group, 1);
        await group.StopAsync(1);
        await group.StopAsync(2);
        Directory.Delete(DirectoryOf(group, 2), recursive: true);

        await group.StartAsync(2);

        var join = await Group.EventuallyAsync(() =>
            Task.FromResult(
                group.Replicator(2).Details.Joining is { } said && said.Reason.Contains('1', StringComparison.Ordinal)
                    ? said
                    : (ReplicatorJoining?)null
            )
        );
        Assert.Contains("wait", join.Reason, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(2).ReadBarrierAsync(TestContext.Current.CancellationToken)
        );
        await group.StartAsync(1);
        await CountAtAllAsync(group, 4);
    }

    private static async Task CountAtAllAsync(Group group, long from)
    {
        for (var replica = 0; replica < 3; replica++)
        {
            Assert.Equal(from + replica, await group.CountAsync("x", at: replica));
            Assert.Equal(from + replica, await group.ReadAsync(replica, "x"));
        }
    }

    private static void Break(Group group, string how, string older)
    {
        var directory = DirectoryOf(group, 0);
        var journal = Path.Combine(directory, "journal");
        switch (how)
        {
            case "its directory is gone":
                Directory.Delete(directory, recursive: true);
                break;
            case "its journal is gone":
                Directory.Delete(journal, recursive: true);
                break;
            case "its journal is empty":
                File.WriteAllBytes(Journal(directory), []);
                break;
            case "its journal has a changed header":
                Flip(Journal(directory), 12);
                break;
            case "its journal has a changed record":
                var bytes = File.ReadAllBytes(Journal(directory));
                Flip(Journal(directory), bytes.AsSpan().LastIndexOfAnyExcept((byte)0) / 2);
                break;
            case "its journal is another replica's":
                Directory.Delete(journal, recursive: true);
                Copy(group.DirectoryOf(1, "journal"), journal);
                break;
            case "its state is gone":
                File.Delete(Path.Combine(directory, ReplicatedStore.FileName));
                break;
            case "its state is damaged":
                Flip(Path.Combine(directory, ReplicatedStore.FileName), 3);
                break;
            case "its state and journal are another replica's":
                Directory.Delete(directory, recursive: true);
                Copy(DirectoryOf(group, 1), directory);
                break;
            case "its state and journal are an older copy":
                Directory.Delete(directory, recursive: true);
                Copy(older, directory);
                break;
            case "its journal is an older copy":
                Directory.Delete(journal, recursive: true);
                Copy(Path.Combine(older, "journal"), journal);
                break;
            case "its state is an older copy":
                File.Copy(
                    Path.Combine(older, ReplicatedStore.FileName),
                    Path.Combine(directory, ReplicatedStore.FileName),
                    overwrite: true
                );
                break;
            default:
                Assert.Fail($"nothing is broken: {how}");
                break;
        }
    }

    private static string DirectoryOf(Group group, int replica) =>
        Path.GetDirectoryName(group.DirectoryOf(replica, ReplicatedStore.FileName))!;

    private static string Journal(string directory) =>
        Directory.GetFiles(Path.Combine(directory, "journal"), "journal-*").Single();

    private static void Flip(string file, int at)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from).Where(f => Path.GetFileName(f) != "lock"))
        {
            // The files of a replica that runs are open.
            using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using FileStream target = new(Path.Combine(to, Path.GetFileName(file)), FileMode.Create);
            source.CopyTo(target);
        }

        foreach (var directory in Directory.GetDirectories(from))
        {
            Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
        }
    }
}
