using Agora.Contracts.Products;
using Xunit;
using static Agora.Products.Tests.ProductsUnderTest;
using static Agora.Testing.DatabaseUnderTest;

namespace Agora.Products.Tests;

/// <summary>The replies to a repeated command, and to another command under its request id.</summary>
public sealed class ProductsRepeatTests : IDisposable
{
    private readonly ProductsUnderTest _db = new();
    private readonly string _item;

    public ProductsRepeatTests() => _item = _db.Register(quantity: 10, price: 100).ItemId;

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_repeat_gets_the_first_reply_but_another_request_and_a_late_one_are_refused()
    {
        var add = new ProductsCommand
        {
            AddUnits = new()
            {
                ItemId = _item,
                SellerId = 1,
                Quantity = 2,
            },
            Fingerprint = 7,
        };
        var first = _db.Do(add);
        Assert.Equal((7u, false), (first.Fingerprint, first.Replayed));
        _db.ChangePrice(_item, 1, 55);
        Assert.Equal(new ProductsReply(first) { Replayed = true }, _db.Repeat(add, first));
        Assert.Equal(
            new ProductsReply { Error = ProductsError.KeyReused, Fingerprint = 8 },
            _db.Repeat(new ProductsCommand(add) { Fingerprint = 8 }, first)
        );
        Assert.Equal(new ProductsReply { Error = ProductsError.KeyExpired, Fingerprint = 7 }, _db.Repeat(add, null));
    }

    [Fact]
    public void A_refusal_is_repeated_too()
    {
        var withdraw = new ProductsCommand
        {
            WithdrawUnits = new()
            {
                ItemId = _item,
                SellerId = 1,
                Quantity = 11,
            },
            Fingerprint = 7,
        };
        var first = _db.Do(withdraw);
        Assert.True(_db.Kept);
        _db.AddUnits(_item, 1, 1);
        Assert.Equal(new ProductsReply(first) { Replayed = true }, _db.Repeat(withdraw, first));
    }

    [Fact]
    public void A_reservation_and_a_vote_are_known_for_ever_and_are_not_made_by_a_command_that_came_too_late()
    {
        var reserve = new ProductsCommand { Reserve = AReserve("c", "p", (_item, 1)) };
        var vote = new ProductsCommand
        {
            AddFeedback = new()
            {
                VoteId = Id("v"),
                ItemId = _item,
                Up = true,
            },
        };
        Assert.Equal(ProductsError.KeyExpired, _db.Repeat(reserve, null).Error);
        Assert.Equal(ProductsError.KeyExpired, _db.Repeat(vote, null).Error);
        var reserved = _db.Do(reserve);
        var voted = _db.Do(vote);
        Assert.Equal(new ProductsReply(reserved) { Replayed = true }, _db.Repeat(reserve, null));
        Assert.Equal(new ProductsReply(voted) { Replayed = true }, _db.Repeat(vote, null));

        // The reply shows the present state, not the state of that time.
        _db.Release("p");
        Assert.Equal(
            new ProductsReply { Error = ProductsError.Released, Replayed = true },
            _db.Repeat(reserve, reserved)
        );
    }
}
