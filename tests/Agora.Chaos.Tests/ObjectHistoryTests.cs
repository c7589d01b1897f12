using Agora.Linearizability;
using Agora.Rest;
using Xunit;

namespace Agora.Chaos.Tests;

/// <summary>
/// An item of 10 units at 5.00, and what its users see of it. Each wrong history here shows what one fault of a
/// marketplace would look like.
/// </summary>
public sealed class ObjectHistoryTests
{
    private static readonly ItemState s_initial = new(500, 10, 0, 0);
    private readonly ObjectHistory<ItemState, ItemCall> _history = new("Item 3-1", s_initial, TimeProvider.System);

    private string? Proof() => _history.Judge(0).Proof;

    private void Reads(long price, long units, long up = 0, long down = 0) =>
        Does(new(ItemAction.Read, Seen: new(price, units, up, down)));

    private void Does(ItemCall call) => _history.Begin("anna", call with { Seen = null }).Answer(call);

    private ObjectHistory<ItemState, ItemCall>.RecordedCall Begins(
        ItemCall call,
        ObjectHistory<ItemState, ItemCall>.RecordedCall? after = null
    ) => _history.Begin("ben", call, after);

    [Fact]
    public void What_a_marketplace_without_faults_answers_is_right()
    {
        Does(new(ItemAction.ChangePrice, Price: 600, Seen: new(600, 10, 0, 0)));
        Does(new(ItemAction.Withdraw, 2, Seen: new(600, 8, 0, 0)));
        Does(new(ItemAction.HasAtLeast, 8));
        Does(new(ItemAction.Reserve, 5, Price: 600));
        Does(new(ItemAction.HasFewer, 4));
        Does(new(ItemAction.ThumbUp));
        Reads(600, 3, up: 1);
        Assert.Null(Proof());
    }

    [Fact]
    public void A_stale_read_is_found()
    {
        Does(new(ItemAction.ChangePrice, Price: 600));
        Reads(500, 10);
        Assert.Contains("> ", Proof(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_read_older_than_an_earlier_one_is_found_also_while_the_write_is_under_way()
    {
        var write = Begins(new(ItemAction.ChangePrice, Price: 600));
        Reads(600, 10);
        Reads(500, 10);
        write.Answer();
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_that_takes_its_units_twice_is_found()
    {
        Does(new(ItemAction.Reserve, 3, Price: 500));
        Reads(500, 4);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_that_takes_nothing_is_found()
    {
        Does(new(ItemAction.Reserve, 3, Price: 500));
        Reads(500, 10);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_unit_sold_that_was_not_there_is_found()
    {
        Does(new(ItemAction.Reserve, 8, Price: 500));
        Does(new(ItemAction.Reserve, 3, Price: 500));
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_at_a_price_that_was_changed_before_is_found()
    {
        Does(new(ItemAction.ChangePrice, Price: 600));
        Does(new(ItemAction.Reserve, 1, Price: 500));
        Assert.NotNull(Proof());
    }

    [Fact]
    public void Units_of_a_declined_purchase_are_missed_while_it_is_under_way_and_must_be_back_after_it()
    {
        var reserve = Begins(new(ItemAction.Reserve, 3));
        var release = Begins(new(ItemAction.Release, 3), reserve);
        Reads(500, 7);
        reserve.Answer();
        release.Answer();
        Reads(500, 10);
        Assert.Null(Proof());
    }

    [Fact]
    public void Units_of_a_declined_purchase_that_do_not_come_back_are_found()
    {
        var reserve = Begins(new(ItemAction.Reserve, 3));
        var release = Begins(new(ItemAction.Release, 3), reserve);
        reserve.Answer();
        release.Answer();
        Reads(500, 7);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_whose_outcome_is_unknown_is_whole_or_absent_or_undone()
    {
        var reserve = Begins(new(ItemAction.Reserve, 3));
        Begins(new(ItemAction.Release, 3), reserve);
        Reads(500, 10);
        Reads(500, 7);
        Reads(500, 10);
        Assert.Null(Proof());
    }

    [Fact]
    public void A_purchase_whose_outcome_is_unknown_does_not_happen_twice_or_in_part()
    {
        var reserve = Begins(new(ItemAction.Reserve, 4));
        Begins(new(ItemAction.Release, 4), reserve);
        Reads(500, 6);
        Reads(500, 10);
        Reads(500, 6);
        Assert.NotNull(Proof());

        ObjectHistory<ItemState, ItemCall> half = new("Item 3-2", s_initial, TimeProvider.System);
        half.Begin("ben", new(ItemAction.Reserve, 4));
        half.Begin("anna", new(ItemAction.Read)).Answer(new(ItemAction.Read, Seen: new(500, 8, 0, 0)));
        Assert.NotNull(half.Judge(0).Proof);
    }

    [Fact]
    public void A_vote_that_counts_twice_is_found()
    {
        Does(new(ItemAction.ThumbUp));
        Reads(500, 10, up: 2);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_vote_on_a_seller_that_is_lost_is_found()
    {
        ObjectHistory<RatingState, RatingCall> rating = new("The rating of sam", default, TimeProvider.System);
        rating.Begin("ben", new(Thumb.Up)).Answer();
        rating.Begin("anna", new(null)).Answer(new(null, new(0, 0)));
        Assert.NotNull(rating.Judge(0).Proof);
    }

    [Fact]
    public void A_call_that_did_not_happen_is_no_part_of_the_history()
    {
        Begins(new(ItemAction.ChangePrice, Price: 600)).Discard();
        Reads(600, 10);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void What_is_answered_after_the_end_may_have_seen_calls_that_are_not_recorded()
    {
        var read = Begins(new(ItemAction.Read));
        _history.Judge(0);
        read.Answer(new(ItemAction.Read, Seen: new(777, 1, 1, 1)));
        Assert.Null(Proof());
    }

    [Fact]
    public void A_history_is_bounded_and_what_it_then_holds_is_still_right()
    {
        var underWay = Begins(new(ItemAction.Read));
        for (var i = 1; i <= ObjectHistory<ItemState, ItemCall>.MaxCalls + 10; i++)
        {
            Does(new(ItemAction.ChangePrice, Price: 500 + i));
        }

        underWay.Answer(
            new(
                ItemAction.Read,
                Seen: s_initial with
                {
                    Price = 500 + ObjectHistory<ItemState, ItemCall>.MaxCalls + 10,
                }
            )
        );
        Assert.True(_history.IsFull);
        var judgement = _history.Judge(0);
        Assert.Equal(ObjectHistory<ItemState, ItemCall>.MaxCalls, judgement.Calls);
        Assert.Equal(Verdict.Linearizable, judgement.Verdict);
    }

    [Fact]
    public void The_proof_shows_the_calls_that_cannot_be_next_and_those_before_them()
    {
        Does(new(ItemAction.ChangePrice, Price: 600, Seen: new(600, 10, 0, 0)));
        Reads(500, 10);
        var lines = Proof()!.Split('\n');
        Assert.StartsWith("Item 3-1 began as 5.00, 10 units, +0 -0.", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("sets the price 6.00: 6.00, 10 units, +0 -0", lines[2].TrimEnd(), StringComparison.Ordinal);
        Assert.StartsWith("  > ", lines[3], StringComparison.Ordinal);
        Assert.EndsWith("reads: 5.00, 10 units, +0 -0", lines[3].TrimEnd(), StringComparison.Ordinal);
    }
}
