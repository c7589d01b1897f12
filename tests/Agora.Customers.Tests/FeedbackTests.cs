using Agora.Contracts.Customers;
using Xunit;
using static Agora.Testing.DatabaseUnderTest;

namespace Agora.Customers.Tests;

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
    public void Only_a_buyer_of_the_item_may_rate_it()
    {
        Assert.Equal(CustomersError.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
        _db.Add(_ben, "1-1", 1);
        Assert.Equal(CustomersError.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
        _db.Abandon("declined", _db.CartIdOf(_ben));
        Assert.Equal(CustomersError.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
        _db.Buy(_db.LogIn("eve"), "e", "1-1", 1, 1, _sue);
        Assert.Equal(CustomersError.NotPurchased, _db.Vote(_ben, "1-1", true, "v").Error);
    }

    [Fact]
    public void Each_purchase_of_the_item_earns_one_vote_for_the_seller_whatever_the_quantity()
    {
        _db.Buy(_ben, "1", "1-1", 5, 1, _sue);
        Assert.Equal(
            new Vote
            {
                VoteId = Id("v1"),
                ItemId = "1-1",
                Up = true,
            },
            _db.Vote(_ben, "1-1", true, "v1").Vote
        );
        Assert.Equal(CustomersError.AlreadyRated, _db.Vote(_ben, "1-1", true, "v2").Error);
        _db.Buy(_ben, "2", "1-1", 1, 1, _sue);
        Assert.Equal(CustomersError.None, _db.Vote(_ben, "1-1", false, "v3").Error);
        Assert.Equal(CustomersError.AlreadyRated, _db.Vote(_ben, "1-1", true, "v4").Error);
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
        Assert.Equal(new CustomersReply(first) { Replayed = true }, _db.Vote(_ben, "1-1", true, "v"));
        Assert.Equal(before, _db.Everything());
    }

    [Fact]
    public void Another_vote_under_the_same_id_is_refused()
    {
        var eve = _db.LogIn("eve");
        _db.Buy(_ben, "1", "1-1", 1, 1, _sue);
        _db.Buy(_ben, "2", "1-2", 1, 1, _sue);
        _db.Buy(eve, "3", "1-1", 1, 1, _sue);
        _db.Vote(_ben, "1-1", true, "v");
        Assert.Equal(CustomersError.KeyReused, _db.Vote(_ben, "1-1", false, "v").Error);
        Assert.Equal(CustomersError.KeyReused, _db.Vote(_ben, "1-2", true, "v").Error);
        Assert.Equal(CustomersError.KeyReused, _db.Vote(eve, "1-1", true, "v").Error);
    }

    [Fact]
    public void Votes_are_listed_oldest_first_until_they_are_forwarded()
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
