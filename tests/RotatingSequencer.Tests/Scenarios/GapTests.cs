using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// "Retransmit request ⟨what is missing⟩. Negative acknowledgement, sent to the sender of the missing message." And:
/// "No storms. A gap is asked for after a short delay that adapts to the measured round trip (reordering is not loss),
/// then with growing, jittered intervals, many numbers in one message, never twice within a round trip. Two members
/// that miss the same thing do not make a third answer the whole group twice."
/// </summary>
public sealed class GapTests
{
    private const long Grace = 100;

    /// <summary>
    /// The timeout after the script's round trips of 200 µs, whose variation is not known yet: 200 + 4 · 100.
    /// </summary>
    private const long Timeout = 600;

    [Fact]
    public void A_Request_is_asked_for_of_its_sender_after_the_grace()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 1));
        Assert.Empty(script.Act(1));

        script.Wait(Grace - 1);
        Assert.Empty(script.Act(1));
        script.Wait(1);

        Assert.Equal(["0: Retransmit asks: Request 0/0"], script.Act(1));
    }

    [Fact]
    public void A_Sequence_is_asked_for_of_its_owner()
    {
        var script = new Script(3);
        script.Send(2, to: 0, Sequence(2, 2, 2));
        script.Act(0);
        script.Wait(Grace);

        // The Sequence shows that three Requests of its sender exist as well.
        Assert.Equal(["1: Retransmit asks: Sequence 1", "2: Retransmit asks: Request 2/0–2"], script.Act(0));
    }

    [Fact]
    public void What_is_only_late_is_not_asked_for()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 1));
        script.Act(1);
        script.Wait(Grace - 1);
        script.Send(0, to: 1, Request(0, 0));
        script.Act(1);
        script.Wait(Grace);

        Assert.Empty(script.Act(1));
    }

    [Fact]
    public void On_a_slow_network_the_grace_is_longer()
    {
        var script = new Script(3);
        script[1].StartBarrier(script.Now);
        script.Act(1);
        var question = script.QuestionOf(1);
        script.Wait(100_000);
        // An eighth of this makes the round trip some 12.6 ms, a quarter of which is the grace.
        script.Send(0, to: 1, Answers(question));
        script.Send(0, to: 1, Request(0, 1));
        script.Act(1);

        script.Wait(3_000);
        Assert.DoesNotContain("0: Retransmit asks: Request 0/0", script.Act(1));
        script.Wait(300);

        Assert.Contains("0: Retransmit asks: Request 0/0", script.Act(1));
    }

    [Fact]
    public void Many_numbers_go_into_one_message_as_ranges()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 3), Request(0, 9), Holds(-1, 11, -1, -1));
        script.Act(1);
        script.Wait(Grace);

        Assert.Equal(["0: Retransmit asks: Request 0/0–2, Request 0/4–8, Request 0/10–11"], script.Act(1));
    }

    [Fact]
    public void Claims_alone_show_a_gap()
    {
        var script = new Script(3);
        script.Send(2, to: 1, HoldsSequences(0, 0, 0, -1, -1));
        script.Act(1);
        script.Wait(Grace);

        Assert.Equal(["0: Retransmit asks: Sequence 0, Request 0/0"], script.Act(1));
    }

    [Fact]
    public void A_round_trip_is_measured_although_more_was_asked_before_the_answer_came()
    {
        const long RoundTrip = 50_000;
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 1));
        script.Act(1);
        script.Wait(Grace);
        script.Act(1);
        var first = script.QuestionOf(1);
        for (var i = 0; i < 50; i++)
        {
            script.Wait(RoundTrip / 50);
            script.Act(1);
        }

        script.Send(0, to: 1, Request(0, 0), Request(0, 3), Answers(first));
        script.Act(1);
        var asked = 0;
        for (var i = 0; i < 60; i++)
        {
            script.Wait(RoundTrip / 50);
            asked += script.Act(1).Count(m => m == "0: Retransmit asks: Request 0/2");
        }

        Assert.Equal(1, asked);
    }

    /// <summary>
    /// Otherwise, with such small datagrams, new gaps in a sender's Requests would delay the question for a Sequence,
    /// for which all wait.
    /// </summary>
    [Fact]
    public void A_Sequence_is_asked_for_before_Requests_that_fill_the_message()
    {
        var script = new Script(3, configure: o => o with { MaxDatagram = 120 });
        script.Send(0, to: 1, Request(0, 1), Request(0, 3), HoldsSequences(0, 0, 3, -1, -1));
        script.Act(1);
        script.Wait(Grace);

        Assert.Equal(["0: Retransmit asks: Sequence 0"], script.Act(1));
    }

    [Fact]
    public void What_is_not_answered_is_asked_for_again_after_pauses_that_grow_to_a_bound()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 1));
        script.Act(1);
        var asked = new List<long>();
        for (var i = 0; i < 60_000; i++)
        {
            script.Wait(50);
            if (script.Act(1).Contains("0: Retransmit asks: Request 0/0"))
            {
                asked.Add(script.Now);
            }
        }

        var pauses = asked.Zip(asked.Skip(1), (one, next) => next - one).ToList();
        Assert.InRange(pauses[0], Timeout, (3 * Timeout / 2) + 50);
        // Each doubles, and is up to half as long again.
        Assert.All(pauses.Zip(pauses.Skip(1)).Take(6), pair => Assert.True(pair.Second > 1.3 * pair.First));
        Assert.All(pauses, pause => Assert.InRange(pause, Timeout, 750_100));
        Assert.InRange(asked.Count, 10, 16);
    }

    [Fact]
    public void What_was_asked_for_is_not_asked_for_again_because_something_else_is_missing_too()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 1));
        script.Act(1);
        script.Wait(Grace);
        Assert.Equal(["0: Retransmit asks: Request 0/0"], script.Act(1));

        script.Send(0, to: 1, Request(0, 3));
        script.Act(1);
        script.Wait(Grace);

        Assert.Equal(["0: Retransmit asks: Request 0/2"], script.Act(1));
    }

    [Fact]
    public void What_was_asked_for_is_not_asked_for_again_because_a_part_of_it_came()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 4));
        script.Act(1);
        script.Wait(Grace);
        Assert.Equal(["0: Retransmit asks: Request 0/0–3"], script.Act(1));

        script.Wait(Grace);
        script.Send(0, to: 1, Request(0, 0), Request(0, 2));
        script.Act(1);
        script.Wait(Grace);
        Assert.Empty(script.Act(1));

        script.Wait(3 * Timeout / 2);
        Assert.Equal(["0: Retransmit asks: Request 0/1, Request 0/3"], script.Act(1));
    }

    [Fact]
    public void Progress_elsewhere_does_not_put_off_asking()
    {
        var script = new Script(5);
        script.Send(0, to: 4, Request(0, 1));
        script.Act(4);
        for (var i = 0; i < 3; i++)
        {
            script.Wait((Grace / 3) + 1);
            // A Sequence of the same owner is missing for a moment, again and again.
            script.Send(1, to: 4, Request(1, i), HoldsSequences(-1, i % 2 == 0 ? 0 : -1, -1, -1, -1, -1, -1));
            if (i < 2)
            {
                Assert.DoesNotContain(script.Act(4), m => m.Contains("asks:", StringComparison.Ordinal));
            }
        }

        Assert.Contains("0: Retransmit asks: Request 0/0", script.Act(4)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Another_holder_is_asked_as_well_after_three_questions_in_vain()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 1));
        script.Send(2, to: 1, Holds(-1, 1, -1, -1));
        script.Act(1);
        var questions = new List<string>();
        while (questions.Count < 5)
        {
            script.Wait(100);
            questions.AddRange(script.Act(1).Where(m => m.Contains("Request 0/0", StringComparison.Ordinal)));
        }

        Assert.Equal(
            [
                "0: Retransmit asks: Request 0/0",
                "0: Retransmit asks: Request 0/0",
                "0: Retransmit asks: Request 0/0",
                "0: Retransmit asks: Request 0/0",
                "2: Retransmit asks: Request 0/0",
            ],
            questions
        );
    }

    [Fact]
    public void When_the_owner_answers_again_the_rest_is_asked_for_soon()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 2));
        script.Act(1);
        for (var i = 0; i < 3_000; i++)
        {
            script.Wait(1_000);
            script.Act(1);
        }

        script.Send(0, to: 1, Request(0, 0));
        script.Act(1);
        script.Wait(3 * Timeout / 2);

        Assert.Contains("0: Retransmit asks: Request 0/1", script.Act(1));
    }

    [Fact]
    public void The_answer_goes_to_the_asker_only_and_has_what_was_asked_for_only()
    {
        var script = new Script(3);
        script.Submit(0, "a");
        script.Act(0);
        script.Submit(0, "b");
        script.Act(0);
        script.Wait(Script.RoundTrip);

        script.Send(2, to: 0, AsksForRequests(0, 1, 1));

        Assert.Equal(["2: Request ⟨0,1⟩ 2 B", "2: Retransmit answers"], script.Act(0));
    }

    [Fact]
    public void Any_holder_answers()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 0), Sequence(0, 0, 0));
        script.Act(1);
        script.Wait(1_000);

        script.Send(2, to: 1, AsksForRequests(0, 0, 1), AsksForSequence(0));

        Assert.Equal(
            ["2: Request ⟨0,0⟩ 2 B", "2: Retransmit answers", "2: Sequence 0 = ⟨0,0⟩", "2: Retransmit answers"],
            script.Act(1)
        );
    }

    [Fact]
    public void The_same_member_is_not_answered_twice_at_once_and_two_are_each_answered_once()
    {
        var script = new Script(3);
        script.Submit(0, "a");
        script.Act(0);
        script.Wait(1_000);

        script.Send(1, to: 0, AsksForRequests(0, 0, 1));
        script.Send(2, to: 0, AsksForRequests(0, 0, 1));
        script.Send(1, to: 0, AsksForRequests(0, 0, 1));

        Assert.Equal(
            ["1: Request ⟨0,0⟩ 2 B", "2: Request ⟨0,0⟩ 2 B"],
            script.Act(0).Where(m => m.Contains("Request ⟨", StringComparison.Ordinal))
        );
    }

    [Theory]
    [InlineData("Request")]
    [InlineData("Sequence")]
    public void On_a_fast_network_the_first_question_is_answered(string lost)
    {
        var script = new Script(5);
        script.RunUntilSilent();
        var began = script.Now;
        script.Submit(1, "x");
        script.Submit(3, "y");
        var losses = 0;

        var sent = script.RunUntilSilent(
            (sent, to) => to == 4 && sent.Messages.StartsWith(lost, StringComparison.Ordinal) && losses++ == 0
        );

        Assert.Single(sent, s => s.Messages.Contains("asks:", StringComparison.Ordinal));
        Assert.InRange(
            sent.First(s => s.To == 4 && s.Messages.Contains(lost, StringComparison.Ordinal)).At - began,
            0,
            2_000
        );
    }

    [Fact]
    public void A_question_for_what_does_not_exist_is_answered_with_claims()
    {
        var script = new Script(3);

        script.Send(2, to: 0, AsksForRequests(0, 5, long.MaxValue - 5), AsksForSequence(long.MaxValue - 1));

        Assert.Equal(["2: Retransmit answers", "2: Retransmit answers"], script.Act(0));
    }
}
