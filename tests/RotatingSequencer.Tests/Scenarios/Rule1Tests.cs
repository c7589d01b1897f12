using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// Rule 1. "Member k mod n sends Sequence k for Request ⟨s, q⟩ only when (a) it holds every Sequence below k and every
/// Request that these name, and (b) every Request of s with a local number below q already has a global number. With no
/// such Request at hand it waits until one arrives. Among several it chooses fairly."
/// </summary>
public sealed class Rule1Tests
{
    [Fact]
    public void The_owner_of_the_next_number_assigns_it()
    {
        var script = new Script(3);
        script.Send(2, to: 0, Request(2, 0));

        Assert.Equal(["all: Sequence 0 = ⟨2,0⟩"], script.Act(0));
    }

    [Fact]
    public void Nobody_else_assigns_it()
    {
        var script = new Script(3);
        script.Send(2, to: 1, Request(2, 0));

        Assert.Empty(script.Act(1));
    }

    [Fact]
    public void A_assigns_nothing_while_a_Sequence_below_is_missing()
    {
        var script = new Script(3);
        script.Send(0, to: 2, Request(0, 0), Request(0, 1), Request(0, 2));
        script.Send(1, to: 2, Sequence(1, 0, 1));
        Assert.Empty(script.Act(2));

        script.Send(0, to: 2, Sequence(0, 0, 0));

        Assert.Equal(["all: Sequence 2 = ⟨0,2⟩"], script.Act(2));
    }

    [Fact]
    public void A_assigns_nothing_while_a_Request_below_is_missing()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Sequence(0, 0, 0));
        script.Send(2, to: 1, Request(2, 0));
        Assert.Empty(script.Act(1));

        script.Send(0, to: 1, Request(0, 0));

        Assert.Equal(["all: Sequence 1 = ⟨2,0⟩"], script.Act(1));
    }

    [Fact]
    public void B_assigns_no_number_to_a_Request_before_earlier_ones_of_its_sender()
    {
        var script = new Script(3);
        script.Send(2, to: 0, Request(2, 1));
        Assert.Empty(script.Act(0));

        script.Send(2, to: 0, Request(2, 0));

        Assert.Equal(["all: Sequence 0 = ⟨2,0⟩"], script.Act(0));
    }

    [Fact]
    public void A_Request_that_has_a_number_already_when_it_arrives_gets_no_other()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Sequence(0, 0, 0));
        script.Send(0, to: 1, Request(0, 0));

        Assert.Empty(script.Act(1));
    }

    [Fact]
    public void With_no_Request_at_hand_it_waits_until_one_arrives()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 0), Sequence(0, 0, 0));
        Assert.Empty(script.Act(1));

        script.Wait(10);
        script.Send(2, to: 1, Request(2, 0));

        Assert.Equal(["all: Sequence 1 = ⟨2,0⟩"], script.Act(1));
    }

    [Fact]
    public void When_its_turn_comes_it_assigns_a_number_to_what_arrived_before()
    {
        var script = new Script(3);
        script.Send(2, to: 1, Request(2, 0), Request(2, 1));
        Assert.Empty(script.Act(1));

        script.Send(0, to: 1, Sequence(0, 2, 0));

        Assert.Equal(["all: Sequence 1 = ⟨2,1⟩"], script.Act(1));
    }

    [Fact]
    public void Its_own_Request_and_the_number_of_that_share_a_datagram()
    {
        var script = new Script(3);
        script.Submit(0, "mine");

        Assert.Equal(["all: Request ⟨0,0⟩ 5 B", "all: Sequence 0 = ⟨0,0⟩"], script.Act(0));
        Assert.Single(script.ClaimsSent(0));
    }

    [Fact]
    public void Among_several_it_serves_the_member_next_to_the_one_served_last()
    {
        var script = new Script(4);
        // Member 3 floods the group.
        script.Send(3, to: 1, Request(3, 0), Request(3, 1), Request(3, 2), Request(3, 3));
        script.Send(2, to: 1, Request(2, 0));
        script.Send(0, to: 1, Request(0, 0), Sequence(0, 3, 0));

        Assert.Equal(["all: Sequence 1 = ⟨0,0⟩"], script.Act(1));
    }

    [Fact]
    public void A_member_that_floods_the_group_starves_nobody()
    {
        var script = new Script(3);
        for (var i = 0; i < 40; i++)
        {
            script.Submit(0, 1_280);
        }

        script.Submit(1, "one");
        script.Submit(2, "two");

        var numbers = script
            .RunUntilSilent()
            .SelectMany(s => s.Messages.Split(" | "))
            .Where(m => m.StartsWith("Sequence", StringComparison.Ordinal))
            .ToList();

        Assert.Equal(43, numbers.Count);
        Assert.InRange(numbers.FindIndex(n => n.EndsWith("⟨1,0⟩", StringComparison.Ordinal)), 0, 6);
        Assert.InRange(numbers.FindIndex(n => n.EndsWith("⟨2,0⟩", StringComparison.Ordinal)), 0, 6);
    }
}
