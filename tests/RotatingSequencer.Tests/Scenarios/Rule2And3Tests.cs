using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// Rule 2. "A member delivers the Request with global number g only when (a) it has delivered everything below g, and
/// (b) it knows that a majority of the group (itself included) holds every Sequence up to g and every Request that
/// these name." Rule 3: what the metadata says.
/// </summary>
public sealed class Rule2And3Tests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    public void B_delivers_with_exactly_a_majority_and_not_with_one_less(int members)
    {
        var script = new Script(members);
        var self = members - 1;
        var none = Enumerable.Repeat(-1L, members - 1);
        script.Send(0, to: self, Request(0, 0), Sequence(0, 0, 0));
        script.Act(self);

        // Itself is one of the majority.
        for (var others = 0; others < members / 2; others++)
        {
            Assert.Empty(script.Delivered(self));
            script.Send(others, to: self, Holds(0, [0, .. none]));
            script.Act(self);
        }

        Assert.Equal(["0 = ⟨0,0⟩"], script.Delivered(self));
    }

    [Fact]
    public void A_group_of_one_delivers_at_once()
    {
        var script = new Script(1);
        script.Submit(0, "alone");
        script.Act(0);

        Assert.Equal(["0 = ⟨0,0⟩"], script.Delivered(0));
    }

    [Fact]
    public void A_delivers_in_order_what_came_in_another()
    {
        var script = new Script(3);
        script.Send(0, to: 2, Holds(1, 1, -1, -1), Request(0, 1), Sequence(0, 0, 0));
        script.Send(1, to: 2, Holds(1, 1, -1, -1), Sequence(1, 0, 1));
        script.Act(2);
        Assert.Empty(script.Delivered(2));

        script.Send(0, to: 2, Request(0, 0));
        script.Act(2);

        Assert.Equal(["0 = ⟨0,0⟩", "1 = ⟨0,1⟩"], script.Delivered(2));
    }

    [Fact]
    public void B_a_majority_of_others_is_not_enough_while_it_misses_something_itself()
    {
        var script = new Script(3);
        script.Send(0, to: 2, Holds(0, 0, -1, -1), Sequence(0, 0, 0));
        script.Send(1, to: 2, Holds(0, 0, -1, -1));
        script.Act(2);

        Assert.Empty(script.Delivered(2));
    }

    [Fact]
    public void B_holding_the_Sequences_only_does_not_count()
    {
        var script = new Script(3);
        script.Send(0, to: 2, HoldsSequences(-1, 0, -1, -1, -1), Request(0, 0), Sequence(0, 0, 0));
        script.Send(1, to: 2, HoldsSequences(-1, 0, -1, -1, -1));
        script.Act(2);

        Assert.Empty(script.Delivered(2));
    }

    [Fact]
    public void Claims_name_the_highest_number_without_a_gap_not_the_highest()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 0), Request(0, 2), Sequence(0, 0, 0));
        script.Send(2, to: 1, Sequence(2, 0, 2));
        script.Act(1);

        Assert.Equal(["holds 0, sequences 0, locals 0 -1 -1"], script.ClaimsSent(1));
    }

    [Fact]
    public void What_others_claim_is_not_claimed()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Holds(0, 3, -1, 1));
        script.Send(2, to: 1, Request(2, 0));
        script.Act(1);
        script.Wait(2_000);
        script.Act(1);

        Assert.NotEmpty(script.ClaimsSent(1));
        Assert.All(script.ClaimsSent(1), claims => Assert.Equal("holds -1, sequences -1, locals -1 -1 0", claims));
    }

    [Fact]
    public void Old_claims_that_come_late_change_nothing()
    {
        var script = new Script(3);
        script.Send(0, to: 2, Holds(0, 0, -1, -1), Request(0, 0), Sequence(0, 0, 0));
        script.Send(0, to: 2, Holds(-1, -1, -1, -1));
        script.Act(2);

        Assert.Equal(["0 = ⟨0,0⟩"], script.Delivered(2));
    }
}
