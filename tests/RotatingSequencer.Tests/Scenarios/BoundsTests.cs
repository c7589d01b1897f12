using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>Bounded memory, packing and cutting.</summary>
public sealed class BoundsTests
{
    /// <summary>
    /// "A window bounds how far ahead of the slowest member the group may run; at the window a submitter waits."
    /// </summary>
    [Fact]
    public void At_the_window_submissions_wait_until_all_hold_and_the_application_is_done()
    {
        var script = new Script(3, configure: o => o with { Window = 2 });
        for (var i = 0; i < 3; i++)
        {
            script.Submit(0, 1_290);
        }

        Assert.Equal(
            ["all: Request ⟨0,0⟩ 1281 B", "all: Request ⟨0,1⟩ 1281 B", "all: Sequence 0 = ⟨0,0⟩"],
            script.Act(0)
        );
        script.Send(1, to: 0, Holds(0, 1, -1, -1));
        script.Apply(0);
        Assert.Empty(script.Act(0));
        script.Send(2, to: 0, Holds(0, 1, -1, -1));
        Assert.Empty(script.Act(0));

        script.Apply(0);

        Assert.Equal(["all: Request ⟨0,2⟩ 1281 B"], script.Act(0));
        Assert.Equal(0, script[0].Dropped);
    }

    [Fact]
    public void Requests_beyond_the_window_are_ignored_and_asked_for_when_there_is_room()
    {
        var script = new Script(3, configure: o => o with { Window = 1 });
        for (var q = 0; q < 6; q++)
        {
            script.Send(0, to: 2, Request(0, q));
        }

        Assert.Equal(2, script[2].Counters.Ignored);
        script.Send(0, to: 2, Sequence(0, 0, 0), Holds(1, 5, -1, -1));
        script.Send(1, to: 2, Sequence(1, 0, 1), Holds(1, 5, -1, -1));
        script.Act(2);
        script.Wait(10_000);
        Assert.DoesNotContain(script.Act(2), m => m.Contains("Request 0/", StringComparison.Ordinal));

        script.Apply(2);
        script.Act(2);
        script.Wait(300);

        Assert.Contains("0: Retransmit asks: Request 0/4–5", script.Act(2));
    }

    /// <summary>
    /// "Those that wait together share a Request (batch), with no added delay when the group is idle."
    /// </summary>
    [Fact]
    public void Payloads_that_wait_together_share_a_Request()
    {
        var script = new Script(3);
        for (var i = 0; i < 4; i++)
        {
            script.Submit(1, $"{i}");
            Assert.Equal([$"all: Request ⟨1,{i}⟩ 2 B"], script.Act(1));
        }

        for (var i = 4; i < 24; i++)
        {
            script.Submit(1, "more");
            Assert.Empty(script.Act(1));
        }

        script.Send(0, to: 1, Sequence(0, 1, 0));

        // Twenty payloads of four bytes, each with its head; and its own number comes along.
        Assert.Equal(["all: Request ⟨1,4⟩ 100 B", "all: Sequence 1 = ⟨1,1⟩"], script.Act(1));
    }

    [Fact]
    public void A_full_body_does_not_wait()
    {
        var script = new Script(3);
        for (var i = 0; i < 30; i++)
        {
            script.Submit(1, 600);
        }

        // The last two do not fill one.
        Assert.Equal(14, script.Act(1).Count);
        Assert.Equal(14, script.ClaimsSent(1).Count);
    }

    /// <summary>"A payload beyond that is cut into several Requests and put together again at delivery."</summary>
    [Fact]
    public void A_long_payload_is_cut_and_no_datagram_is_longer_than_allowed()
    {
        var script = new Script(2, configure: o => o with { MaxDatagram = 730 });
        script.Submit(1, 3_000);

        var sent = script.RunUntilSilent();

        Assert.Equal(5, sent.Count(s => s.Messages.StartsWith("Request", StringComparison.Ordinal)));
        Assert.Equal(4, script[0].Delivered);
    }
}
