using Agora.Contracts.Customers;
using Google.Protobuf;
using Xunit;
using static Agora.Customers.Tests.CustomersUnderTest;
using static Agora.Testing.DatabaseUnderTest;

namespace Agora.Customers.Tests;

public sealed class PurchasesTests : IDisposable
{
    private readonly CustomersUnderTest _db = new();
    private readonly Session _ben;
    private readonly long _sue;
    private readonly long _sam;

    public PurchasesTests()
    {
        _ben = _db.LogIn("ben");
        _sue = _db.Account("sue", Role.Seller);
        _sam = _db.Account("sam", Role.Seller);
    }

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_purchase_begins_with_the_carts_lines()
    {
        _db.Add(_ben, "2-2", 3);
        _db.Add(_ben, "1-1", 1);
        var checkout = _db.Checkout(_ben, "p");
        Assert.Null(checkout.Purchase);
        Assert.Equal("2-2 x 3, 1-1 x 1", Text(new CartReply { Lines = { checkout.Lines } }));
        Assert.Empty(_db.Checkout(_db.LogIn("eve"), "e").Lines);
    }

    [Fact]
    public void A_cart_has_one_id_until_it_is_bought_and_shares_it_with_no_other()
    {
        _db.Add(_ben, "1-1", 1);
        var cart = _db.CartIdOf(_ben);
        _db.Add(_ben, "1-2", 5);
        _db.Abandon("declined", cart);
        Assert.Equal(cart, _db.CartIdOf(_ben));
        _db.Open(_db.Row(_ben).Account, "2");
        Assert.NotEqual(cart, _db.CartIdOf(Token("2")));
        _db.Complete("p", cart, Line("1-1", 1, 1, _sue));
        Assert.NotEqual(cart, _db.CartIdOf(_ben));
        _db.Complete("q", _db.CartIdOf(_ben), Line("1-2", 1, 1, _sue));
        Assert.Equal(
            4,
            new[] { cart, _db.CartIdOf(_ben), _db.CartIdOf(Token("2")), _db.CartIdOf(_db.LogIn("eve")) }
                .Distinct()
                .Count()
        );
    }

    [Fact]
    public void A_decided_purchase_is_found_with_any_cart_and_by_its_buyer_only()
    {
        _db.Add(_ben, "1-1", 1);
        var cart = _db.CartIdOf(_ben);
        var declined = _db.Abandon("d", cart).Purchase;
        var bought = _db.Complete("p", cart, Line("1-1", 1, 1, _sue)).Purchase;
        _db.Time += 10_000;
        _db.Add(_ben, "1-2", 7);
        Assert.Equal(new CheckoutReply { Purchase = declined }, _db.Checkout(_ben, "d"));
        Assert.Equal(new CheckoutReply { Purchase = bought }, _db.Checkout(_ben, "p"));
        Assert.Equal(new CheckoutReply { Error = CustomersError.NoSuchPurchase }, _db.Checkout(_db.LogIn("eve"), "p"));
    }

    [Fact]
    public void A_cart_is_bought_once()
    {
        _db.Add(_ben, "1-1", 1);
        var cart = _db.CartIdOf(_ben);
        _db.Complete("p", cart, Line("1-1", 1, 10, _sue));
        _db.Add(_ben, "1-1", 1);
        var second = _db.Complete("q", cart, Line("1-1", 1, 10, _sue)).Purchase;
        Assert.Equal((PurchaseState.Abandoned, 0), (second.State, second.TotalCents));
        Assert.NotEqual("", second.Reason);
        Assert.Equal(1, _db.Rating(_ben).Units);
        Assert.Equal("1-1 x 1", _db.Cart(_ben));
        Assert.Equal(second, _db.Complete("q", _db.CartIdOf(_ben), Line("1-1", 1, 10, _sue)).Purchase);
    }

    [Fact]
    public void Completing_counts_units_for_buyer_and_sellers_and_empties_the_cart()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Add(_ben, "1-2", 3);
        _db.Time += 1_234;
        var purchase = _db.Complete(
            "p",
            _db.CartIdOf(_ben),
            Line("1-1", 2, 150, _sue),
            Line("1-2", 3, 1_000, _sam)
        ).Purchase;
        Assert.Equal(
            new PurchaseRecord
            {
                PurchaseId = Id("p"),
                State = PurchaseState.Completed,
                BuyerId = _db.Row(_ben).Account,
                At = _db.Time,
                Lines = { Line("1-1", 2, 150, _sue), Line("1-2", 3, 1_000, _sam) },
                TotalCents = 3_300,
            },
            purchase
        );
        Assert.Equal(2, _db.Rating(_ben, _sue).Units);
        Assert.Equal(3, _db.Rating(_ben, _sam).Units);
        Assert.Equal(5, _db.Rating(_ben).Units);
        Assert.Equal("", _db.Cart(_ben));
    }

    [Fact]
    public void What_was_added_while_the_purchase_was_under_way_stays_in_the_cart()
    {
        _db.Add(_ben, "1-1", 2);
        _db.Add(_ben, "1-2", 2);
        _db.Add(_ben, "1-3", 2);
        var cart = _db.CartIdOf(_ben);
        _db.Add(_ben, "1-1", 3);
        _db.Add(_ben, "1-4", 1);
        _db.Remove(_ben, "1-2", 1);
        _db.Remove(_ben, "1-3");
        _db.Complete("p", cart, Line("1-1", 2, 1, _sue), Line("1-2", 2, 1, _sue), Line("1-3", 2, 1, _sue));
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
        _db.Complete("p", _db.CartIdOf(_ben), Line("1-1", 2, 1, _sue), Line("1-2", 1, 1, _sue));
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
        var cart = _db.CartIdOf(_ben);
        var account = _db.Row(_ben).Account;
        _db.Close(_ben);
        _db.Open(account, "2");
        Assert.Equal(PurchaseState.Completed, _db.Complete("p", cart, Line("1-1", 2, 1, _sue)).Purchase.State);
        Assert.Equal(PurchaseState.Abandoned, _db.Complete("q", cart, Line("1-1", 2, 1, _sue)).Purchase.State);
        Assert.Equal("1-1 x 2", _db.Cart(Token("2")));
        Assert.Equal(2, _db.Rating(Token("2")).Units);
    }

    [Theory]
    [InlineData(PurchaseState.Declined)]
    [InlineData(PurchaseState.OutOfStock)]
    [InlineData(PurchaseState.Abandoned)]
    [InlineData(PurchaseState.CartEmpty)]
    public void Abandoning_leaves_cart_and_counts_as_they_are(PurchaseState outcome)
    {
        _db.Add(_ben, "1-1", 2);
        var purchase = _db.Abandon("p", _db.CartIdOf(_ben), outcome, "the reason").Purchase;
        Assert.Equal(
            new PurchaseRecord
            {
                PurchaseId = Id("p"),
                BuyerId = _db.Row(_ben).Account,
                At = _db.Time,
                State = outcome,
                Reason = "the reason",
            },
            purchase
        );
        Assert.Equal("1-1 x 2", _db.Cart(_ben));
        Assert.Equal(0, _db.Rating(_ben).Units);
    }

    [Fact]
    public void A_decided_purchase_never_changes()
    {
        _db.Add(_ben, "1-1", 2);
        var bought = _db.Complete("bought", _db.CartIdOf(_ben), Line("1-1", 2, 10, _sue)).Purchase;
        _db.Add(_ben, "1-1", 2);
        var cart = _db.CartIdOf(_ben);
        var declined = _db.Abandon("declined", cart).Purchase;
        var before = _db.Everything();
        _db.Time += 5_000;
        Assert.Equal(bought, _db.Complete("bought", cart, Line("1-1", 1, 99, _sam)).Purchase);
        Assert.Equal(bought, _db.Abandon("bought", cart).Purchase);
        Assert.Equal(declined, _db.Complete("declined", cart, Line("1-1", 2, 10, _sue)).Purchase);
        Assert.Equal(declined, _db.Abandon("declined", cart, PurchaseState.OutOfStock, "else").Purchase);
        Assert.Equal(before, _db.Everything());
    }

    [Theory]
    [InlineData(PurchaseState.OutOfStock)]
    [InlineData(PurchaseState.PriceChanged)]
    public void A_refused_purchase_shows_for_ever_what_was_on_sale(PurchaseState outcome)
    {
        _db.Add(_ben, "1-1", 2);
        _db.Add(_ben, "1-2", 1);
        RefusedLine[] lines =
        [
            new RefusedLine
            {
                ItemId = "1-1",
                Quantity = 2,
                Name = "Bike",
                UnitPriceCents = 150,
                Available = 1,
            },
            new RefusedLine
            {
                ItemId = "1-2",
                Quantity = 1,
                Name = "Ball",
                UnitPriceCents = 20,
                Available = 9,
            },
        ];
        var abandon = new AbandonPurchase
        {
            PurchaseId = Id("p"),
            CartId = _db.CartIdOf(_ben),
            Outcome = outcome,
            Reason = "why",
            Fingerprint = 65_535,
            RefusedLines = { lines },
            RefusedTotalCents = 320,
        };
        var purchase = _db.Do(new CustomersCommand { AbandonPurchase = abandon }).Purchase;
        var expected = new PurchaseRecord
        {
            PurchaseId = Id("p"),
            State = outcome,
            BuyerId = _db.Row(_ben).Account,
            At = _db.Time,
            Reason = "why",
            Fingerprint = 65_535,
            RefusedLines = { lines },
            RefusedTotalCents = 320,
        };
        Assert.Equal(expected, purchase);
        _db.Time += 1_000_000_000;
        Assert.Equal(expected, _db.Tables.Purchases.Find(Id("p")));
        Assert.Equal(expected, _db.Complete("p", _db.CartIdOf(_ben), Line("1-1", 2, 10, _sue)).Purchase);
    }

    [Fact]
    public void A_completed_purchase_keeps_its_fingerprint()
    {
        _db.Add(_ben, "1-1", 2);
        var complete = new CompletePurchase
        {
            PurchaseId = Id("p"),
            CartId = _db.CartIdOf(_ben),
            Lines = { Line("1-1", 2, 10, _sue) },
            Fingerprint = 4_711,
        };
        Assert.Equal(4_711u, _db.Do(new CustomersCommand { CompletePurchase = complete }).Purchase.Fingerprint);

        // So does a purchase of a cart that was bought already.
        complete.PurchaseId = Id("q");
        var second = _db.Do(new CustomersCommand { CompletePurchase = complete }).Purchase;
        Assert.Equal((PurchaseState.Abandoned, 4_711u), (second.State, second.Fingerprint));
    }

    [Fact]
    public void A_buyer_sees_own_completed_purchases_only()
    {
        var bought = _db.Buy(_ben, "p", "1-1", 2, 100, _sue);
        _db.Abandon("declined", _db.CartIdOf(_ben));
        Assert.Equal(new PurchaseReply { Purchase = bought }, _db.Tables.Purchases.Completed(_db.Row(_ben), Id("p")));
        var none = new PurchaseReply { Error = CustomersError.NoSuchPurchase };
        Assert.Equal(none, _db.Tables.Purchases.Completed(_db.Row(_ben), Id("declined")));
        Assert.Equal(none, _db.Tables.Purchases.Completed(_db.Row(_ben), Id("unknown")));
        Assert.Equal(none, _db.Tables.Purchases.Completed(_db.Row(_ben), ByteString.Empty));
        Assert.Equal(none, _db.Tables.Purchases.Completed(_db.Row(_db.LogIn("eve")), Id("p")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(200)]
    public void Sales_are_the_sellers_own_newest_first_and_pages_make_up_the_whole_while_more_is_sold(int limit)
    {
        var sue = _db.LogInTo(_sue, "sue", Role.Seller);
        var expected = new List<SaleRecord>();
        for (var i = 0; i < 9; i++)
        {
            // Several in the same millisecond, some with two lines of this seller.
            _db.Time += i % 3 == 0 ? 100 : 0;
            var lines = Enumerable.Range(1, 1 + i % 2).Select(n => Line($"1-{n}", n, 100 + i, _sue)).ToArray();
            _db.Complete($"p{i}", _db.CartIdOf(_ben), [.. lines, Line("2-2", 1, 1, _sam)]);
            expected.AddRange(
                lines.Select(line => new SaleRecord
                {
                    At = _db.Time,
                    ItemId = line.ItemId,
                    Quantity = line.Quantity,
                    UnitPriceCents = line.UnitPriceCents,
                })
            );
        }

        _db.Abandon("declined", _db.CartIdOf(_ben));
        expected.Reverse();
        var sales = new List<SaleRecord>();
        var cursor = "";
        do
        {
            var page = _db.Tables.Purchases.Sales(_db.Row(sue), cursor, limit);
            Assert.True(page.Sales.Count == limit || page.NextCursor.Length == 0);
            sales.AddRange(page.Sales);
            cursor = page.NextCursor;
            _db.Complete("late" + sales.Count, _db.CartIdOf(_ben), Line("1-1", 1, 1, _sue));
        } while (cursor.Length > 0);
        Assert.Equal(expected, sales);
        Assert.Empty(_db.Tables.Purchases.Sales(_db.Row(_db.LogIn("new", Role.Seller)), "", limit).Sales);
    }

    [Fact]
    public void A_cursor_of_sales_is_valid_for_its_own_account_only()
    {
        var sue = _db.Row(_db.LogInTo(_sue, "sue", Role.Seller));
        var sam = _db.Row(_db.LogInTo(_sam, "sam", Role.Seller));
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        var cursor = _db.Tables.Purchases.Sales(sue, "", 1).NextCursor;
        Assert.Equal(CustomersError.InvalidCursor, _db.Tables.Purchases.Sales(sam, cursor, 1).Error);
        Assert.Equal(CustomersError.InvalidCursor, _db.Tables.Purchases.Sales(sue, "x", 1).Error);
        Assert.Equal(CustomersError.InvalidCursor, _db.Tables.Purchases.History(sue, cursor, 1).Error);
        Assert.Single(_db.Tables.Purchases.Sales(sue, cursor, 1).Sales);
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
        _db.Abandon("declined", _db.CartIdOf(_ben));
        var whole = _db.Tables.Purchases.History(_db.Row(_ben), "", 200);
        Assert.Equal(
            Enumerable.Range(0, 11).Reverse().Select(i => Id($"p{i}")),
            whole.Purchases.Select(p => p.PurchaseId)
        );
        Assert.Equal("", whole.NextCursor);

        var cursor = "";
        var pages = new List<PurchaseRecord>();
        do
        {
            var page = _db.Tables.Purchases.History(_db.Row(_ben), cursor, 4);
            pages.AddRange(page.Purchases);
            cursor = page.NextCursor;

            // A purchase made between two pages is newer than every page.
            _db.Time += 1;
            _db.Complete("late", _db.CartIdOf(_ben), Line("1-1", 1, 1, _sue));
        } while (cursor.Length > 0);
        Assert.Equal(whole.Purchases, pages);
        Assert.Equal(Id("late"), _db.Tables.Purchases.History(_db.Row(_ben), "", 1).Purchases[0].PurchaseId);
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
        Assert.Equal(CustomersError.InvalidCursor, _db.Tables.Purchases.History(_db.Row(_ben), cursor, 2).Error);
    }

    [Fact]
    public void Another_buyers_cursor_is_refused()
    {
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        var cursor = _db.Tables.Purchases.History(_db.Row(_ben), "", 1).NextCursor;
        Assert.Equal(
            CustomersError.InvalidCursor,
            _db.Tables.Purchases.History(_db.Row(_db.LogIn("eve")), cursor, 1).Error
        );
    }
}
