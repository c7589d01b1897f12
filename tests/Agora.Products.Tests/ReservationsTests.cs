using Agora.Contracts.Products;
using Google.Protobuf;
using Xunit;
using static Agora.Products.Tests.ProductsUnderTest;
using static Agora.Testing.DatabaseUnderTest;

namespace Agora.Products.Tests;

public sealed class ReservationsTests : IDisposable
{
    private readonly ProductsUnderTest _db = new();
    private readonly string _a;
    private readonly string _b;

    public ReservationsTests()
    {
        _a = _db.Register(category: 1, quantity: 10, price: 100, seller: 1).ItemId;
        _b = _db.Register(category: 2, quantity: 5, price: 333, seller: 2).ItemId;
    }

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_reservation_takes_units_off_sale_and_fixes_the_prices()
    {
        var reservation = _db.Reserve("p", (_b, 2), (_a, 3)).Reservation;
        var expected = new Reservation
        {
            PurchaseId = ProductsUnderTest.Id("p"),
            Lines =
            {
                new ReservationLine
                {
                    ItemId = _b,
                    Quantity = 2,
                    UnitPriceCents = 333,
                    SellerId = 2,
                },
                new ReservationLine
                {
                    ItemId = _a,
                    Quantity = 3,
                    UnitPriceCents = 100,
                    SellerId = 1,
                },
            },
            TotalCents = 966,
            CartId = ProductsUnderTest.Id("of p"),
        };
        Assert.Equal(expected, reservation);
        Assert.Equal("7 / 3 / 0 / 0", _db.Books(_a));
        Assert.Equal("3 / 2 / 0 / 0", _db.Books(_b));

        // A repeat gets the first reply, even if the item has changed since.
        _db.ChangePrice(_a, 1, 999);
        _db.Withdraw(_a, 1, 7);
        Assert.Equal(expected, _db.Reserve("p", (_b, 2), (_a, 3)).Reservation);
        Assert.Equal("0 / 3 / 0 / 7", _db.Books(_a));
    }

    [Fact]
    public void All_lines_are_reserved_or_none_and_a_refusal_is_for_ever_and_names_all_lines_as_they_were()
    {
        var inA = new RefusedItem
        {
            ItemId = _a,
            Quantity = 1,
            Name = "thing",
            UnitPriceCents = 100,
            Available = 10,
        };
        var inB = new RefusedItem
        {
            ItemId = _b,
            Quantity = 6,
            Name = "thing",
            UnitPriceCents = 333,
            Available = 5,
        };
        var lacking = _db.ReserveCart("cart", "p", (_a, 1), (_b, 6));
        Assert.Equal(
            new ProductsReply
            {
                Error = ProductsError.NotEnoughUnits,
                ItemId = _b,
                Available = 5,
                RefusedLines = { inA, inB },
                RefusedTotalCents = 2_098,
            },
            lacking
        );
        var unknown = _db.ReserveCart("cart", "q", (_a, 1), ("9-9", 1), (_b, 6));
        var none = new RefusedItem { ItemId = "9-9", Quantity = 1 };
        Assert.Equal(
            new ProductsReply
            {
                Error = ProductsError.NoSuchItem,
                ItemId = "9-9",
                RefusedLines = { inA, none, inB },
                RefusedTotalCents = 2_098,
            },
            unknown
        );

        // The refusals stay, even if the stock changes; and another purchase may reserve the cart.
        _db.ChangePrice(_a, 1, 7);
        _db.AddUnits(_b, 2, 100);
        _db.Restart();
        Assert.Equal(lacking, _db.ReserveCart("cart", "p", (_a, 1)));
        Assert.Equal(unknown, _db.ReserveCart("cart", "q", (_a, 1)));
        Assert.Equal([Id("p"), Id("q")], _db.Confirm("p", "q"));
        Assert.Equal(new ProductsReply(), _db.Release("p"));
        Assert.Equal(lacking, _db.ReserveCart("cart", "p", (_a, 1)));
        Assert.Empty(_db.Tables.Reservations.Open(long.MaxValue, 10));
        Assert.Equal("10 / 0 / 0 / 0", _db.Books(_a));
        Assert.Equal(ProductsError.None, _db.ReserveCart("cart", "r", (_a, 1), (_b, 5)).Error);
    }

    [Fact]
    public void A_purchase_that_would_cost_anything_else_is_refused_for_ever()
    {
        var dearer = _db.ReserveFor(432, "dearer", (_a, 1), (_b, 1));
        var expected = new ProductsReply
        {
            Error = ProductsError.PriceChanged,
            RefusedLines =
            {
                new RefusedItem
                {
                    ItemId = _a,
                    Quantity = 1,
                    Name = "thing",
                    UnitPriceCents = 100,
                    Available = 10,
                },
                new RefusedItem
                {
                    ItemId = _b,
                    Quantity = 1,
                    Name = "thing",
                    UnitPriceCents = 333,
                    Available = 5,
                },
            },
            RefusedTotalCents = 433,
        };
        Assert.Equal(expected, dearer);
        Assert.Equal(ProductsError.PriceChanged, _db.ReserveFor(434, "cheaper", (_a, 1), (_b, 1)).Error);
        Assert.Equal(ProductsError.PriceChanged, _db.ReserveFor(0, "for nothing", (_a, 1), (_b, 1)).Error);
        Assert.Equal("10 / 0 / 0 / 0", _db.Books(_a));
        _db.ChangePrice(_b, 2, 332);
        Assert.Equal(expected, _db.ReserveFor(432, "dearer", (_a, 1), (_b, 1)));
        Assert.Equal(432, _db.ReserveFor(432, "as agreed", (_a, 1), (_b, 1)).Reservation.TotalCents);

        // Prices that change afterwards do not matter.
        _db.ChangePrice(_b, 2, 1);
        Assert.Equal(432, _db.ReserveFor(432, "as agreed", (_a, 1), (_b, 1)).Reservation.TotalCents);
    }

    [Fact]
    public void Missing_units_come_before_a_changed_price()
    {
        var both = _db.ReserveFor(1, "both", (_a, 1), (_b, 6));
        Assert.Equal((ProductsError.NotEnoughUnits, _b, 5), (both.Error, both.ItemId, both.Available));
        Assert.Equal(2, both.RefusedLines.Count);
        Assert.Equal(ProductsError.NoSuchItem, _db.ReserveFor(1, "unknown", (_a, 1), ("9-9", 1)).Error);
    }

    [Fact]
    public void Another_request_under_a_known_purchase_is_refused_in_every_state()
    {
        Reserve("reserved", 7, (_a, 1));
        Reserve("confirmed", 7, (_a, 1));
        _db.Confirm("confirmed");
        Reserve("released", 7, (_a, 1));
        _db.Release("released");
        Reserve("refused", 7, (_a, 1_000));
        foreach (var purchase in new[] { "reserved", "confirmed", "released", "refused" })
        {
            Assert.Equal(new ProductsReply { Error = ProductsError.KeyReused }, Reserve(purchase, 8, (_a, 1)));
            Assert.False(_db.Kept);
            Assert.NotEqual(ProductsError.KeyReused, Reserve(purchase, 7, (_a, 1)).Error);
        }

        Assert.Equal(7u, Reserve("reserved", 7, (_a, 1)).Reservation.Fingerprint);
        Assert.Equal(7u, Assert.Single(_db.Tables.Reservations.Open(long.MaxValue, 10)).Fingerprint);

        // A release that came first did not know the request's fingerprint.
        _db.Release("nothing");
        Assert.Equal(ProductsError.Released, Reserve("nothing", 7, (_a, 1)).Error);
        Assert.Equal(ProductsError.Released, Reserve("nothing", 8, (_a, 1)).Error);

        ProductsReply Reserve(string purchase, uint fingerprint, params (string, int)[] lines)
        {
            var reserve = AReserve("of " + purchase, purchase, lines);
            reserve.Fingerprint = fingerprint;
            return _db.Do(new ProductsCommand { Reserve = reserve });
        }
    }

    [Fact]
    public void More_units_of_an_item_than_a_line_can_hold_are_refused()
    {
        _db.AddUnits(_a, 1, int.MaxValue);
        _db.AddUnits(_a, 1, int.MaxValue);
        var refused = _db.Reserve("p", (_a, int.MaxValue), (_a, 1));
        Assert.Equal(
            (ProductsError.NotEnoughUnits, int.MaxValue),
            (refused.Error, Assert.Single(refused.RefusedLines).Quantity)
        );
        Assert.Equal(int.MaxValue, Assert.Single(_db.Reserve("q", (_a, int.MaxValue)).Reservation.Lines).Quantity);
    }

    [Fact]
    public void Lines_of_the_same_item_are_one()
    {
        Assert.Equal(ProductsError.NotEnoughUnits, _db.Reserve("too many", (_a, 6), (_a, 6)).Error);
        Assert.Equal(
            ProductsError.NotEnoughUnits,
            _db.Reserve("far too many", (_a, int.MaxValue), (_a, int.MaxValue)).Error
        );
        var line = Assert.Single(_db.Reserve("p", (_a, 4), (_a, 6)).Reservation.Lines);
        Assert.Equal((_a, 10), (line.ItemId, line.Quantity));
    }

    [Fact]
    public void A_total_beyond_all_amounts_is_refused()
    {
        var dear = _db.Register(price: long.MaxValue / 2, quantity: 3).ItemId;
        var refused = _db.Reserve("too dear", (dear, 3));
        Assert.Equal((ProductsError.NotEnoughUnits, long.MaxValue), (refused.Error, refused.RefusedTotalCents));
        Assert.Equal(long.MaxValue - 1, _db.Reserve("p", (dear, 2)).Reservation.TotalCents);
    }

    [Fact]
    public void Confirming_sells_the_units_once()
    {
        var reserved = _db.Reserve("p", (_a, 3)).Reservation;
        Assert.Empty(_db.Confirm("p"));
        Assert.Equal("7 / 0 / 3 / 0", _db.Books(_a));
        Assert.Empty(_db.Confirm("p"));
        Assert.Equal(new Reservation(reserved) { Confirmed = true }, _db.Reserve("p", (_a, 3)).Reservation);
        Assert.Equal("7 / 0 / 3 / 0", _db.Books(_a));
        Assert.Equal(ProductsError.Confirmed, _db.Release("p").Error);
    }

    [Fact]
    public void Releasing_puts_the_units_back_once_and_for_ever()
    {
        _db.Reserve("p", (_a, 3));
        Assert.Equal(new ProductsReply(), _db.Release("p"));
        Assert.Equal(new ProductsReply(), _db.Release("p"));
        Assert.Equal("10 / 0 / 0 / 0", _db.Books(_a));
        Assert.Equal(ProductsError.Released, _db.Reserve("p", (_a, 3)).Error);
        Assert.Equal([Id("p")], _db.Confirm("p"));
    }

    [Fact]
    public void A_release_that_comes_first_prevents_the_late_reservation()
    {
        Assert.Equal(new ProductsReply(), _db.Release("p"));
        Assert.Equal(ProductsError.Released, _db.Reserve("p", (_a, 3)).Error);
        Assert.Equal([Id("p")], _db.Confirm("p"));
    }

    [Fact]
    public void At_most_one_purchase_of_a_cart_has_a_reservation_and_none_after_one_is_confirmed()
    {
        var first = _db.ReserveCart("cart", "p", (_a, 3)).Reservation;
        Assert.Equal(new ProductsReply { Error = ProductsError.CartTaken }, _db.ReserveCart("cart", "q", (_a, 3)));
        Assert.Equal(ProductsError.CartTaken, _db.ReserveCart("cart", "q", (_b, 99)).Error);
        Assert.Equal(first, _db.ReserveCart("cart", "p", (_a, 3)).Reservation);
        Assert.Equal(first, _db.ReserveCart("another", "p", (_a, 1)).Reservation);
        Assert.Equal(ProductsError.None, _db.ReserveCart("another", "r", (_a, 1)).Error);
        _db.Release("p");
        Assert.Equal(ProductsError.None, _db.ReserveCart("cart", "q", (_a, 3)).Error);
        Assert.Equal(ProductsError.Released, _db.ReserveCart("cart", "p", (_a, 3)).Error);
        _db.Confirm("q");
        Assert.Equal(ProductsError.CartTaken, _db.ReserveCart("cart", "s", (_a, 3)).Error);
    }

    [Fact]
    public void Open_reservations_are_those_neither_confirmed_nor_released_from_before_a_time_oldest_first()
    {
        foreach (var name in new[] { "a", "b", "c", "d" })
        {
            _db.Time += 10;
            _db.Reserve(name, (_a, 1));
        }

        _db.Release("never reserved");
        Assert.Equal([Id("a"), Id("b"), Id("c")], Open(_db.Time, 10));
        Assert.Equal([Id("a")], Open(_db.Time, 1));
        Assert.Equal([Id("a"), Id("b"), Id("c"), Id("d")], Open(_db.Time + 1, 10));
        _db.Confirm("a");
        _db.Release("c");
        Assert.Equal([Id("b"), Id("d")], Open(_db.Time + 1, 10));
        var left = _db.Reserve("b", (_a, 1)).Reservation;
        left.At = _db.Time - 20;
        Assert.Equal(left, _db.Tables.Reservations.Open(_db.Time, 1).Single());
    }

    [Fact]
    public void Open_reservations_can_be_listed_page_by_page()
    {
        foreach (var name in (string[])["a", "b", "c", "d", "e"])
        {
            _db.Reserve(name, (_a, 1));
            _db.Time += name == "b" ? 0 : 10;
        }

        List<ByteString> listed = [];
        Reservation? last = null;
        do
        {
            var page = _db.Tables.Reservations.Open(long.MaxValue, 2, last?.At ?? 0, last?.PurchaseId);
            listed.AddRange(page.Select(reservation => reservation.PurchaseId));
            last = page.LastOrDefault();
        } while (last is not null);

        Assert.Equal(Open(long.MaxValue, 10), listed);
        Assert.Equal(5, listed.Count);
    }

    [Fact]
    public void Purchases_that_cannot_be_confirmed_are_named_and_the_others_are_confirmed()
    {
        _db.Reserve("p", (_a, 3));
        _db.Reserve("released", (_a, 2));
        _db.Release("released");
        _db.Reserve("q", (_a, 1));
        Assert.Equal([Id("released"), Id("never reserved")], _db.Confirm("p", "released", "never reserved", "q", "p"));
        Assert.Equal("6 / 0 / 4 / 0", _db.Books(_a));
    }

    private IEnumerable<ByteString> Open(long before, int limit) =>
        _db.Tables.Reservations.Open(before, limit).Select(reservation => reservation.PurchaseId);
}
