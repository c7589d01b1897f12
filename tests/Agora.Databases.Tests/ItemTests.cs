using Agora.Contracts.Products;
using Agora.Products;
using Xunit;
using static Agora.Databases.Tests.ProductsUnderTest;

namespace Agora.Databases.Tests;

public sealed class ItemTests : IDisposable
{
    private readonly ProductsUnderTest _db = new();

    public void Dispose() => _db.Dispose();

    [Fact]
    public void Numbers_count_over_all_categories()
    {
        Assert.Equal("7-1", _db.Register(category: 7).ItemId);
        Assert.Equal("0-2", _db.Register(category: 0).ItemId);
        Assert.Equal("7-3", _db.Register(category: 7).ItemId);
        Assert.Equal($"{int.MaxValue}-4", _db.Register(category: int.MaxValue).ItemId);
    }

    [Fact]
    public void An_item_is_found_as_it_was_registered()
    {
        string[] keywords = ["Red", "BIKE", "red", "a,\"b", "ä\0\n😀", "\\u0041"];
        var item = _db.Do(new Command
        {
            RegisterItem = new()
            {
                SellerId = 5,
                Name = "O'Neil \"x\" \0 ü",
                Category = 3,
                Keywords = { keywords },
                Condition = Condition.New,
                PriceCents = 1_999,
                Quantity = 0,
            },
        }).Item;
        var expected = new Item
        {
            ItemId = "3-1",
            Name = "O'Neil \"x\" \0 ü",
            Category = 3,
            Keywords = { keywords },
            Condition = Condition.New,
            PriceCents = 1_999,
            SellerId = 5,
            Version = 1,
        };
        Assert.Equal(expected, item);
        Assert.Equal(expected, _db.Get("3-1"));
    }

    [Theory]
    [InlineData("1-1", true)]
    [InlineData("2-1", false)]
    [InlineData("1-2", false)]
    [InlineData("", false)]
    [InlineData("-", false)]
    [InlineData("1", false)]
    [InlineData("1-", false)]
    [InlineData("-1", false)]
    [InlineData("01-1", false)]
    [InlineData("1-01", false)]
    [InlineData("+1-1", false)]
    [InlineData(" 1-1", false)]
    [InlineData("1-1 ", false)]
    [InlineData("1--1", false)]
    [InlineData("1-1-1", false)]
    [InlineData("1-99999999999999999999", false)]
    [InlineData("99999999999-1", false)]
    [InlineData("١-١", false)]
    public void An_id_has_one_spelling_and_both_parts_count(string id, bool found)
    {
        _db.Register(category: 1);
        Assert.Equal(found, _db.Get(id) is not null);
        if (!found)
        {
            Reply[] replies =
                [_db.ChangePrice(id, 1, 5, 1), _db.Withdraw(id, 1, 1, 1), _db.AddUnits(id, 1, 1, 1),
                    _db.Reserve("p", (id, 1)), _db.Vote("v", id, true)];
            Assert.All(replies, reply => Assert.Equal((Error.NoSuchItem, id), (reply.Error, reply.ItemId)));
        }
    }

    [Fact]
    public void Only_its_seller_changes_an_item()
    {
        var item = _db.Register(seller: 1).ItemId;
        Assert.Equal(Error.NotYours, _db.ChangePrice(item, 2, 5).Error);
        Assert.Equal(Error.NotYours, _db.Withdraw(item, 2, 1, 99).Error);
        Assert.Equal(Error.NotYours, _db.AddUnits(item, 2, 1).Error);
    }

    [Fact]
    public void A_new_price_holds_from_then_on()
    {
        var item = _db.Register(price: 100).ItemId;
        Assert.Equal(250, _db.ChangePrice(item, 1, 250).Item.PriceCents);
        Assert.Equal(250, _db.Get(item)!.PriceCents);
    }

    [Fact]
    public void No_more_units_are_withdrawn_than_are_on_sale()
    {
        var item = _db.Register(quantity: 5).ItemId;
        _db.Reserve("p", (item, 2));
        Assert.Equal(new Reply { Error = Error.NotEnoughUnits, ItemId = item, Available = 3, Item = _db.Get(item) },
            _db.Withdraw(item, 1, 4));
        Assert.Equal(0, _db.Withdraw(item, 1, 3).Item.Quantity);
        Assert.Equal("0 / 2 / 0 / 3", _db.Books(item));
    }

    [Fact]
    public void Units_are_added_to_those_on_sale_and_every_one_is_accounted_for()
    {
        var item = _db.Register(quantity: 1).ItemId;
        _db.Reserve("p", (item, 1));
        Assert.Equal(5, _db.AddUnits(item, 1, 5).Item.Quantity);
        _db.Withdraw(item, 1, 2);
        Assert.Equal("3 / 1 / 0 / 2", _db.Books(item));
        Assert.Equal(3L + int.MaxValue, _db.AddUnits(item, 1, int.MaxValue).Item.Quantity);
        Assert.Equal(6L + int.MaxValue, _db.Number("SELECT registered FROM item"));
    }

    [Fact]
    public void Each_change_that_can_be_seen_makes_another_version()
    {
        var item = _db.Register(price: 100).ItemId;
        Assert.Equal(1, _db.Get(item)!.Version);
        Action[] changes =
        [
            () => _db.ChangePrice(item, 1, 250), () => _db.Withdraw(item, 1, 1), () => _db.AddUnits(item, 1, 1),
            () => _db.Vote("v", item, true), () => _db.Reserve("p", (item, 1), (item, 1)), () => _db.Release("p"),
            () => _db.Reserve("q", (item, 1)),
        ];
        for (var i = 0; i < changes.Length; i++)
        {
            changes[i]();
            Assert.Equal(2 + i, _db.Get(item)!.Version);
        }

        var before = _db.Get(item);
        _db.Confirm("q");
        _db.ChangePrice(item, 1, 250);
        _db.Vote("v", item, false);
        _db.Release("p");
        _db.Withdraw(item, 1, 1_000);
        _db.Reserve("r", (item, 1_000));
        Assert.Equal(before, _db.Get(item));
    }

    [Fact]
    public void A_change_for_other_versions_is_refused_and_one_for_this_is_made()
    {
        var item = _db.Register(quantity: 5).ItemId;
        var refused = new Reply { Error = Error.ChangedMeanwhile, ItemId = item };
        Assert.Equal(refused, _db.ChangePrice(item, 1, 5, 2, 0, -1));
        Assert.Equal(refused, _db.Withdraw(item, 1, 6, 2));
        Assert.Equal(refused, _db.AddUnits(item, 1, 1, 2));
        Assert.Equal(2, _db.ChangePrice(item, 1, 5, 7, 1).Item.Version);
        Assert.Equal(refused, _db.ChangePrice(item, 1, 6, 1));
        Assert.Equal(3, _db.Withdraw(item, 1, 1, 2).Item.Version);
        Assert.Equal(4, _db.AddUnits(item, 1, 1, 3).Item.Version);
        Assert.Equal(Error.NotEnoughUnits, _db.Withdraw(item, 1, 6, 4).Error);
    }

    [Fact]
    public void Items_are_answered_in_the_order_in_which_they_are_named_without_those_that_there_are_none_of()
    {
        var a = _db.Register();
        var b = _db.Register(category: 2, quantity: 0);
        Assert.Equal([b, a, b], _db.Tables.Items.Named([b.ItemId, "9-9", a.ItemId, "", "2-1", b.ItemId]).Items);
        Assert.Empty(_db.Tables.Items.Named([]).Items);
    }

    [Fact]
    public void A_vote_counts_once()
    {
        var item = _db.Register().ItemId;
        Assert.Equal((1, 0), Feedback(_db.Vote("a", item, true).Item));
        Assert.Equal((1, 1), Feedback(_db.Vote("b", item, false).Item));
        Assert.Equal((1, 1), Feedback(_db.Vote("a", item, false).Item));
        Assert.Equal((1, 1), Feedback(_db.Get(item)!));

        static (long, long) Feedback(Item item) => (item.ThumbsUp, item.ThumbsDown);
    }

    [Fact]
    public void A_seller_sees_all_own_items_by_number_sold_out_ones_included_and_pages_make_up_the_whole()
    {
        for (var i = 0; i < 23; i++)
        {
            _db.Register(category: i % 3, quantity: i % 2, seller: 1 + i % 2);
        }

        var whole = _db.Tables.Items.OfSeller(1, "", 200);
        Assert.Equal(12, whole.Items.Count);
        Assert.Equal("", whole.NextCursor);
        Assert.Equal(Enumerable.Range(0, 12).Select(i => $"{2 * i % 3}-{1 + 2 * i}"), whole.Items.Select(item => item.ItemId));
        var first = _db.Tables.Items.OfSeller(1, "", 6);
        var second = _db.Tables.Items.OfSeller(1, first.NextCursor, 6);
        Assert.Equal(whole.Items, first.Items.Concat(second.Items));
        Assert.Equal("", second.NextCursor);
        Assert.Empty(_db.Tables.Items.OfSeller(3, "", 6).Items);
        Assert.Equal(Error.InvalidCursor, _db.Tables.Items.OfSeller(2, first.NextCursor, 6).Error);
        Assert.Equal(Error.InvalidCursor, _db.Tables.Items.OfSeller(1, "garbage", 6).Error);
    }

    [Theory]
    [InlineData("0-1", 0, 1)]
    [InlineData("2147483647-9223372036854775807", int.MaxValue, long.MaxValue)]
    public void Ids_reach_to_the_limits_of_their_types(string text, int category, long number)
    {
        Assert.True(ItemId.TryParse(text, out var id));
        Assert.Equal(new ItemId(category, number), id);
        Assert.Equal(text, id.ToString());
    }
}

public sealed class ReservationTests : IDisposable
{
    private readonly ProductsUnderTest _db = new();
    private readonly string _a;
    private readonly string _b;

    public ReservationTests()
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
                new ReservationLine { ItemId = _b, Quantity = 2, UnitPriceCents = 333, SellerId = 2 },
                new ReservationLine { ItemId = _a, Quantity = 3, UnitPriceCents = 100, SellerId = 1 },
            },
            TotalCents = 966,
            CartId = ProductsUnderTest.Id("of p"),
        };
        Assert.Equal(expected, reservation);
        Assert.Equal("7 / 3 / 0 / 0", _db.Books(_a));
        Assert.Equal("3 / 2 / 0 / 0", _db.Books(_b));

        // A repeat answers as the first did, whatever has happened to the item since.
        _db.ChangePrice(_a, 1, 999);
        _db.Withdraw(_a, 1, 7);
        Assert.Equal(expected, _db.Reserve("p", (_b, 2), (_a, 3)).Reservation);
        Assert.Equal("0 / 3 / 0 / 7", _db.Books(_a));
    }

    [Fact]
    public void All_lines_are_reserved_or_none_and_a_refusal_is_for_ever_and_names_all_lines_as_they_stood()
    {
        var inA = new RefusedLine { ItemId = _a, Quantity = 1, Name = "thing", UnitPriceCents = 100, Available = 10 };
        var inB = new RefusedLine { ItemId = _b, Quantity = 6, Name = "thing", UnitPriceCents = 333, Available = 5 };
        var lacking = _db.ReserveCart("cart", "p", (_a, 1), (_b, 6));
        Assert.Equal(
            new Reply
            {
                Error = Error.NotEnoughUnits,
                ItemId = _b,
                Available = 5,
                RefusedLines = { inA, inB },
                RefusedTotalCents = 2_098,
            }, lacking);
        var unknown = _db.ReserveCart("cart", "q", (_a, 1), ("9-9", 1), (_b, 6));
        var none = new RefusedLine { ItemId = "9-9", Quantity = 1 };
        Assert.Equal(
            new Reply
            {
                Error = Error.NoSuchItem,
                ItemId = "9-9",
                RefusedLines = { inA, none, inB },
                RefusedTotalCents = 2_098,
            }, unknown);

        // Whatever comes later under these ids, and the cart is free for another.
        _db.ChangePrice(_a, 1, 7);
        _db.AddUnits(_b, 2, 100);
        _db.Restart();
        Assert.Equal(lacking, _db.ReserveCart("cart", "p", (_a, 1)));
        Assert.Equal(unknown, _db.ReserveCart("cart", "q", (_a, 1)));
        Assert.Equal([Id("p"), Id("q")], _db.Confirm("p", "q"));
        Assert.Equal(new Reply(), _db.Release("p"));
        Assert.Equal(lacking, _db.ReserveCart("cart", "p", (_a, 1)));
        Assert.Empty(_db.Tables.Reservations.Open(long.MaxValue, 10));
        Assert.Equal("10 / 0 / 0 / 0", _db.Books(_a));
        Assert.Equal(Error.None, _db.ReserveCart("cart", "r", (_a, 1), (_b, 5)).Error);
    }

    [Fact]
    public void A_purchase_that_would_cost_anything_else_is_refused_for_ever()
    {
        var dearer = _db.ReserveFor(432, "dearer", (_a, 1), (_b, 1));
        var expected = new Reply
        {
            Error = Error.PriceChanged,
            RefusedLines =
            {
                new RefusedLine { ItemId = _a, Quantity = 1, Name = "thing", UnitPriceCents = 100, Available = 10 },
                new RefusedLine { ItemId = _b, Quantity = 1, Name = "thing", UnitPriceCents = 333, Available = 5 },
            },
            RefusedTotalCents = 433,
        };
        Assert.Equal(expected, dearer);
        Assert.Equal(Error.PriceChanged, _db.ReserveFor(434, "cheaper", (_a, 1), (_b, 1)).Error);
        Assert.Equal(Error.PriceChanged, _db.ReserveFor(0, "for nothing", (_a, 1), (_b, 1)).Error);
        Assert.Equal("10 / 0 / 0 / 0", _db.Books(_a));
        _db.ChangePrice(_b, 2, 332);
        Assert.Equal(expected, _db.ReserveFor(432, "dearer", (_a, 1), (_b, 1)));
        Assert.Equal(432, _db.ReserveFor(432, "as agreed", (_a, 1), (_b, 1)).Reservation.TotalCents);

        // Prices that change afterwards do not matter.
        _db.ChangePrice(_b, 2, 1);
        Assert.Equal(432, _db.ReserveFor(432, "as agreed", (_a, 1), (_b, 1)).Reservation.TotalCents);
    }

    [Fact]
    public void What_is_lacking_goes_before_the_price()
    {
        var both = _db.ReserveFor(1, "both", (_a, 1), (_b, 6));
        Assert.Equal((Error.NotEnoughUnits, _b, 5), (both.Error, both.ItemId, both.Available));
        Assert.Equal(2, both.RefusedLines.Count);
        Assert.Equal(Error.NoSuchItem, _db.ReserveFor(1, "unknown", (_a, 1), ("9-9", 1)).Error);
    }

    [Fact]
    public void Another_request_under_a_known_purchase_is_refused_whatever_has_become_of_it()
    {
        Reserve("reserved", 7, (_a, 1));
        Reserve("confirmed", 7, (_a, 1));
        _db.Confirm("confirmed");
        Reserve("released", 7, (_a, 1));
        _db.Release("released");
        Reserve("refused", 7, (_a, 1_000));
        foreach (var purchase in new[] { "reserved", "confirmed", "released", "refused" })
        {
            Assert.Equal(new Reply { Error = Error.KeyReused }, Reserve(purchase, 8, (_a, 1)));
            Assert.False(_db.Kept);
            Assert.NotEqual(Error.KeyReused, Reserve(purchase, 7, (_a, 1)).Error);
        }

        Assert.Equal(7u, Reserve("reserved", 7, (_a, 1)).Reservation.Fingerprint);
        Assert.Equal(7u, Assert.Single(_db.Tables.Reservations.Open(long.MaxValue, 10)).Fingerprint);

        // A release that came first did not know the request.
        _db.Release("nothing");
        Assert.Equal(Error.Released, Reserve("nothing", 7, (_a, 1)).Error);
        Assert.Equal(Error.Released, Reserve("nothing", 8, (_a, 1)).Error);

        Reply Reserve(string purchase, uint fingerprint, params (string, int)[] lines)
        {
            var reserve = AReserve("of " + purchase, purchase, lines);
            reserve.Fingerprint = fingerprint;
            return _db.Do(new Command { Reserve = reserve });
        }
    }

    [Fact]
    public void More_units_of_an_item_than_a_line_can_hold_are_refused()
    {
        _db.AddUnits(_a, 1, int.MaxValue);
        _db.AddUnits(_a, 1, int.MaxValue);
        var refused = _db.Reserve("p", (_a, int.MaxValue), (_a, 1));
        Assert.Equal(
            (Error.NotEnoughUnits, int.MaxValue), (refused.Error, Assert.Single(refused.RefusedLines).Quantity));
        Assert.Equal(int.MaxValue, Assert.Single(_db.Reserve("q", (_a, int.MaxValue)).Reservation.Lines).Quantity);
    }

    [Fact]
    public void Lines_of_the_same_item_are_one()
    {
        Assert.Equal(Error.NotEnoughUnits, _db.Reserve("too many", (_a, 6), (_a, 6)).Error);
        Assert.Equal(Error.NotEnoughUnits, _db.Reserve("far too many", (_a, int.MaxValue), (_a, int.MaxValue)).Error);
        var line = Assert.Single(_db.Reserve("p", (_a, 4), (_a, 6)).Reservation.Lines);
        Assert.Equal((_a, 10), (line.ItemId, line.Quantity));
    }

    [Fact]
    public void A_total_beyond_all_amounts_is_refused()
    {
        var dear = _db.Register(price: long.MaxValue / 2, quantity: 3).ItemId;
        var refused = _db.Reserve("too dear", (dear, 3));
        Assert.Equal((Error.NotEnoughUnits, long.MaxValue), (refused.Error, refused.RefusedTotalCents));
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
        Assert.Equal(Error.Confirmed, _db.Release("p").Error);
    }

    [Fact]
    public void Releasing_puts_the_units_back_once_and_for_ever()
    {
        _db.Reserve("p", (_a, 3));
        Assert.Equal(new Reply(), _db.Release("p"));
        Assert.Equal(new Reply(), _db.Release("p"));
        Assert.Equal("10 / 0 / 0 / 0", _db.Books(_a));
        Assert.Equal(Error.Released, _db.Reserve("p", (_a, 3)).Error);
        Assert.Equal([Id("p")], _db.Confirm("p"));
    }

    [Fact]
    public void A_release_that_comes_first_keeps_the_late_reservation_out()
    {
        Assert.Equal(new Reply(), _db.Release("p"));
        Assert.Equal(Error.Released, _db.Reserve("p", (_a, 3)).Error);
        Assert.Equal([Id("p")], _db.Confirm("p"));
    }

    [Fact]
    public void Of_the_purchases_of_a_cart_one_at_a_time_has_a_reservation_and_none_after_one_that_is_confirmed()
    {
        var first = _db.ReserveCart("cart", "p", (_a, 3)).Reservation;
        Assert.Equal(new Reply { Error = Error.CartTaken }, _db.ReserveCart("cart", "q", (_a, 3)));
        Assert.Equal(Error.CartTaken, _db.ReserveCart("cart", "q", (_b, 99)).Error);
        Assert.Equal(first, _db.ReserveCart("cart", "p", (_a, 3)).Reservation);
        Assert.Equal(first, _db.ReserveCart("another", "p", (_a, 1)).Reservation);
        Assert.Equal(Error.None, _db.ReserveCart("another", "r", (_a, 1)).Error);
        _db.Release("p");
        Assert.Equal(Error.None, _db.ReserveCart("cart", "q", (_a, 3)).Error);
        Assert.Equal(Error.Released, _db.ReserveCart("cart", "p", (_a, 3)).Error);
        _db.Confirm("q");
        Assert.Equal(Error.CartTaken, _db.ReserveCart("cart", "s", (_a, 3)).Error);
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
        Assert.Equal(_db.Reserve("b", (_a, 1)).Reservation, _db.Tables.Reservations.Open(_db.Time, 1).Single());
    }

    [Fact]
    public void Of_many_to_confirm_those_that_cannot_be_are_named_and_keep_none_of_the_others_from_it()
    {
        _db.Reserve("p", (_a, 3));
        _db.Reserve("released", (_a, 2));
        _db.Release("released");
        _db.Reserve("q", (_a, 1));
        Assert.Equal([Id("released"), Id("never reserved")], _db.Confirm("p", "released", "never reserved", "q", "p"));
        Assert.Equal("6 / 0 / 4 / 0", _db.Books(_a));
    }
    private IEnumerable<Google.Protobuf.ByteString> Open(long before, int limit) =>
        _db.Tables.Reservations.Open(before, limit).Select(reservation => reservation.PurchaseId);
}

/// <summary>What a command is answered that comes again, or under the request id of another.</summary>
public sealed class ProductsRepeatTests : IDisposable
{
    private readonly ProductsUnderTest _db = new();
    private readonly string _item;

    public ProductsRepeatTests() => _item = _db.Register(quantity: 10, price: 100).ItemId;

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_repeat_is_answered_as_the_first_was_another_request_and_a_late_one_are_refused()
    {
        var add = new Command { AddUnits = new() { ItemId = _item, SellerId = 1, Quantity = 2 }, Fingerprint = 7 };
        var first = _db.Do(add);
        Assert.Equal((7u, false), (first.Fingerprint, first.Replayed));
        _db.ChangePrice(_item, 1, 55);
        Assert.Equal(new Reply(first) { Replayed = true }, _db.Repeat(add, first));
        Assert.Equal(new Reply { Error = Error.KeyReused, Fingerprint = 8 },
            _db.Repeat(new Command(add) { Fingerprint = 8 }, first));
        Assert.Equal(new Reply { Error = Error.KeyExpired, Fingerprint = 7 }, _db.Repeat(add, null));
    }

    [Fact]
    public void A_refusal_is_repeated_too()
    {
        var withdraw =
            new Command { WithdrawUnits = new() { ItemId = _item, SellerId = 1, Quantity = 11 }, Fingerprint = 7 };
        var first = _db.Do(withdraw);
        Assert.True(_db.Kept);
        _db.AddUnits(_item, 1, 1);
        Assert.Equal(new Reply(first) { Replayed = true }, _db.Repeat(withdraw, first));
    }

    [Fact]
    public void A_reservation_and_a_vote_are_known_for_ever_and_are_not_made_by_a_command_that_came_too_late()
    {
        var reserve = new Command { Reserve = AReserve("c", "p", (_item, 1)) };
        var vote = new Command { AddFeedback = new() { VoteId = Id("v"), ItemId = _item, Up = true } };
        Assert.Equal(Error.KeyExpired, _db.Repeat(reserve, null).Error);
        Assert.Equal(Error.KeyExpired, _db.Repeat(vote, null).Error);
        var reserved = _db.Do(reserve);
        var voted = _db.Do(vote);
        Assert.Equal(new Reply(reserved) { Replayed = true }, _db.Repeat(reserve, null));
        Assert.Equal(new Reply(voted) { Replayed = true }, _db.Repeat(vote, null));

        // As it stands now, not as it stood then.
        _db.Release("p");
        Assert.Equal(new Reply { Error = Error.Released, Replayed = true }, _db.Repeat(reserve, reserved));
    }
}
