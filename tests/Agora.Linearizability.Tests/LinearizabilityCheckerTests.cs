using CsCheck;
using Xunit;

namespace Agora.Linearizability.Tests;

public sealed class LinearizabilityCheckerTests
{
    private readonly record struct RegisterCall(bool IsWrite, long Value);

    private readonly record struct RegisterState(long Value) : ISequential<RegisterState, RegisterCall>
    {
        public bool TryApply(RegisterCall operation, out RegisterState next)
        {
            next = new(operation.Value);
            return operation.IsWrite || operation.Value == Value;
        }
    }

    private static TimedCall<RegisterCall> Write(long value, long invoked, long returned = long.MaxValue) =>
        new(new(true, value), invoked, returned);

    private static TimedCall<RegisterCall> Read(long value, long invoked, long returned) =>
        new(new(false, value), invoked, returned);

    private static bool Holds(params List<TimedCall<RegisterCall>> history) =>
        LinearizabilityChecker.Check(history, new RegisterState(0)).Verdict == Verdict.Linearizable;

    [Fact]
    public void A_history_that_one_register_could_have_produced_is_linearizable() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[0, 1_000_000])
            .Sample((callers, seed) => Assert.True(Holds(Simulate(callers, new Random(seed)))), iter: 50);

    [Fact]
    public void A_history_in_which_one_read_saw_what_was_never_written_is_not() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[0, 1_000_000])
            .Sample(
                (callers, seed) =>
                {
                    var history = Simulate(callers, new Random(seed));
                    var read = history.FindLastIndex(c => !c.Operation.IsWrite && c.IsAnswered);
                    if (read >= 0)
                    {
                        history[read] = history[read] with { Operation = new(false, -1) };
                        Assert.False(Holds(history));
                    }
                },
                iter: 50
            );

    [Fact]
    public void A_read_of_a_value_that_was_overwritten_before_it_began_is_not_linearizable()
    {
        List<TimedCall<RegisterCall>> history = [Write(1, 0, 10), Write(2, 11, 20), Read(2, 15, 30), Read(1, 21, 30)];
        Assert.False(Holds(history));
        Assert.True(Holds(history[..3]));
    }

    [Fact]
    public void Two_reads_that_see_two_writes_in_different_orders_are_not_linearizable() =>
        Assert.False(Holds(Write(1, 0, 100), Write(2, 0, 100), Read(1, 10, 20), Read(2, 30, 40), Read(1, 50, 60)));

    [Fact]
    public void A_write_that_was_never_answered_may_have_happened_at_any_time_since_or_never()
    {
        var unanswered = Write(1, 0);
        Assert.True(Holds(unanswered, Read(0, 10, 20)));
        Assert.True(Holds(unanswered, Read(0, 10, 20), Read(1, 30, 40)));
        Assert.False(Holds(unanswered, Read(1, 10, 20), Read(0, 30, 40)));
        Assert.False(Holds(Read(1, 10, 20), Write(1, 30)));
    }

    [Fact]
    public void A_part_of_a_call_that_comes_after_another_cannot_come_before_it()
    {
        TimedCall<RegisterCall> first = Write(1, 0, 100),
            second = new(new(true, 2), 0, 100, After: 0);
        Assert.True(Holds(first, second, Read(1, 10, 20), Read(2, 30, 40)));
        Assert.False(Holds(first, second, Read(2, 10, 20), Read(1, 30, 40)));
        TimedCall<RegisterCall> maybe = new(new(true, 2), 0, After: 0);
        Assert.True(Holds(first, maybe, Read(1, 10, 20), Read(2, 30, 40)));
        Assert.False(Holds(first, maybe, Read(2, 10, 20), Read(1, 30, 40)));
    }

    [Fact]
    public void Where_it_is_impossible_the_calls_that_cannot_come_next_are_named()
    {
        var result = LinearizabilityChecker.Check(
            [Write(1, 0, 10), Read(1, 11, 12), Read(0, 13, 14), Read(1, 15, 16)],
            new RegisterState(0)
        );
        Assert.Equal(Verdict.Impossible, result.Verdict);
        Assert.Equal([0, 1], result.Explained);
        Assert.Equal([2], result.Stuck);
        Assert.Equal(new RegisterState(1), result.State);
    }

    [Fact]
    public void A_search_that_would_take_too_long_is_given_up_and_says_so()
    {
        // Twenty writes that may have happened in any order, and a read of what none of them wrote.
        List<TimedCall<RegisterCall>> history = [.. Enumerable.Range(1, 20).Select(i => Write(i, 0)), Read(-1, 10, 20)];
        Assert.Equal(
            Verdict.Undecided,
            LinearizabilityChecker.Check(history, new RegisterState(0), maxVisits: 1000).Verdict
        );
    }

    // Each call takes effect at one moment between its beginning and its end.
    private static List<TimedCall<RegisterCall>> Simulate(int callers, Random random)
    {
        var (register, written) = (0L, 0L);
        var moments = Enumerable
            .Range(0, callers * 20)
            .SelectMany(call =>
                Enumerable
                    .Range(0, 3)
                    .Select(part =>
                        (Call: call, Part: part, At: ((call / callers) * 100) + (part * 100 / 3) + random.Next(40))
                    )
            )
            .OrderBy(m => m.At);
        Dictionary<int, (bool Write, long Value, long Begun)> open = [];
        List<TimedCall<RegisterCall>> history = [];
        var now = 0L;
        foreach (var (call, part, _) in moments)
        {
            now++;
            if (part == 0)
            {
                open[call] = (random.Next(2) == 0, 0, now);
            }
            else if (part == 1 && open.TryGetValue(call, out var begun))
            {
                register = begun.Write ? ++written : register;
                open[call] = begun with { Value = register };
            }
            else if (open.Remove(call, out var ended) && ended.Value > 0)
            {
                history.Add(new(new(ended.Write, ended.Value), ended.Begun, now));
            }
        }

        return history;
    }
}
