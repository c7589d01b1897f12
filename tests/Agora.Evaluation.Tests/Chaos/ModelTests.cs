using Agora.Client;
using Agora.Evaluation.Chaos;
using Xunit;

namespace Agora.Evaluation.Tests.Chaos;

/// <summary>An item of 10 units at 5.00, and what its users say of it. Every history here that is wrong is what some fault of a marketplace would look like.</summary>
public sealed class ModelTests
{
    private static readonly ItemState s_initial = new(500, 10, 0, 0);
    private readonly History<ItemState, ItemCall> _history = new("Item 3-1", s_initial);

    private string? Proof() => _history.Judge(0).Proof;

    private void Reads(long price, long units, long up = 0, long down = 0) => Does(new(ItemAct.Read, Seen: new(price, units, up, down)));

    private void Does(ItemCall call) => _history.Begin("anna", call with { Seen = null }).Answer(call);

    private History<ItemState, ItemCall>.Entry Begins(ItemCall call, History<ItemState, ItemCall>.Entry? after = null) => _history.Begin("ben", call, after);

    [Fact]
    public void What_a_marketplace_without_faults_answers_is_right()
    {
        Does(new(ItemAct.Price, Price: 600, Seen: new(600, 10, 0, 0)));
        Does(new(ItemAct.Withdraw, 2, Seen: new(600, 8, 0, 0)));
        Does(new(ItemAct.HasAtLeast, 8));
        Does(new(ItemAct.Reserve, 5, Price: 600));
        Does(new(ItemAct.HasFewer, 4));
        Does(new(ItemAct.ThumbUp));
        Reads(600, 3, up: 1);
        Assert.Null(Proof());
    }

    [Fact]
    public void A_stale_read_is_found()
    {
        Does(new(ItemAct.Price, Price: 600));
        Reads(500, 10);
        Assert.Contains("> ", Proof(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_read_that_goes_back_behind_another_is_found_also_while_the_write_is_under_way()
    {
        var write = Begins(new(ItemAct.Price, Price: 600));
        Reads(600, 10);
        Reads(500, 10);
        write.Answer();
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_that_takes_its_units_twice_is_found()
    {
        Does(new(ItemAct.Reserve, 3, Price: 500));
        Reads(500, 4);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_that_takes_nothing_is_found()
    {
        Does(new(ItemAct.Reserve, 3, Price: 500));
        Reads(500, 10);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_unit_sold_that_was_not_there_is_found()
    {
        Does(new(ItemAct.Reserve, 8, Price: 500));
        Does(new(ItemAct.Reserve, 3, Price: 500));
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_at_a_price_that_was_changed_before_is_found()
    {
        Does(new(ItemAct.Price, Price: 600));
        Does(new(ItemAct.Reserve, 1, Price: 500));
        Assert.NotNull(Proof());
    }

    [Fact]
    public void Units_of_a_declined_purchase_are_missed_while_it_is_under_way_and_must_be_back_after_it()
    {
        var reserve = Begins(new(ItemAct.Reserve, 3));
        var release = Begins(new(ItemAct.Release, 3), reserve);
        Reads(500, 7);
        reserve.Answer();
        release.Answer();
        Reads(500, 10);
        Assert.Null(Proof());
    }

    [Fact]
    public void Units_of_a_declined_purchase_that_do_not_come_back_are_found()
    {
        var reserve = Begins(new(ItemAct.Reserve, 3));
        var release = Begins(new(ItemAct.Release, 3), reserve);
        reserve.Answer();
        release.Answer();
        Reads(500, 7);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_purchase_whose_outcome_is_unknown_is_whole_or_absent_or_undone()
    {
        var reserve = Begins(new(ItemAct.Reserve, 3));
        Begins(new(ItemAct.Release, 3), reserve);
        Reads(500, 10);
        Reads(500, 7);
        Reads(500, 10);
        Assert.Null(Proof());
    }

    [Fact]
    public void A_purchase_whose_outcome_is_unknown_does_not_happen_twice_or_by_half()
    {
        var reserve = Begins(new(ItemAct.Reserve, 4));
        Begins(new(ItemAct.Release, 4), reserve);
        Reads(500, 6);
        Reads(500, 10);
        Reads(500, 6);
        Assert.NotNull(Proof());

        History<ItemState, ItemCall> half = new("Item 3-2", s_initial);
        half.Begin("ben", new(ItemAct.Reserve, 4));
        half.Begin("anna", new(ItemAct.Read)).Answer(new(ItemAct.Read, Seen: new(500, 8, 0, 0)));
        Assert.NotNull(half.Judge(0).Proof);
    }

    [Fact]
    public void A_vote_that_counts_twice_is_found()
    {
        Does(new(ItemAct.ThumbUp));
        Reads(500, 10, up: 2);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void A_vote_on_a_seller_that_is_lost_is_found()
    {
        History<RatingState, RatingCall> rating = new("The rating of sam", default);
        rating.Begin("ben", new(Thumb.Up)).Answer();
        rating.Begin("anna", new(null)).Answer(new(null, new(0, 0)));
        Assert.NotNull(rating.Judge(0).Proof);
    }

    [Fact]
    public void A_call_that_did_not_happen_is_no_part_of_the_history()
    {
        Begins(new(ItemAct.Price, Price: 600)).Refuse();
        Reads(600, 10);
        Assert.NotNull(Proof());
    }

    [Fact]
    public void What_is_answered_after_the_end_may_have_seen_what_is_not_written_down()
    {
        var read = Begins(new(ItemAct.Read));
        _history.Judge(0);
        read.Answer(new(ItemAct.Read, Seen: new(777, 1, 1, 1)));
        Assert.Null(Proof());
    }

    [Fact]
    public void A_history_is_bounded_and_what_it_then_holds_is_still_right()
    {
        var underWay = Begins(new(ItemAct.Read));
        for (var i = 1; i <= History<ItemState, ItemCall>.Most + 10; i++)
        {
            Does(new(ItemAct.Price, Price: 500 + i));
        }
        underWay.Answer(new(ItemAct.Read, Seen: s_initial with { Price = 500 + History<ItemState, ItemCall>.Most + 10 }));
        Assert.True(_history.IsFull);
        var judgement = _history.Judge(0);
        Assert.Equal(History<ItemState, ItemCall>.Most, judgement.Calls);
        Assert.Equal(Verdict.Linearizable, judgement.Verdict);
    }

    [Fact]
    public void The_proof_shows_the_calls_that_cannot_be_next_and_those_before_them()
    {
        Does(new(ItemAct.Price, Price: 600, Seen: new(600, 10, 0, 0)));
        Reads(500, 10);
        string[] lines = Proof()!.Split('\n');
        Assert.StartsWith("Item 3-1 began as 5.00, 10 units, +0 -0.", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("sets the price 6.00: 6.00, 10 units, +0 -0", lines[2].TrimEnd(), StringComparison.Ordinal);
        Assert.StartsWith("  > ", lines[3], StringComparison.Ordinal);
        Assert.EndsWith("reads: 5.00, 10 units, +0 -0", lines[3].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Within_the_promises_only_a_purchase_may_fail_and_only_while_payments_are_bad()
    {
        Excuses excuses = new(beyond: false);
        var before = System.Diagnostics.Stopwatch.GetTimestamp();
        Assert.False(excuses.MayFail(Function.MakePurchase, before));
        excuses.Payments(bad: true);
        Assert.True(excuses.MayFail(Function.MakePurchase, before));
        Assert.False(excuses.MayFail(Function.AddItemToCart, before));
        excuses.Payments(bad: false);
        Assert.True(excuses.MayFail(Function.MakePurchase, before));
        Assert.False(excuses.MayFail(Function.MakePurchase, before + 60 * System.Diagnostics.Stopwatch.Frequency));
        Assert.True(new Excuses(beyond: true).MayFail(Function.AddItemToCart, before));
    }
}
