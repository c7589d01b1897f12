using Agora.Cluster;
using Agora.Replication.Raft;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// A replica that starts from an older copy of its own files learns so from the others before it votes or acknowledges
/// anything. One that was only restarted does not.
/// </summary>
public sealed class OlderCopyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task An_older_copy_is_noticed_set_aside_and_the_replica_joins()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await CountToAsync(group, 3);
        var replica = await FollowerAsync(group);
        await CopyAsync(group, replica);
        await CountToAsync(group, 6);
        await group.StopAsync(replica);
        PutBack(group, replica);

        await group.StartAsync(replica);

        await group.ShutdownAsync(replica);
        var reason = await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(replica));
        Assert.Contains("is an older copy of this replica's own files", reason.Message, StringComparison.Ordinal);
        await group.StartAsync(replica);
        Assert.Equal(6, await group.ReadAsync(replica, "x"));
        await group.EqualDigestsAsync();
        Assert.Contains("older copy", SetAside.Latest(group.DirectoryOf(replica, ""))!.Value.Reason, Comparison);
    }

    [Fact]
    public async Task A_replica_that_joined_after_an_older_copy_restarts_like_any_other()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await CountToAsync(group, 3);
        var replica = await FollowerAsync(group);

        // What it acknowledged in its first life is still remembered in its second.
        await group.StopAsync(replica);
        Directory.Delete(group.DirectoryOf(replica, ""), recursive: true);
        await group.StartAsync(replica);
        await group.EqualDigestsAsync();
        await group.StopAsync(replica);
        await group.StartAsync(replica);

        Assert.Equal(3, await group.ReadAsync(replica, "x"));
        Assert.Null(SetAside.Latest(group.DirectoryOf(replica, "")));
        Assert.Equal(0, group.Replicator(replica).Details.Resyncs);
    }

    [Fact]
    public async Task An_older_copy_is_noticed_by_one_that_led_before_and_follows_now()
    {
        var times = Enumerable.Range(0, 5).Select(_ => new ShiftedTime(TimeProvider.System)).ToArray();
        await using var group = await Group.StartAsync(
            ReplicationEngine.Raft,
            5,
            configure: (builder, i) => builder.Services.AddSingleton<TimeProvider>(times[i])
        );
        await CountToAsync(group, 3);
        var leader = await group.LeaderAsync();
        var replica = await FollowerAsync(group);
        await CopyAsync(group, replica);
        await CountToAsync(group, 6);
        await group.StopAsync(replica);
        PutBack(group, replica);

        // Its clock is wrong, so it hands over. The replica has acknowledged nothing to the next one.
        times[leader].Shift = TimeSpan.FromHours(1);
        await Group.EventuallyAsync(async () => await group.LeaderAsync() != leader ? true : (bool?)null);
        await group.StartAsync(replica);

        await group.ShutdownAsync(replica);
        var reason = await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(replica));
        Assert.Contains($"replica {leader} knows that it has", reason.Message, Comparison);
    }

    [Fact]
    public async Task A_replica_that_was_only_restarted_keeps_its_files()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        var count = 0L;
        for (var round = 0; round < 6; round++)
        {
            // Not waiting for anything: what it acknowledged last is what counts.
            count = await group.CountAsync("x");
            await group.StopAsync(round % 3);
            count = await group.CountAsync("x");
            await group.StartAsync(round % 3);
        }

        Assert.Equal(12, count);
        await group.EqualDigestsAsync();
        for (var replica = 0; replica < 3; replica++)
        {
            Assert.Null(SetAside.Latest(group.DirectoryOf(replica, "")));
            Assert.Equal(0, group.Replicator(replica).Details.Resyncs);
        }
    }

    [Fact]
    public async Task A_group_that_restarts_as_a_whole_goes_on_and_so_does_a_majority_of_it()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await CountToAsync(group, 3);
        await group.StopAllAsync();
        await group.StartAsync(0);
        await group.StartAsync(1);
        Assert.Equal(4, await group.CountAsync("x"));
        await group.StartAsync(2);
        await group.EqualDigestsAsync();
    }

    [Fact]
    public void What_was_acknowledged_binds_as_long_as_no_later_leader_may_have_replaced_it()
    {
        using var log = RaftLog.Create(_directory["log"], 0, [], new RaftLogOptions());
        log.Append(1, [Entry(1), Entry(1), Entry(2), Entry(3), Entry(3)]);
        log.Sync();

        // Nothing is known, or all of it is there.
        Assert.Null(default(Acknowledgement).MissingIn(0, log));
        Assert.Null(new Acknowledgement(3, 5, 5).MissingIn(3, log));
        Assert.Null(new Acknowledgement(3, 4, 2).MissingIn(4, log));

        // A term that was reached is never forgotten.
        Assert.Contains("has reached term 4", new Acknowledgement(4, 0, 0).MissingIn(3, log), Comparison);

        // In the same term the leader's entries stay; what an earlier leader sent is not one of them.
        Assert.Contains("lacks it", new Acknowledgement(3, 6, 0).MissingIn(3, log), Comparison);
        Assert.Contains("lacks it", new Acknowledgement(3, 3, 0).MissingIn(3, log), Comparison);

        // A later leader may have replaced it, unless it was committed.
        Assert.Null(new Acknowledgement(2, 9, 0).MissingIn(3, log));
        Assert.Contains("which is committed", new Acknowledgement(2, 9, 6).MissingIn(3, log), Comparison);

        // Below the log there is only the state, which holds what is committed.
        using var cut = RaftLog.Create(_directory["cut"], 9, [], new RaftLogOptions());
        Assert.Null(new Acknowledgement(3, 8, 8).MissingIn(3, cut));
    }

    [Fact]
    public void What_a_leader_remembers_grows_within_a_term_and_keeps_what_is_committed()
    {
        var first = default(Acknowledgement).With(term: 2, index: 7, firstOfTerm: 8, committed: 5);
        Assert.Equal(new Acknowledgement(2, 0, 5), first);
        var second = first.With(term: 2, index: 9, firstOfTerm: 8, committed: 20);
        Assert.Equal(new Acknowledgement(2, 9, 9), second);
        Assert.Equal(second, second.With(term: 2, index: 8, firstOfTerm: 8, committed: 8));
        Assert.Equal(new Acknowledgement(4, 0, 9), second.With(term: 4, index: 3, firstOfTerm: 12, committed: 3));
    }

    private const StringComparison Comparison = StringComparison.Ordinal;

    private static LogRecord Entry(long term) => new(term, []);

    private static async Task CountToAsync(Group group, long count)
    {
        while (await group.CountAsync("x") < count) { }

        await group.EqualDigestsAsync();
    }

    private static async Task<int> FollowerAsync(Group group)
    {
        var leader = await group.LeaderAsync();
        return group.Running.First(i => i != leader);
    }

    private async Task CopyAsync(Group group, int replica)
    {
        await group.StopAsync(replica);
        Copy(group.DirectoryOf(replica, ""), _directory["copy"]);
        await group.StartAsync(replica);
        await Group.EventuallyAsync(() => Task.FromResult(group.Replicator(replica).Status.Ready ? true : (bool?)null));
    }

    private void PutBack(Group group, int replica)
    {
        Directory.Delete(group.DirectoryOf(replica, ""), recursive: true);
        Copy(_directory["copy"], group.DirectoryOf(replica, ""));
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        foreach (var directory in Directory.GetDirectories(from))
        {
            Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
        }
    }
}
