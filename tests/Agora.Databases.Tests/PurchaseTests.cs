using Agora.Contracts.Customers;
using Xunit;
using static Agora.Databases.Tests.CustomersUnderTest;

namespace Agora.Databases.Tests;

public sealed class PurchaseTests : IDisposable
{
    private readonly CustomersUnderTest _db = new();
    private readonly Session _ben;
    private readonly long _sue;
    private readonly long _sam;

    public PurchaseTests()
    {
        _ben = _db.LogIn("ben");
        _sue = _db.Account("sue", Role.Seller);
        _sam = _db.Account("sam", Role.Seller);
    }

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_purchase_begins_with_the_carts_lines_and_leaves_the_cart()
    {
        _db.Add(_ben, "2-2", 3);
        _db.Add(_ben, "1-1", 1);
        var purchase = _db.Begin(_ben, "p").Purchase;
        Assert.Equal(new Purchase
        {
            PurchaseId = Id("p"),
            State = PurchaseState.Pending,
            BuyerId = _db.Row(_ben).Account,
            At = _db.Time,
            Lines = { Line("2-2", 3), Line("1-1", 1) },
        }, purchase);
        Assert.Equal("2-2 x 3, 1-1 x 1", _db.Cart(_ben));
    }

    [Fact]
    public void An_empty_cart_is_not_bought() => Assert.Equal(Error.CartEmpty, _db.Begin(_ben, "p").Error);

    [Fact]
    public void Beginning_again_answers_the_purchase_as_it_stands_even_with_another_cart()
    {
        _db.Add(_ben, "1-1", 1);
        var first = _db.Begin(_ben, "p");
        _db.Time += 10_000;
        _db.Clear(_ben);
        Assert.Equal(first, _db.Begin(_ben, "p"));
        var declined = _db.Abandon("p").Purchase;
        Assert.Equal(PurchaseState.Declined, declined.State);
        Assert.Equal(declined, _db.Begin(_ben, "p").Purchase);
    }

    [Fact]
    public void A_purchase_is_nobody_elses()
    {
        _db.Add(_ben, "1-1", 1);
        _db.Begin(_ben, "p");
        var eve = _db.LogIn("eve");
        _db.Add(eve, "1-1", 1);
        Assert.Equal(Error.NoSuchPurchase, _db.Begin(eve, "p").Error);
    }

    [Fact]
    public void A_session_has_one_pending_purchase_at_a_time_and_another_session_its_own()
    {
        _db.Add(_ben, "1-1", 1);
        _db.Save(_ben);
        _db.Begin(_ben, "p");
        Assert.Equal(Error.PurchasePending, _db.Begin(_ben, "q").Error);
        _db.Open(_db.Row(_ben).Account, "2");
        Assert.Equal(Error.None, _db.Begin(Token("2"), "r").Error);
        _db.Abandon("p");
        Assert.Equal(Error.None, _db.Begin(_ben, "q").Error);
    }

    [Fact]
    public void Completing_sets_prices_sellers_total_and_time_and_counts_units_for_buyer_and_sellers()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Add(_ben, "1-2", 3);
        _db.Begin(_ben, "p");
        _db.Time += 1_234;
        var purchase = _db.Complete("p", Line("1-1", 2, 150, _sue), Line("1-2", 3, 1_000, _sam)).Purchase;
        Assert.Equal(new Purchase
        {
            PurchaseId = Id("p"),
            State = PurchaseState.Completed,
            BuyerId = _db.Row(_ben).Account,
            At = _db.Time,
            Lines = { Line("1-1", 2, 150, _sue), Line("1-2", 3, 1_000, _sam) },
            TotalCents = 3_300,
        }, purchase);
        Assert.Equal(2, _db.Rating(_ben, _sue).Units);
        Assert.Equal(3, _db.Rating(_ben, _sam).Units);
        Assert.Equal(5, _db.Rating(_ben).Units);
        Assert.Equal("", _db.Cart(_ben));
    }

    [Fact]
    public void What_was_added_while_the_purchase_was_pending_stays_in_the_cart()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Add(_ben, "1-2", 2);
        _db.Add(_ben, "1-3", 2);
        _db.Begin(_ben, "p");
        _db.Add(_ben, "1-1", 3);
        _db.Add(_ben, "1-4", 1);
        _db.Remove(_ben, "1-2", 1);
        _db.Remove(_ben, "1-3");
        _db.Complete("p", Line("1-1", 2, 1, _sue), Line("1-2", 2, 1, _sue), Line("1-3", 2, 1, _sue));
        Assert.Equal("1-1 x 3, 1-4 x 1", _db.Cart(_ben));
    }

    [Fact]
    public void Bought_units_leave_the_saved_cart_and_no_other_sessions_cart()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Add(_ben, "1-2", 5);
        _db.Save(_ben);
        var account = _db.Row(_ben).Account;
        _db.Open(account, "2");
        _db.Remove(_ben, "1-2", 4);
        _db.Begin(_ben, "p");
        _db.Complete("p", Line("1-1", 2, 1, _sue), Line("1-2", 1, 1, _sue));
        Assert.Equal("", _db.Cart(_ben));
        Assert.Equal("1-1 x 2, 1-2 x 5", _db.Cart(Token("2")));
        _db.Open(account, "3");
        Assert.Equal("1-2 x 4", _db.Cart(Token("3")));
    }

    [Fact]
    public void A_purchase_outlives_its_session_and_touches_no_later_one()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Save(_ben);
        _db.Begin(_ben, "p");
        var account = _db.Row(_ben).Account;
        _db.Close(_ben);
        _db.Open(account, "2");
        Assert.Equal(PurchaseState.Completed, _db.Complete("p", Line("1-1", 2, 1, _sue)).Purchase.State);
        Assert.Equal("1-1 x 2", _db.Cart(Token("2")));
        Assert.Equal(2, _db.Rating(Token("2")).Units);
    }

    [Theory]
    [InlineData(PurchaseState.Declined)]
    [InlineData(PurchaseState.OutOfStock)]
    [InlineData(PurchaseState.Abandoned)]
    public void Abandoning_leaves_cart_and_counts_as_they_are(PurchaseState outcome)
    {
        _db.Add(_ben, "1-1", 2);
        var begun = _db.Begin(_ben, "p").Purchase;
        _db.Time += 10_000;
        var purchase = _db.Abandon("p", outcome, "the reason").Purchase;
        Assert.Equal(new Purchase(begun) { State = outcome, Reason = "the reason" }, purchase);
        Assert.Equal(purchase, _db.Begin(_ben, "p").Purchase);
        Assert.Equal("1-1 x 2", _db.Cart(_ben));
        Assert.Equal(0, _db.Rating(_ben).Units);
    }

    [Fact]
    public void A_decided_purchase_never_changes()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Begin(_ben, "bought");
        var bought = _db.Complete("bought", Line("1-1", 2, 10, _sue)).Purchase;
        _db.Add(_ben, "1-1", 2);
        _db.Begin(_ben, "declined");
        var declined = _db.Abandon("declined").Purchase;
        var before = _db.Everything();
        _db.Time += 5_000;
        Assert.Equal(bought, _db.Complete("bought", Line("1-1", 1, 99, _sam)).Purchase);
        Assert.Equal(bought, _db.Abandon("bought").Purchase);
        Assert.Equal(declined, _db.Complete("declined", Line("1-1", 2, 10, _sue)).Purchase);
        Assert.Equal(declined, _db.Abandon("declined", PurchaseState.OutOfStock, "else").Purchase);
        Assert.Equal(before, _db.Everything());
    }

    [Fact]
    public void An_unknown_purchase_is_neither_completed_nor_abandoned()
    {
        Assert.Equal(Error.NoSuchPurchase, _db.Complete("p", Line("1-1", 1, 1, _sue)).Error);
        Assert.Equal(Error.NoSuchPurchase, _db.Abandon("p").Error);
    }

    [Fact]
    public void History_holds_the_buyers_completed_purchases_newest_first_and_pages_make_up_the_whole()
    {
        var eve = _db.LogIn("eve");
        for (var i = 0; i < 11; i++)
        {
            // Several in the same millisecond.
            _db.Time += i % 3 == 0 ? 100 : 0;
            _db.Buy(_ben, $"p{i}", "1-1", 1, 100 + i, _sue);
            _db.Buy(eve, $"e{i}", "1-1", 1, 1, _sue);
        }

        _db.Add(_ben, "1-1", 1);
        _db.Begin(_ben, "declined");
        _db.Abandon("declined");
        _db.Begin(_ben, "pending");
        var whole = _db.Tables.Purchases.History(_db.Row(_ben), "", 200);
        Assert.Equal(Enumerable.Range(0, 11).Reverse().Select(i => Id($"p{i}")), whole.Purchases.Select(p => p.PurchaseId));
        Assert.Equal("", whole.NextCursor);

        var cursor = "";
        var pages = new List<Purchase>();
        do
        {
            var page = _db.Tables.Purchases.History(_db.Row(_ben), cursor, 4);
            pages.AddRange(page.Purchases);
            cursor = page.NextCursor;

            // What is bought meanwhile is newer than any page.
            _db.Time += 1;
            _db.Complete("pending", Line("1-1", 1, 1, _sue));
        }
        while (cursor.Length > 0);
        Assert.Equal(whole.Purchases, pages);
        Assert.Equal(Id("pending"), _db.Tables.Purchases.History(_db.Row(_ben), "", 1).Purchases[0].PurchaseId);
    }

    [Fact]
    public void A_page_that_ends_with_the_last_purchase_has_no_cursor()
    {
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        Assert.Equal("", _db.Tables.Purchases.History(_db.Row(_ben), "", 2).NextCursor);
        Assert.NotEqual("", _db.Tables.Purchases.History(_db.Row(_ben), "", 1).NextCursor);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("                                ")]
    public void A_wrong_cursor_is_refused(string cursor)
    {
        Assert.Equal(Error.InvalidCursor, _db.Tables.Purchases.History(_db.Row(_ben), cursor, 2).Error);
    }

    [Fact]
    public void Another_buyers_cursor_is_refused()
    {
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        var cursor = _db.Tables.Purchases.History(_db.Row(_ben), "", 1).NextCursor;
        Assert.Equal(Error.InvalidCursor, _db.Tables.Purchases.History(_db.Row(_db.LogIn("eve")), cursor, 1).Error);
    }

    [Fact]
    public void A_purchase_is_settled_once_it_is_decided_and_said_to_be_carried_out_and_not_before()
    {
        _db.Add(_ben, "1-1", 2);
        var pending = _db.Begin(_ben, "p").Purchase;
        _db.Settle("p", "unknown");
        Assert.Equal(pending, _db.Begin(_ben, "p").Purchase);
        var declined = _db.Abandon("p").Purchase;
        Assert.False(declined.Settled);

        // The next may begin before anybody has said so.
        _db.Begin(_ben, "q");
        var bought = _db.Complete("q", Line("1-1", 2, 10, _sue)).Purchase;
        Assert.False(bought.Settled);
        _db.Settle("p", "q", "p");
        Assert.Equal(new Purchase(declined) { Settled = true }, _db.Begin(_ben, "p").Purchase);
        Assert.Equal(new Purchase(bought) { Settled = true }, _db.Abandon("q").Purchase);
    }

    [Fact]
    public void Unfinished_purchases_are_those_not_settled_from_before_a_time_oldest_first()
    {
        foreach (var name in new[] { "a", "b", "c", "d" })
        {
            var session = _db.LogIn(name);
            _db.Add(session, "1-1", 1);
            _db.Time += 10;
            _db.Begin(session, name);
        }

        _db.Abandon("a");
        Assert.Equal([Id("a"), Id("b"), Id("c")], Unsettled(_db.Time, 10));
        Assert.Equal([Id("a")], Unsettled(_db.Time, 1));
        Assert.Equal([Id("a"), Id("b"), Id("c"), Id("d")], Unsettled(_db.Time + 1, 10));

        // A completed one is as old as its completion.
        _db.Complete("b", Line("1-1", 1, 1, _sue));
        Assert.Equal([Id("a"), Id("c")], Unsettled(_db.Time, 10));
        Assert.Equal([Id("a"), Id("c"), Id("b"), Id("d")], Unsettled(_db.Time + 1, 10));
        _db.Settle("a", "b");
        Assert.Equal([Id("c"), Id("d")], Unsettled(_db.Time + 1, 10));
    }

    private IEnumerable<Google.Protobuf.ByteString> Unsettled(long before, int limit) =>
        _db.Tables.Purchases.Unsettled(before, limit).Select(p => p.PurchaseId);
}

public sealed class FeedbackTests : IDisposable
{
    private readonly CustomersUnderTest _db = new();
    private readonly Session _ben;
    private readonly long _sue;
    private readonly long _sam;

    public FeedbackTests()
    {
        _ben = _db.LogIn("ben");
        _sue = _db.Account("sue", Role.Seller);
        _sam = _db.Account("sam", Role.Seller);
    }

    public void Dispose() => _db.Dispose();

    [Fact]
    public void Only_who_has_bought_the_item_may_rate_it()
    {
        Assert.Equal(Error.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
        _db.Add(_ben, "1-1", 1);
        _db.Begin(_ben, "declined");
        Assert.Equal(Error.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
        _db.Abandon("declined");
        Assert.Equal(Error.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
        _db.Buy(_db.LogIn("eve"), "e", "1-1", 1, 1, _sue);
        Assert.Equal(Error.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
    }

    [Fact]
    public void Each_purchase_of_the_item_earns_one_vote_for_the_seller_whatever_the_quantity()
    {
        _db.Buy(_ben, "1", "1-1", 5, 1, _sue);
        Assert.Equal(new Vote { VoteId = Id("v1"), ItemId = "1-1", Up = true }, _db.Vote(_ben, "1-1", true, "v1").Vote);
        Assert.Equal(Error.AlreadyRated, _db.Vote(_ben, "1-1", true, "v2").Error);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        Assert.Equal(Error.None, _db.Vote(_ben, "1-1", false, "v3").Error);
        Assert.Equal(Error.AlreadyRated, _db.Vote(_ben, "1-1", true, "v4").Error);
        var rating = _db.Rating(_ben, _sue);
        Assert.Equal((1, 1), (rating.ThumbsUp, rating.ThumbsDown));
    }

    [Fact]
    public void The_oldest_unrated_purchase_is_rated_first_and_its_seller_gets_the_vote()
    {
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sam);
        _db.Vote(_ben, "1-1", true, "v1");
        Assert.Equal((1, 0), (_db.Rating(_ben, _sue).ThumbsUp, _db.Rating(_ben, _sam).ThumbsUp));
        _db.Vote(_ben, "1-1", true, "v2");
        Assert.Equal((1, 1), (_db.Rating(_ben, _sue).ThumbsUp, _db.Rating(_ben, _sam).ThumbsUp));
    }

    [Fact]
    public void The_same_vote_again_is_answered_as_the_first_and_counts_once()
    {
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        var first = _db.Vote(_ben, "1-1", true, "v");
        var before = _db.Everything();
        Assert.Equal(first, _db.Vote(_ben, "1-1", false, "v"));
        Assert.Equal(before, _db.Everything());
    }

    [Fact]
    public void Another_buyers_vote_id_is_refused()
    {
        var eve = _db.LogIn("eve");
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(eve, "2", "1-1", 1, 1, _sue);
        _db.Vote(_ben, "1-1", true, "v");
        Assert.Equal(Error.NotPurchased, _db.Vote(eve, "1-1", true, "v").Error);
    }

    [Fact]
    public void Votes_are_unfinished_until_they_are_forwarded_oldest_first()
    {
        foreach (var name in new[] { "a", "b", "c", "d" })
        {
            _db.Buy(_ben, name, "1-1", 1, 1, _sue);
            _db.Time += 10;
            _db.Vote(_ben, "1-1", true, name);
        }

        _db.Forward("b", "unknown");
        _db.Forward("b");
        Assert.Equal([Id("a"), Id("c")], _db.Tables.Feedback.Unforwarded(_db.Time, 10).Select(v => v.VoteId));
        Assert.Equal([Id("a")], _db.Tables.Feedback.Unforwarded(_db.Time, 1).Select(v => v.VoteId));
    }
}
