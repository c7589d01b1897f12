using Agora.Cluster;
using Agora.Replication.Raft;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// A replica whose files are of no use sets them aside, says so, and serves again without another command.
/// </summary>
public sealed class ComingBackTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>What may be wrong with a replica's files when it starts.</summary>
    public static TheoryData<string, string> Faults =>
        new()
        {
            { "log header", "has a damaged header" },
            { "log", "is damaged at byte" },
            { "last record", "is damaged at byte" },
            { "no log", "the log is gone" },
            { "both slots of the ballot", "no longer knows what it promised" },
            { "no ballot", "is gone, while the log beside it has entries" },
            { "earlier ballot", "while the log beside it has entries of term" },
            { "state header", "file is not a database" },
            { "state schema", "malformed" },
            { "state cut", "malformed" },
            { "state version", "has a damaged header: it names format" },
            { "another replica's state", "belongs to replica 1, and this is replica 0" },
            { "another replica's log", "is of the log of another replica" },
            { "another replica's ballot", "is the ballot of another replica" },
            { "another replica's directory", "belongs to replica 1, and this is replica 0" },
            { "another database", "belongs to the database other, and this replica to ledger" },
            { "another cluster", "belongs to another cluster (another" },
            { "another engine", "runs on the rotating sequencer, and this replica on Raft" },
            { "another size", "belongs to a group of 5, and this replica to a group of 3" },
            { "no owner", "does not say whose it is" },
        };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Files_of_no_use_are_set_aside_and_the_replica_joins(string fault, string reason)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, ShortLog(fault));
        for (var i = 1; i <= 5; i++)
        {
            await group.CountAsync("x");
        }

        await group.EqualDigestsAsync();
        await group.StopAsync(0);
        if (fault.StartsWith("another replica", StringComparison.Ordinal))
        {
            await group.StopAsync(1);
        }

        Break(group, fault);
        await group.StartAllAsync();

        Assert.Equal(5, await group.ReadAsync(0, "x"));
        Assert.Equal(6, await group.CountAsync("x"));
        await group.EqualDigestsAsync();
        await group.WarningAsync(0, "is set aside in");
        var aside = SetAside.Latest(group.DirectoryOf(0, ""))!.Value;
        Assert.Contains(reason, aside.Reason, StringComparison.Ordinal);
        Assert.Contains(
            group.Replicator(0).Details.Problems,
            p => p.Contains(reason, StringComparison.Ordinal) && p.Contains(aside.Directory, StringComparison.Ordinal)
        );

        // It is a member like the others: without one of them its vote and its disk are needed.
        await group.StopAsync(2);
        Assert.Equal(7, await group.CountAsync("x"));
    }

    [Fact]
    public async Task A_state_that_turns_out_to_be_damaged_while_it_is_used_ends_the_process_and_comes_back()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        await group.EqualDigestsAsync();
        var follower = group.Running.Except([await group.LeaderAsync()]).First();
        group.Store(follower).Flush();

        // The pages behind the first one, which every new connection reads anew.
        Scribble(group.DirectoryOf(follower, "state.db"), 4096);
        Assert.ThrowsAny<SqliteException>(() => group.Store(follower).Digest());

        await group.ShutdownAsync(follower);
        var reason = await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(follower));
        Assert.Contains("The next start sets it aside", reason.Message, StringComparison.Ordinal);
        await group.StartAsync(follower);
        Assert.Equal(1, await group.ReadAsync(follower, "x"));
        await group.EqualDigestsAsync();
        Assert.Contains(
            "malformed",
            SetAside.Latest(group.DirectoryOf(follower, ""))!.Value.Reason,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_replica_with_another_committed_entry_than_the_leader_sets_its_history_aside_and_joins()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        await group.EqualDigestsAsync();
        await group.StopAllAsync();

        // As after an election with another cluster file: one entry more, applied here, of a term in which the others
        // never had a leader.
        using (var store = ReplicatedStore.Open(group.DirectoryOf(0, ""), new Ledger()))
        using (var log = RaftLog.Open(group.DirectoryOf(0, "raft"), OptionsOf(0)))
        {
            var next = log.LastIndex + 1;
            log.Append(next, [new LogRecord(Promise(group, 0, terms: 1), [])]);
            log.Sync();
            store.Apply(next, [Ledger.Count("y")], new ReadOnlyMemory<byte>[1]);
        }

        Promise(group, 1, terms: 2);
        Promise(group, 2, terms: 2);
        await group.StartAsync(1);
        await group.StartAsync(2);
        await group.CountAsync("x", at: 1);
        await group.CountAsync("x", at: 1);
        await group.StartAsync(0);

        await group.ShutdownAsync(0);
        await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(0));
        await group.StartAsync(0);
        await group.EqualDigestsAsync();
        Assert.Equal(0, await group.ReadAsync(0, "y"));
        Assert.Contains(
            "are not of one history",
            SetAside.Latest(group.DirectoryOf(0, ""))!.Value.Reason,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_replica_with_another_cluster_file_is_refused_by_name_and_refuses_the_others()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 5);
        await group.CountAsync("x");
        await group.StopAsync(2);
        Directory.Delete(group.DirectoryOf(2, ""), recursive: true);

        // The same file, cut to its first three replicas.
        DatabaseGroup three = new()
        {
            Engine = ReplicationEngine.Raft,
            Replicas = [.. group.Definition.Replicas.Take(3)],
        };
        await group.StartAsync(2, secrets: null, three);

        await group.WarningAsync(
            2,
            "ledger/0 is refused: it belongs to a group of 5, and this replica to a group of 3"
        );
        await group.WarningAsync(
            0,
            "ledger/2 is refused: it belongs to a group of 3, and this replica to a group of 5"
        );
        Assert.Contains(group.Replicator(0).Details.Problems, p => p.Contains("ledger/2", StringComparison.Ordinal));
        Assert.False(group.Replicator(2).Status.Ready);
        Assert.Equal(2, await group.CountAsync("x", at: 0));
        Assert.Equal("joining", group.Replicator(2).Status.Role);

        // With the right file it is what it was.
        await group.StopAsync(2);
        await group.StartAsync(2);
        Assert.Equal(2, await group.ReadAsync(2, "x"));
        await Group.EventuallyAsync(() =>
            Task.FromResult(group.Replicator(0).Details.Problems.Count == 0 ? true : (bool?)null)
        );
    }

    [Theory]
    [InlineData("content")]
    [InlineData("digest")]
    public async Task A_state_that_is_not_the_one_that_was_sent_is_not_used(string fault)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        await group.EqualDigestsAsync();
        using TemporaryDirectory directory = new();
        var path = directory["incoming.db"];
        var position = group.Store(0).Snapshot(path);
        var digest = group.Store(0).Digest().Sha256;
        var owner = new ReplicaOwner("", Group.Database, ReplicationEngine.Raft, 1, 3);
        Assert.Null(StateTransfer.FaultOf(path, owner, position, digest));

        if (fault == "content")
        {
            Sql(path, "UPDATE counters SET value = value + 1");
        }
        else
        {
            digest = new string('0', digest.Length);
        }

        Assert.Equal(
            "its digest is not the one that was sent with it",
            StateTransfer.FaultOf(path, owner, position, digest)
        );
        Assert.Contains(
            "instead of",
            StateTransfer.FaultOf(path, owner, position + 1, digest),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "group of 3",
            StateTransfer.FaultOf(path, owner with { Replicas = 5 }, position, digest),
            StringComparison.Ordinal
        );
        Scribble(path, 4096);
        Assert.NotNull(StateTransfer.FaultOf(path, owner, position, digest));
    }

    [Fact]
    public async Task A_restore_point_is_an_entry_that_a_majority_holds_since_it_was_asked_for()
    {
        var disks = Enumerable.Range(0, 3).Select(_ => new SlowDisk()).ToArray();
        await using var group = await Group.StartAsync(
            ReplicationEngine.Raft,
            3,
            i => new RaftSettings { Log = new RaftLogOptions { Disk = disks[i] } }
        );
        await group.CountAsync("x");
        var leader = await group.LeaderAsync();
        int[] followers = [.. group.Running.Where(i => i != leader)];
        await group.EqualDigestsAsync();

        // One follower is the one that joins; the other holds nothing new yet.
        await group.StopAsync(followers[0]);
        var raft = group.Raft(leader);
        var before = group.Store(leader).Applied;
        disks[followers[1]].Hold();
        try
        {
            var point = raft.MakeRestorePointAsync(Cancelled);
            await Group.EventuallyAsync(() => Task.FromResult(disks[followers[1]].Waiting ? true : (bool?)null));
            Assert.False(point.IsCompleted);
            disks[followers[1]].Release();
            var (position, term) = await point;
            Assert.True(position > before);
            Assert.Equal(raft.Details.Term, term);
        }
        finally
        {
            disks[followers[1]].Release();
        }
    }

    [Fact]
    public async Task No_group_begins_in_the_place_of_one_whose_files_were_all_set_aside()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await group.CountAsync("x");
        await group.StopAllAsync();
        for (var replica = 0; replica < 3; replica++)
        {
            Sql(group.DirectoryOf(replica, "state.db"), "UPDATE replication_owner SET cluster = 'another'");
        }

        await group.StartAllAsync();
        for (var replica = 0; replica < 3; replica++)
        {
            await group.WarningAsync(replica, "it waits for a leader");
            Assert.Equal("joining", group.Replicator(replica).Status.Role);
            Assert.Contains(
                "another cluster",
                group.Replicator(replica).Details.Joining!.Value.Reason,
                StringComparison.Ordinal
            );
        }

        await Assert.ThrowsAsync<ReplicaUnavailableException>(() =>
            group.Replicator(0).SubmitAsync(Ledger.Count("x"), Cancelled)
        );
    }

    [Fact]
    public async Task A_flipped_bit_anywhere_in_log_and_ballot_is_survived_by_every_replica_that_has_it()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        for (var i = 0; i < 3; i++)
        {
            await group.CountAsync("x");
        }

        var count = 3L;
        Random random = new(20261130);
        foreach (var file in new[] { "raft/ballot", "raft/000000000001.log" })
        {
            for (var round = 0; round < 6; round++)
            {
                await group.EqualDigestsAsync();
                await group.StopAsync(0);
                var path =
                    Directory.Exists(group.DirectoryOf(0, "raft")) && File.Exists(group.DirectoryOf(0, file))
                        ? group.DirectoryOf(0, file)
                        : Directory.GetFiles(group.DirectoryOf(0, "raft"), "*.log")[0];
                Flip(path, random);
                await group.StartAsync(0);
                count = await group.CountAsync("x");
                Assert.Equal(count, await group.ReadAsync(0, "x"));
            }
        }

        Assert.Equal(15, count);
        await group.EqualDigestsAsync();
    }

    private static RaftSettings ShortLog(string fault) =>
        fault == "log" ? new RaftSettings { WatchInterval = TimeSpan.FromMilliseconds(20) } : new RaftSettings();

    private static void Break(Group group, string fault)
    {
        string Of(string name, int replica = 0) => group.DirectoryOf(replica, name);
        var log = Of("raft/000000000001.log");
        var state = Of("state.db");
        switch (fault)
        {
            case "log header":
                Scribble(log, 3, 8);
                break;
            case "log":
                Scribble(log, 100, 1);
                break;
            case "last record":
                var bytes = File.ReadAllBytes(log);

                // Behind it there is only the mark of 32 bytes that the stop has left.
                Scribble(log, bytes.AsSpan().LastIndexOfAnyExcept((byte)0) - 40, 1);
                break;
            case "no log":
                File.Delete(log);
                break;
            case "both slots of the ballot":
                Scribble(Of("raft/ballot"), 20, 1);
                Scribble(Of("raft/ballot"), Ballot.SlotSize + 20, 1);
                break;
            case "no ballot":
                File.Delete(Of("raft/ballot"));
                break;
            case "earlier ballot":
                Ballot.Create(Of("raft"), new BallotState(), OptionsOf(0)).Dispose();
                break;
            case "state header":
                Scribble(state, 3, 8);
                break;
            case "state schema":
                Scribble(state, 100, 8);
                break;
            case "state cut":
                File.WriteAllBytes(state, File.ReadAllBytes(state)[..8192]);
                break;
            case "state version":
                Scribble(state, 60, 1);
                break;
            case "another replica's state":
                File.Copy(Of("state.db", 1), state, overwrite: true);
                break;
            case "another replica's log":
                File.Copy(Of("raft/000000000001.log", 1), log, overwrite: true);
                break;
            case "another replica's ballot":
                File.Copy(Of("raft/ballot", 1), Of("raft/ballot"), overwrite: true);
                break;
            case "another replica's directory":
                Directory.Delete(Of("raft"), recursive: true);
                File.Copy(Of("state.db", 1), state, overwrite: true);
                Directory.CreateDirectory(Of("raft"));
                foreach (var file in Directory.GetFiles(Of("raft", 1)))
                {
                    File.Copy(file, Path.Combine(Of("raft"), Path.GetFileName(file)));
                }

                break;
            case "another database":
                Sql(state, "UPDATE replication_owner SET database = 'other'");
                break;
            case "another cluster":
                Sql(state, "UPDATE replication_owner SET cluster = 'another'");
                break;
            case "another engine":
                Sql(state, "UPDATE replication_owner SET engine = 'RotatingSequencer'");
                break;
            case "another size":
                Sql(state, "UPDATE replication_owner SET replicas = 5");
                break;
            case "no owner":
                Sql(state, "DELETE FROM replication_owner");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault));
        }
    }

    private static RaftLogOptions OptionsOf(int replica) =>
        new() { Owner = new ReplicaOwner("", Group.Database, ReplicationEngine.Raft, replica, 3).Mark };

    // Has a replica that is down reach a later term; returns it.
    private static long Promise(Group group, int replica, int terms)
    {
        using var ballot = Ballot.Open(group.DirectoryOf(replica, "raft"), OptionsOf(replica))!;
        ballot.Write(new BallotState { Term = ballot.State.Term + terms });
        return ballot.State.Term;
    }

    private static void Sql(string file, string statement)
    {
        using var connection = StoreFile.Connect(file, SqliteOpenMode.ReadWrite);
        using Statement update = new(connection, statement);
        update.Run();
    }

    private static void Flip(string file, Random random)
    {
        var content = File.ReadAllBytes(file);
        var used = content.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        content[random.Next(used)] ^= (byte)(1 << random.Next(8));
        File.WriteAllBytes(file, content);
    }

    // In place, as connections that are open keep their file.
    private static void Scribble(string file, int at, int length = int.MaxValue)
    {
        using var handle = File.OpenHandle(
            file,
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.ReadWrite | FileShare.Delete
        );
        var content = new byte[Math.Min(length, RandomAccess.GetLength(handle) - at)];
        RandomAccess.Read(handle, content, at);
        for (var i = 0; i < content.Length; i++)
        {
            content[i] ^= 0xff;
        }

        RandomAccess.Write(handle, content, at);
    }
}
