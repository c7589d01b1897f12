using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>What must work without further traffic: tail loss, acknowledgements, quiescence, and reads.</summary>
public sealed class KnowledgeTests
{
    /// <summary>
    /// "With one single request and no more traffic, the submitting member learns at once that a majority holds it; the
    /// others soon after."
    /// </summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    public void A_lone_request_is_acknowledged_at_once_by_the_members_that_complete_a_majority(int members)
    {
        var script = new Script(members);
        var submitter = members - 1;
        script.Submit(submitter, "lone");
        script.Act(submitter);
        for (var m = 0; m < submitter; m++)
        {
            script.Pass(submitter, m);
        }

        Assert.Equal([$"all: Sequence 0 = ⟨{submitter},0⟩"], script.Act(0));
        // Submitter and sequencer count already.
        var needed = (members / 2) + 1 - 2;
        for (var m = 1; m < members; m++)
        {
            script.Pass(0, m);
            script.Act(m);
            Assert.Equal(m <= needed ? [submitter] : [], script.SentTo(m));
        }

        for (var m = 1; m <= needed; m++)
        {
            Assert.Empty(script.Delivered(submitter));
            script.Pass(m, submitter);
            script.Act(submitter);
        }

        Assert.Equal([$"0 = ⟨{submitter},0⟩"], script.Delivered(submitter));
    }

    [Fact]
    public void A_submitter_that_is_the_sequencer_needs_two_delays()
    {
        var script = new Script(5);
        script.Submit(0, "lone");
        script.Act(0);
        for (var m = 1; m < 5; m++)
        {
            script.Pass(0, m);
            script.Act(m);
            Assert.Equal(m <= 2 ? [0] : [], script.SentTo(m));
            script.Pass(m, 0);
        }

        script.Act(0);
        Assert.Equal(["0 = ⟨0,0⟩"], script.Delivered(0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(7)]
    public void A_lone_request_is_delivered_everywhere_with_few_datagrams_and_no_question(int members)
    {
        var script = new Script(members);
        var began = script.Now;
        script.Submit(members / 2, "lone");

        var sent = script.RunUntilSilent();

        Assert.All(Enumerable.Range(0, members), m => Assert.Equal(0, script[m].Dropped));
        Assert.DoesNotContain(sent, s => s.Messages.Contains("Retransmit", StringComparison.Ordinal));
        // Request, Sequence, and at most one acknowledgement of each and one more for what it learned by then.
        Assert.InRange(sent.Count, 1, 2 + (2 * members));
        Assert.InRange(sent[^1].At - began, 0, 10_000);
    }

    /// <summary>
    /// "The last Request or the last Sequence of a burst is lost and nothing follows that would reveal the gap. It is
    /// still delivered everywhere, soon."
    /// </summary>
    [Theory]
    [InlineData("Request", 1)]
    [InlineData("Sequence", 1)]
    [InlineData("Request", 4)]
    [InlineData("Sequence", 4)]
    public void A_message_that_is_lost_last_is_delivered_everywhere_soon(string lost, int receivers)
    {
        var script = new Script(5);
        var began = script.Now;
        script.Submit(3, "last");
        var losses = 0;

        var sent = script.RunUntilSilent(
            (sent, to) =>
                sent.To < 0 && sent.Messages.StartsWith(lost, StringComparison.Ordinal) && losses++ < receivers
        );

        Assert.True(losses >= receivers);
        Assert.All(Enumerable.Range(0, 5), m => Assert.Equal(0, script[m].Dropped));
        // Long before a heartbeat would have shown it.
        Assert.InRange(sent[^1].At - began, 0, 50_000);
    }

    [Fact]
    public void Claims_that_were_lost_are_asked_for()
    {
        var script = new Script(3);
        script.Submit(1, "x");

        script.RunUntilSilent((sent, _) => sent.Messages.Length == 0 && sent.At < 100_000);

        Assert.All(Enumerable.Range(0, 3), m => Assert.Equal(0, script[m].Dropped));
    }

    /// <summary>
    /// "Once everything is delivered everywhere, and known to be, the group falls silent but for a slow heartbeat."
    /// </summary>
    [Fact]
    public void A_settled_group_sends_a_heartbeat_a_second_and_member()
    {
        var script = new Script(5);
        for (var i = 0; i < 20; i++)
        {
            script.Submit(i % 5, $"{i}");
        }

        script.RunUntilSilent();
        var began = script.Now;
        var heartbeats = 0;
        while (script.Now < began + 10_000_000)
        {
            script.Wait(1_000);
            for (var m = 0; m < 5; m++)
            {
                Assert.Empty(script.Act(m));
                heartbeats += script.ClaimsSent(m).Count;
                foreach (var to in Enumerable.Range(0, 5).Where(to => to != m))
                {
                    script.Pass(m, to);
                }
            }
        }

        Assert.InRange(heartbeats, 5 * 8, 5 * 13);
    }

    /// <summary>"Ask a majority how far they hold everything, wait until that is delivered here."</summary>
    [Fact]
    public void A_read_barrier_takes_the_highest_of_a_majoritys_answers()
    {
        var script = new Script(5);
        script.Submit(0, "so that number 0 is assigned");
        script.Act(0);
        script[0].StartBarrier(script.Now);
        Assert.Equal(["all: Retransmit asks"], script.Act(0));
        var question = script.QuestionOf(0);

        script.Send(1, to: 0, Holds(4, 0, -1, 7, -1, -1), Answers(question));
        Assert.False(script[0].TryFinishBarrier(out _));
        script.Send(2, to: 0, Holds(3, 0, -1, 7, -1, -1), Answers(question));

        Assert.True(script[0].TryFinishBarrier(out var target));
        Assert.Equal(4, target);
    }

    [Fact]
    public void A_read_barrier_takes_no_answer_to_an_earlier_question()
    {
        var script = new Script(3);
        script[0].StartBarrier(script.Now);
        script.Act(0);
        var earlier = script.QuestionOf(0);
        script.Send(1, to: 0, Answers(earlier));
        Assert.True(script[0].TryFinishBarrier(out _));
        script[0].StartBarrier(script.Now);
        script.Act(0);

        script.Send(2, to: 0, Answers(earlier));
        Assert.False(script[0].TryFinishBarrier(out _));
        script.Send(2, to: 0, Answers(script.QuestionOf(0)));

        Assert.True(script[0].TryFinishBarrier(out _));
    }

    [Fact]
    public void A_read_barrier_asks_those_again_that_did_not_answer()
    {
        var script = new Script(5);
        script[0].StartBarrier(script.Now);
        script.Act(0);
        script.Send(3, to: 0, Answers(script.QuestionOf(0)));
        script.Wait(10_000);

        Assert.Equal(["1: Retransmit asks", "2: Retransmit asks", "4: Retransmit asks"], script.Act(0));
    }
}
