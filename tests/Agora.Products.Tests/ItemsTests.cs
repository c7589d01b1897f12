using Agora.Contracts.Products;
using Xunit;

namespace Agora.Products.Tests;

public sealed class ItemsTests : IDisposable
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
        var item = _db.Do(
            new ProductsCommand
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
            }
        ).Item;
        var expected = new ItemRecord
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
            ProductsReply[] replies =
            [
                _db.ChangePrice(id, 1, 5, 1),
                _db.Withdraw(id, 1, 1, 1),
                _db.AddUnits(id, 1, 1, 1),
                _db.Reserve("p", (id, 1)),
                _db.Vote("v", id, true),
            ];
            Assert.All(replies, reply => Assert.Equal((ProductsError.NoSuchItem, id), (reply.Error, reply.ItemId)));
        }
    }

    [Fact]
    public void Only_its_seller_changes_an_item()
    {
        var item = _db.Register(seller: 1).ItemId;
        Assert.Equal(ProductsError.NotYours, _db.ChangePrice(item, 2, 5).Error);
        Assert.Equal(ProductsError.NotYours, _db.Withdraw(item, 2, 1, 99).Error);
        Assert.Equal(ProductsError.NotYours, _db.AddUnits(item, 2, 1).Error);
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
        Assert.Equal(
            new ProductsReply
            {
                Error = ProductsError.NotEnoughUnits,
                ItemId = item,
                Available = 3,
                Item = _db.Get(item),
            },
            _db.Withdraw(item, 1, 4)
        );
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
            () => _db.ChangePrice(item, 1, 250),
            () => _db.Withdraw(item, 1, 1),
            () => _db.AddUnits(item, 1, 1),
            () => _db.Vote("v", item, true),
            () => _db.Reserve("p", (item, 1), (item, 1)),
            () => _db.Release("p"),
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
        var refused = new ProductsReply { Error = ProductsError.ChangedMeanwhile, ItemId = item };
        Assert.Equal(refused, _db.ChangePrice(item, 1, 5, 2, 0, -1));
        Assert.Equal(refused, _db.Withdraw(item, 1, 6, 2));
        Assert.Equal(refused, _db.AddUnits(item, 1, 1, 2));
        Assert.Equal(2, _db.ChangePrice(item, 1, 5, 7, 1).Item.Version);
        Assert.Equal(refused, _db.ChangePrice(item, 1, 6, 1));
        Assert.Equal(3, _db.Withdraw(item, 1, 1, 2).Item.Version);
        Assert.Equal(4, _db.AddUnits(item, 1, 1, 3).Item.Version);
        Assert.Equal(ProductsError.NotEnoughUnits, _db.Withdraw(item, 1, 6, 4).Error);
    }

    [Fact]
    public void Items_come_in_the_order_of_the_ids_asked_for_without_those_that_do_not_exist()
    {
        var a = _db.Register();
        var b = _db.Register(category: 2, quantity: 0);
        Assert.Equal([b, a, b], _db.Tables.Items.FindAll([b.ItemId, "9-9", a.ItemId, "", "2-1", b.ItemId]).Items);
        Assert.Empty(_db.Tables.Items.FindAll([]).Items);
    }

    [Fact]
    public void A_vote_counts_once()
    {
        var item = _db.Register().ItemId;
        Assert.Equal((1, 0), Feedback(_db.Vote("a", item, true).Item));
        Assert.Equal((1, 1), Feedback(_db.Vote("b", item, false).Item));
        Assert.Equal((1, 1), Feedback(_db.Vote("a", item, false).Item));
        Assert.Equal((1, 1), Feedback(_db.Get(item)!));

        static (long, long) Feedback(ItemRecord item) => (item.ThumbsUp, item.ThumbsDown);
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
        Assert.Equal(
            Enumerable.Range(0, 12).Select(i => $"{2 * i % 3}-{1 + 2 * i}"),
            whole.Items.Select(item => item.ItemId)
        );
        var first = _db.Tables.Items.OfSeller(1, "", 6);
        var second = _db.Tables.Items.OfSeller(1, first.NextCursor, 6);
        Assert.Equal(whole.Items, first.Items.Concat(second.Items));
        Assert.Equal("", second.NextCursor);
        Assert.Empty(_db.Tables.Items.OfSeller(3, "", 6).Items);
        Assert.Equal(ProductsError.InvalidCursor, _db.Tables.Items.OfSeller(2, first.NextCursor, 6).Error);
        Assert.Equal(ProductsError.InvalidCursor, _db.Tables.Items.OfSeller(1, "garbage", 6).Error);
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
