using System.Text;
using Agora.Cluster;
using CsCheck;
using Xunit;

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
    public void A_repeat_is_answered_as_the_first_was_without_calling_the_state_machine()
    {
        Ledger ledger = new();
        using var store = ReplicatedStore.Open(_directory["a"], ledger);
        var command = Ledger.Count("x");
        Assert.Equal(["1", "2", "1"], Apply(store, 0, command, Ledger.Count("x"), command));
        Assert.Equal(["1"], Apply(store, 1, command));
        Assert.Equal(2, ledger.Calls);
        Assert.Equal(2, store.Repeats);
    }

    [Fact]
    public void A_repeat_after_reopening_is_answered_as_the_first_was()
    {
        var command = Ledger.Count("x");
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger()))
        {
            Apply(store, 0, command, Ledger.Count("x"));
        }

        Ledger ledger = new();
        using var reopened = ReplicatedStore.Open(_directory["a"], ledger);
        Assert.Equal(["1"], Apply(reopened, 1, command));
        Assert.Equal(0, ledger.Calls);
        Assert.Equal(1, reopened.Repeats);
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
    public void Replies_are_kept_for_their_lifetime_by_the_commands_clock_and_then_a_repeat_is_refused()
    {
        Ledger ledger = new();
        using var store = ReplicatedStore.Open(_directory["a"], ledger);
        var old = Ledger.Count("x", time: 1000);
        Apply(store, 0, old, Ledger.Count("other", time: 1000 + s_lifetime - 1));
        Assert.Equal(["1"], Apply(store, 1, old));
        Apply(store, 2, Ledger.Count("other", time: 1000 + s_lifetime));
        Assert.Equal(["expired"], Apply(store, 3, old));
        Assert.Equal(["expired"], Apply(store, 4, old with { Time = 1000 + s_lifetime }));
        Assert.Equal(1, Ledger.Value(store, "x"));
        Assert.Equal(3, store.Repeats);
    }

    [Fact]
    public void A_retry_that_waited_as_long_as_the_first_is_not_applied_again()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        var first = Ledger.Count("x", time: 1_000);
        Apply(store, 0, first);
        Apply(store, 1, Ledger.Count("y", time: 1_000 + s_lifetime + 300_000));
        Assert.Equal(["expired"], Apply(store, 2, first with { Time = 2_000 }));
        Assert.Equal(1, Ledger.Value(store, "x"));
    }

    [Fact]
    public void A_repeat_is_not_applied_again_after_one_command_of_a_clock_that_is_ahead()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        var first = Ledger.Count("x", time: 1_000);
        Apply(store, 0, first);
        Apply(store, 1, Ledger.Count("y", time: 1_000 + 86_400_000));
        Assert.Equal(["expired"], Apply(store, 2, first with { Time = 1_500 }));
        Assert.Equal(1, Ledger.Value(store, "x"));
    }

    [Fact]
    public void A_command_that_waited_longer_than_replies_are_kept_is_refused_and_its_request_id_stays_unused()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        Apply(store, 0, Ledger.Count("y", time: 1_000 + s_lifetime));
        var late = Ledger.Count("x", time: 999);
        Assert.True(store.IsTooOld(late));
        Assert.Equal(["expired"], Apply(store, 1, late));
        Assert.Equal(0, store.Repeats);

        late = late with { Time = 1_000 };
        Assert.False(store.IsTooOld(late));
        Assert.Equal(["1", "1"], Apply(store, 2, late, late));
        Assert.Equal(1, Ledger.Value(store, "x"));
    }

    [Fact]
    public void Each_command_says_how_long_its_reply_is_kept_and_how_long_it_may_wait()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        var brief = Ledger.Count("brief", keptFor: 10);
        var middle = Ledger.Count("middle", keptFor: 60);
        var usual = Ledger.Count("usual");
        Apply(store, 0, usual, brief, middle, Ledger.Count("y", time: 9_999));
        Assert.Equal(["1", "1", "1"], Apply(store, 1, usual, brief, middle));
        Apply(store, 2, Ledger.Count("y", time: 10_000));
        Assert.Equal(["1", "expired", "1"], Apply(store, 3, usual, brief, middle));
        Apply(store, 4, Ledger.Count("y", time: 60_001));
        Assert.Equal(["1", "expired", "expired"], Apply(store, 5, usual, brief, middle));
        Assert.Equal(
            ["expired", "1"],
            Apply(store, 6, Ledger.Count("late", keptFor: 60), Ledger.Count("not late", keptFor: 61))
        );
    }

    [Fact]
    public void A_request_id_is_known_after_its_reply_has_expired_until_so_many_later_ones_have_too()
    {
        KeptRepliesBounds bounds = new(MaxExpired: 8);
        Command[] all = [.. Enumerable.Range(0, 20).Select(i => Ledger.Count($"{i}"))];
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger(), bounds))
        {
            Apply(store, 0, all);

            // Prunes a few rows each time, and ends with itself as the only reply that is kept.
            for (var i = 1; i <= 20; i++)
            {
                Apply(store, i, Ledger.Count("later", time: i * s_lifetime * 2));
            }
        }

        using var reopened = ReplicatedStore.Open(_directory["a"], new Ledger(), bounds);
        Assert.Equal(
            1,
            reopened.Read(c => c.Prepared("SELECT COUNT(*) FROM replication_replies WHERE reply IS NOT NULL").Number())
        );
        Assert.Equal(9, reopened.Read(c => c.Prepared("SELECT COUNT(*) FROM replication_replies").Number()));

        // What is forgotten is carried out, where it comes with a clock of today: it is no longer known that it was
        // before.
        Command[] again = [.. all.Select(command => command with { Time = 40 * s_lifetime })];
        Assert.Equal(["2"], Apply(reopened, 21, again[0]));
        Assert.Equal(["expired"], Apply(reopened, 22, all[19]));
    }

    [Fact]
    public void An_expired_request_id_is_known_after_a_restart_and_in_a_snapshot()
    {
        var old = Ledger.Count("x");
        var newer = Ledger.Count("y", time: s_lifetime);
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger()))
        {
            Apply(store, 0, old, newer);
            Directory.CreateDirectory(_directory["b"]);
            store.Snapshot(Path.Combine(_directory["b"], ReplicatedStore.FileName));
        }

        using var reopened = ReplicatedStore.Open(_directory["a"], new Ledger());
        using var copy = ReplicatedStore.Open(_directory["b"], new Ledger());
        using var restored = ReplicatedStore.Open(_directory["c"], new Ledger());
        reopened.Snapshot(_directory["snapshot"]);
        restored.Restore(_directory["snapshot"]);
        foreach (var store in new[] { reopened, copy, restored })
        {
            Assert.Equal(["expired", "1"], Apply(store, 1, old with { Time = s_lifetime }, newer));
            Assert.Equal(1, Ledger.Value(store, "x"));
        }

        Assert.Equal(reopened.Digest(), copy.Digest());
        Assert.Equal(reopened.Digest(), restored.Digest());
    }

    [Fact]
    public void Beyond_a_number_of_replies_the_oldest_expire_early_and_their_repeats_are_refused()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger(), new KeptRepliesBounds(MaxKept: 10));
        Command[] all = [.. Enumerable.Range(0, 25).Select(i => Ledger.Count($"{i}"))];
        Apply(store, 0, all);
        Assert.Equal([.. Enumerable.Repeat("expired", 15), .. Enumerable.Repeat("1", 10)], Apply(store, 1, all));
    }

    [Fact]
    public void A_reply_that_uses_no_request_id_up_is_not_kept()
    {
        Ledger ledger = new();
        using var store = ReplicatedStore.Open(_directory["a"], ledger);
        var id = Guid.NewGuid();
        Assert.Equal(["1", "2"], Apply(store, 0, Ledger.Count("?", id: id), Ledger.Count("?", id: id)));
        Assert.Equal(["1", "1"], Apply(store, 1, Ledger.Count("x", id: id), Ledger.Count("?", id: id)));
        Assert.Equal(3, ledger.Calls);
        Assert.Equal(1, store.Repeats);
    }

    [Fact]
    public void Request_ids_with_an_equal_beginning_are_different()
    {
        KeptRepliesBounds bounds = new(MaxKept: 4, MaxExpired: 4);
        Command[] alike =
        [
            .. Enumerable
                .Range(0, 12)
                .Select(i => Ledger.Count($"{i}", id: new Guid(7, 7, 7, [1, 2, 3, 4, 5, 6, 7, (byte)i]))),
        ];
        string[] known = [.. Enumerable.Repeat("expired", 4), .. Enumerable.Repeat("1", 4)];
        using (var store = ReplicatedStore.Open(_directory["a"], new Ledger(), bounds))
        {
            Assert.Equal(Enumerable.Repeat("1", 12), Apply(store, 0, alike));
            Assert.Equal(known, Apply(store, 1, alike[4..]));
        }

        using var reopened = ReplicatedStore.Open(_directory["a"], new Ledger(), bounds);
        Assert.Equal(known, Apply(reopened, 2, alike[4..]));
        Assert.Equal(["2"], Apply(reopened, 3, alike[0]));
    }

    [Fact]
    public void However_clocks_jump_no_request_is_applied_twice()
    {
        Gen<(int Time, int Repeat, int KeptFor)> one = Gen.Select(
            Gen.Int[0, 60],
            Gen.Int[0, 12],
            Gen.OneOf(Gen.Int[0, 3], Gen.Int[1, 2_000])
        );
        one.Array[1, 150]
            .Sample(
                log =>
                {
                    using TemporaryDirectory directory = new();
                    using var store = ReplicatedStore.Open(directory["a"], new Ledger());
                    List<Command> commands = [];
                    foreach ((var time, var repeat, var keptFor) in log)
                    {
                        commands.Add(
                            repeat < 8 && commands.Count > repeat
                                ? commands[^(repeat + 1)] with
                                {
                                    Time = time * s_lifetime / 20,
                                    KeptFor = keptFor,
                                }
                                : Ledger.Count($"{commands.Count}", time * s_lifetime / 20, keptFor: keptFor)
                        );
                        Apply(store, commands.Count - 1, commands[^1]);
                    }

                    Assert.Equal(
                        0,
                        store.Read(c => c.Prepared("SELECT COUNT(*) FROM counters WHERE value > 1").Number())
                    );
                },
                iter: 25,
                threads: 1
            );
    }

    [Fact]
    public void Replies_stay_bounded_while_time_goes_on()
    {
        using var store = ReplicatedStore.Open(_directory["a"], new Ledger());
        for (var i = 0; i < 300; i++)
        {
            Apply(store, i, Ledger.Count("x", time: i * s_lifetime / 50));
        }

        Assert.InRange(
            store.Read(c =>
                c.Prepared("SELECT COUNT(*) FROM replication_replies WHERE reply IS NOT NULL").Number()!.Value
            ),
            50,
            51
        );
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

    private static string[] Apply(ReplicatedStore store, long position, params Command[] commands)
    {
        var replies = new ReadOnlyMemory<byte>[commands.Length];
        store.Apply(position, commands, replies);
        return [.. replies.Select(r => Encoding.UTF8.GetString(r.Span))];
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
