using RotatingSequencer.Core;
using RotatingSequencer.Simulation;
using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// Everybody waits for the next sequencer. What it needs reaches it soon, even when nothing shows it that something is
/// missing.
/// </summary>
public sealed class TurnTests
{
    /// <summary>
    /// The timeout after the script's round trips of 200 µs, whose variation is not known yet: 200 + 4 · 100.
    /// </summary>
    private const long Timeout = 600;

    [Fact]
    public void A_Request_that_the_next_sequencer_does_not_claim_is_sent_to_it_again()
    {
        var script = new Script(5);
        script.Submit(3, "lost on the way to member 0");
        script.Act(3);

        script.Wait(Timeout - 1);
        Assert.Empty(script.Act(3));
        script.Wait(1);

        Assert.Equal(["0: Request ⟨3,0⟩ 28 B"], script.Act(3));
    }

    [Fact]
    public void The_last_Sequence_is_sent_to_the_next_sequencer_again_while_a_Request_waits()
    {
        var script = new Script(5);
        script.Send(3, to: 0, Request(3, 0), Request(3, 1), HoldsSequences(-1, -1, -1, -1, -1, 1, -1));
        Assert.Equal(["all: Sequence 0 = ⟨3,0⟩"], script.Act(0));

        script.Wait(Timeout);

        Assert.Equal(["1: Sequence 0 = ⟨3,0⟩"], script.Act(0));
    }

    [Fact]
    public void It_is_repeated_with_pauses_that_grow_until_the_next_sequencer_claims_it()
    {
        var script = new Script(5);
        script.Submit(3, "x");
        script.Act(3);
        var repeated = new List<long>();
        for (var i = 0; i < 100; i++)
        {
            script.Wait(100);
            if (script.Act(3).Any(m => m.StartsWith("0: Request", StringComparison.Ordinal)))
            {
                repeated.Add(script.Now);
            }
        }

        Assert.InRange(repeated.Count, 3, 5);
        Assert.All(repeated.Zip(repeated.Skip(1), (one, next) => next - one), pause => Assert.True(pause >= Timeout));

        script.Send(0, to: 3, HoldsSequences(-1, -1, -1, -1, -1, 0, -1));
        for (var i = 0; i < 100; i++)
        {
            script.Wait(100);
            Assert.DoesNotContain(script.Act(3), m => m.Contains("Request ⟨", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Nobody_but_the_sender_repeats_anything()
    {
        var script = new Script(5);
        script.Send(3, to: 2, Request(3, 0));
        script.Act(2);
        for (var i = 0; i < 100; i++)
        {
            script.Wait(100);
            Assert.DoesNotContain(script.Act(2), m => m.Contains("Request ⟨", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_restarted_member_repeats_nothing_that_all_had_dropped()
    {
        var script = new Script(3);
        // Number 0 was this member's and is dropped everywhere. The journal does not show that the next sequencer knows
        // it.
        var state = new Journal.JournalState(0, 3, World.FormedEpoch(3))
        {
            Dropped = 0,
            Applied = 0,
            Position = 0,
            Incarnation = World.FormedIncarnation(0),
        };
        state.DroppedLocals[1] = 0;
        script.Restart(0, state);
        script.Send(2, to: 0, Request(2, 0));
        script.Act(0);
        for (var i = 0; i < 100; i++)
        {
            script.Wait(100);
            Assert.DoesNotContain(script.Act(0), m => m.Contains("Sequence 0", StringComparison.Ordinal));
        }
    }

    /// <summary>
    /// An estimate from the start of the processes is far too high, and would make each repair as slow.
    /// </summary>
    [Fact]
    public void A_round_trip_that_was_slow_at_first_is_measured_again_under_load_and_comes_down_at_once()
    {
        var roundTrip = default(RoundTrip);
        roundTrip.Measured(200_000);

        roundTrip.Measured(300);

        Assert.InRange(roundTrip.Timeout, 500, 1_000);
    }

    [Fact]
    public void Under_load_a_question_travels_with_datagrams_to_all_but_never_alone()
    {
        var script = new Script(3);
        script.Wait(1_000_000);
        script.Submit(1, "x");
        Assert.Equal(["all: Request ⟨1,0⟩ 2 B", "all: Retransmit asks"], script.Act(1));

        script.Wait(100_000);
        script.Submit(1, "y");
        Assert.DoesNotContain("all: Retransmit asks", script.Act(1));
    }
}
