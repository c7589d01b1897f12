using Agora.Cluster;
using CsCheck;
using Xunit;
using static Agora.Replication.Tests.StoreCalls;

namespace Agora.Replication.Tests;

public sealed class ReplicatedStoreTests : IDisposable
{
    private static readonly long s_lifetime = Command.DefaultKeptFor * 1_000L;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_new_directory_starts_empty_before_the_first_position()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Assert.Equal(-1, store.Applied);
        Assert.Empty(Ledger.Lines(store));
    }

    [Fact]
    public void A_batch_and_its_position_are_there_after_reopening()
    {
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger()))
        {
            Assert.Equal(["1", "2", "1"], Apply(store, 7, Ledger.Count("x"), Ledger.Count("x"), Ledger.Count("y")));
        }

        using var reopened = ReplicatedStore.Open(_directory["a"], new Ledger());
        Assert.Equal(7, reopened.Applied);
        Assert.Equal(2, Ledger.Value(reopened, "x"));
    }

    [Fact]
    public void The_time_given_to_the_state_machine_never_runs_backwards_not_even_after_reopening()
    {
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger()))
        {
            Apply(store, 0, Ledger.Count("a", time: 500), Ledger.Count("b", time: 300), Ledger.Count("c", time: 501));
        }

        using var reopened = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(reopened, 1, Ledger.Count("d", time: 2));
        Assert.Equal([("a", 500), ("b", 500), ("c", 501), ("d", 501)], Ledger.Lines(reopened));
    }

    [Fact]
    public void Equal_logs_give_equal_digests_however_they_are_cut_into_batches_and_whenever_the_replica_restarts()
    {
        // Names, times that jump over the replies' lifetime in both directions, repeats of earlier requests, and
        // lifetimes that differ.
        Gen<(int Name, int Time, int Repeat, int KeptFor)> one = Gen.Select(
            Gen.Int[0, 5],
            Gen.Int[0, 40],
            Gen.Int[0, 9],
            Gen.Int[0, 1_000]
        );
        Gen.Select(one.Array[1, 120], Gen.Int[1, 9].Array[1, 40], Gen.Int[1, 9].Array[1, 40], Gen.Int[0, 119])
            .Sample(
                (log, cutsA, cutsB, restart) =>
                {
                    List<Command> commands = [];
                    foreach ((var name, var time, var repeat, var keptFor) in log)
                    {
                        Guid? earlier =
                            repeat < 3 && commands.Count > repeat ? commands[^(repeat + 1)].RequestId : null;
                        commands.Add(
                            Ledger.Count(name == 5 ? "?" : $"{name}", time * s_lifetime / 20, earlier, keptFor)
                        );
                    }

                    using TemporaryDirectory directory = new();
                    var a = Replay(directory["a"], commands, cutsA, restartAt: -1);
                    var b = Replay(directory["b"], commands, cutsB, restart);
                    Assert.Equal(a, b);
                    Assert.Equal(commands.Count - 1, a.Position);
                },
                iter: 25,
                threads: 1
            );
    }

    [Fact]
    public void Different_states_have_different_digests()
    {
        using var a = ReplicatedStore.Open(_directory["a"], new Ledger());
        using var b = ReplicatedStore.Open(_directory["b"], new Ledger());
        var id = Guid.NewGuid();
        Apply(a, 0, Ledger.Count("x", id: id));
        Apply(b, 0, Ledger.Count("y", id: id));
        Assert.Equal(a.Digest().Position, b.Digest().Position);
        Assert.NotEqual(a.Digest().Sha256, b.Digest().Sha256);
    }

    [Fact]
    public void A_command_that_throws_leaves_the_state_before_its_batch_and_nothing_is_applied_afterwards()
    {
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger()))
        {
            Apply(store, 0, Ledger.Count("x"));
            Assert.Throws<InvalidDataException>(() => Apply(store, 1, Ledger.Count("x"), Ledger.Count("!")));
            Assert.Throws<InvalidOperationException>(() => Apply(store, 2, Ledger.Count("x")));
            Assert.Equal(0, store.Applied);
            Assert.Equal(1, Ledger.Value(store, "x"));
        }

        using var reopened = ReplicatedStore.Open(_directory["a"], new Ledger());
        Assert.Equal(["2"], Apply(reopened, 1, Ledger.Count("x")));
    }

    [Fact]
    public void A_process_that_dies_between_batches_loses_none_that_was_committed()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(store, 4, Ledger.Count("x"));

        // What kill -9 leaves behind is what the file system holds now, the WAL not checkpointed.
        Directory.CreateDirectory(_directory["b"]);
        foreach (var file in new[] { "state.db", "state.db-wal" })
        {
            File.Copy(Path.Combine(_directory["a"], file), Path.Combine(_directory["b"], file));
        }

        using var after = ReplicatedStore.Open(_directory["b"], new Ledger());
        Assert.Equal(4, after.Applied);
        Assert.Equal(store.Digest(), after.Digest());
    }

    [Fact]
    public void Flush_moves_the_applied_state_into_the_database_file_and_returns_its_position()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Assert.Equal(-1, store.Flush());
        Apply(store, 3, Ledger.Count("x"));
        Assert.Equal(3, store.Flush());

        Directory.CreateDirectory(_directory["b"]);
        File.Copy(Path.Combine(_directory["a"], "state.db"), Path.Combine(_directory["b"], "state.db"));
        using var withoutWal = ReplicatedStore.Open(_directory["b"], new Ledger());
        Assert.Equal(3, withoutWal.Applied);
    }

    [Fact]
    public void Flush_is_not_held_up_by_a_long_read()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(store, 0, Ledger.Count("x"));
        store.Read(connection =>
        {
            connection.Prepared("SELECT COUNT(*) FROM counters").Number();
            Apply(store, 1, Ledger.Count("x"));
            Assert.Equal(1, store.Flush());
            return 0;
        });
    }

    [Fact]
    public void A_snapshot_is_a_store_at_exactly_its_position()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(store, 5, Ledger.Count("x", time: 9), Ledger.Count("y"));
        var then = store.Digest();
        Directory.CreateDirectory(_directory["b"]);
        Assert.Equal(5, store.Snapshot(Path.Combine(_directory["b"], ReplicatedStore.FileName)));
        Apply(store, 6, Ledger.Count("x"));

        using var copy = ReplicatedStore.Open(_directory["b"], new Ledger());
        Assert.Equal(then, copy.Digest());
        Apply(copy, 6, Ledger.Count("x"));
        Assert.Equal(2, Ledger.Value(copy, "x"));
    }

    [Fact]
    public void A_copy_holds_the_state_at_its_position_while_commands_are_applied()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(store, 5, Ledger.Count("x", time: 9), Ledger.Count("y"));
        var then = store.Digest();
        using var copy = store.Copy();
        Apply(store, 6, Ledger.Count("x"));
        store.Flush();

        Assert.Equal(5, copy.Position);
        copy.WriteTo(_directory["copied"]);

        Assert.Equal(then, ReplicatedStore.DigestOf(_directory["copied"]));
        Assert.Equal(["copied"], Directory.GetFiles(_directory[""], "copied*").Select(Path.GetFileName));
        using var other = ReplicatedStore.Open(_directory["b"], new Ledger());
        Assert.Equal(5, other.Restore(_directory["copied"]));
        Assert.Equal(then, other.Digest());
    }

    [Fact]
    public void A_read_sees_one_position_while_the_writer_goes_on()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(store, 0, Ledger.Count("x"));
        (var before, var after) = store.Read(connection =>
        {
            long Lines() => connection.Prepared("SELECT COUNT(*) FROM lines").Number()!.Value;
            var first = Lines();
            Apply(store, 1, Ledger.Count("x"));
            return (first, Lines());
        });
        Assert.Equal((1, 1), (before, after));
        Assert.Equal(2, Ledger.Value(store, "x"));
    }

    [Fact]
    public async Task A_waiter_goes_on_when_its_position_is_applied_and_not_before()
    {
        var cancelled = TestContext.Current.CancellationToken;
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        var two = store.WaitUntilAppliedAsync(2, cancelled);
        Apply(store, 1, Ledger.Count("x"));
        var one = store.WaitUntilAppliedAsync(1, cancelled);
        Assert.True(one.IsCompletedSuccessfully);
        Assert.False(two.IsCompleted);
        Apply(store, 2);
        await two.WaitAsync(TimeSpan.FromSeconds(30), cancelled);
    }

    [Fact]
    public void A_directory_in_use_or_unwritable_is_refused_with_its_name()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Assert.Contains(
            _directory["a"],
            Assert.Throws<FixableException>(() => ReplicatedStore.Open(_directory["a"], new Ledger())).Message,
            StringComparison.Ordinal
        );
        File.WriteAllText(_directory["file"], "");
        Assert.Contains(
            _directory["file"],
            Assert.Throws<FixableException>(() => ReplicatedStore.Open(_directory["file"], new Ledger())).Message,
            StringComparison.Ordinal
        );
    }

    private static StateDigest Replay(string directory, List<Command> commands, int[] cuts, int restartAt)
    {
        // Within reach, so that replies expire early and ids are forgotten.
        KeptRepliesBounds bounds = new(MaxKept: 20, MaxExpired: 10);
        var store = ReplicatedStore.Open(directory, new Ledger(), bounds);
        try
        {
            var restarts = 0;
            for (int done = 0, batch = 0; done < commands.Count; batch++)
            {
                var count = Math.Min(cuts[batch % cuts.Length], commands.Count - done);
                Apply(store, done + count - 1, [.. commands.Skip(done).Take(count)]);
                done += count;
                if (restartAt >= 0 && done > restartAt && restarts++ == 0)
                {
                    store.Dispose();
                    store = ReplicatedStore.Open(directory, new Ledger(), bounds);
                }
            }

            return store.Digest();
        }
        finally
        {
            store.Dispose();
        }
    }
}
