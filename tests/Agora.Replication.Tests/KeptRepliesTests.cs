using CsCheck;
using Xunit;
using static Agora.Replication.Tests.StoreCalls;

namespace Agora.Replication.Tests;

/// <summary>What a store remembers of requests, and how it answers their repeats.</summary>
public sealed class KeptRepliesTests : IDisposable
{
    private static readonly long s_lifetime = Command.DefaultKeptFor * 1_000L;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

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
}
