using Agora.Contracts.Customers;
using Xunit;
using static Agora.Customers.Tests.CustomersUnderTest;
using static Agora.Testing.DatabaseUnderTest;

namespace Agora.Customers.Tests;

/// <summary>The replies to a repeated command, and to another command under its request id.</summary>
public sealed class CustomersRepeatTests : IDisposable
{
    private const long SessionEnds = 330_001;

    private readonly CustomersUnderTest _db = new();
    private readonly Session _ben;

    public CustomersRepeatTests() => _ben = _db.LogIn("ben");

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_repeat_is_answered_as_the_first_was_and_says_that_it_is_one()
    {
        var add = Add("1-1", 2, fingerprint: 7);
        var first = _db.Do(add);
        Assert.Equal((7u, false), (first.Fingerprint, first.Replayed));
        _db.Add(_ben, "1-2", 1);
        Assert.Equal(new CustomersReply(first) { Replayed = true }, _db.Repeat(add, first));
    }

    [Fact]
    public void A_refusal_is_repeated_too()
    {
        var add = Add("1-1", 2, fingerprint: 7, available: 1);
        var first = _db.Do(add);
        Assert.True(_db.Kept);
        Assert.Equal((CustomersError.NotEnoughUnits, 7u, false), (first.Error, first.Fingerprint, first.Replayed));
        Assert.Equal(new CustomersReply(first) { Replayed = true }, _db.Repeat(add, first));
    }

    [Fact]
    public void Another_request_under_the_same_id_is_refused()
    {
        var first = _db.Do(Add("1-1", 2, fingerprint: 7));
        Assert.Equal(
            new CustomersReply { Error = CustomersError.KeyReused, Fingerprint = 8 },
            _db.Repeat(Add("1-1", 3, fingerprint: 8), first)
        );
        Assert.Equal("1-1 x 2", _db.Cart(_ben));
    }

    [Fact]
    public void A_repeat_whose_reply_has_expired_is_refused() =>
        Assert.Equal(
            new CustomersReply { Error = CustomersError.KeyExpired, Fingerprint = 7 },
            _db.Repeat(Add("1-1", 2, fingerprint: 7), null)
        );

    [Fact]
    public void A_repeat_needs_a_live_session_before_all_else()
    {
        var add = Add("1-1", 2, fingerprint: 7);
        var first = _db.Do(add);
        _db.Close(_ben);
        var refused = new CustomersReply { Error = CustomersError.NotLoggedIn, Fingerprint = 7 };
        Assert.Equal(refused, _db.Repeat(add, first));
        Assert.Equal(refused, _db.Repeat(add, null));
        Assert.Equal(CustomersError.NotLoggedIn, _db.Repeat(Add("1-1", 3, fingerprint: 8), first).Error);
        var forged = new CustomersCommand(add);
        forged.AddToCart.Session = Token("forged");
        Assert.Equal(refused, _db.Repeat(forged, first));
    }

    [Fact]
    public void A_repeat_is_a_use_of_its_session_and_refused_once_that_has_expired()
    {
        var add = Add("1-1", 2, fingerprint: 7);
        var first = _db.Do(add);
        _db.Time += SessionEnds - 1;
        Assert.Equal(CustomersError.None, _db.Repeat(add, first).Error);
        Assert.Equal(_db.Time, _db.Row(_ben).LastUse);
        _db.Time += SessionEnds;
        var before = _db.Everything();
        Assert.Equal(CustomersError.NotLoggedIn, _db.Repeat(add, first).Error);
        Assert.Equal(before, _db.Everything());
    }

    [Fact]
    public void A_later_session_of_the_account_gets_the_same_answer()
    {
        var first = _db.Do(Add("1-1", 2, fingerprint: 7));
        var again = Add("1-1", 2, fingerprint: 7);
        again.AddToCart.Session = _db.LogInTo(_db.Row(_ben).Account, "later");
        Assert.Equal(new CustomersReply(first) { Replayed = true }, _db.Repeat(again, first));
        Assert.Equal("", _db.Cart(Token("later")));
    }

    [Fact]
    public void A_caller_who_is_not_logged_in_uses_no_request_id_up()
    {
        var forged = Add("1-1", 2, fingerprint: 7);
        forged.AddToCart.Session = Token("forged");
        Assert.Equal(CustomersError.NotLoggedIn, _db.Do(forged).Error);
        Assert.False(_db.Kept);
        _db.Do(Add("1-1", 2, fingerprint: 7));
        Assert.True(_db.Kept);
    }

    [Fact]
    public void A_logout_that_was_carried_out_is_answered_as_it_was()
    {
        var close = new CustomersCommand
        {
            CloseSession = new() { Session = _ben },
            Fingerprint = 7,
        };
        var first = _db.Do(close);
        Assert.Equal(CustomersError.None, first.Error);
        Assert.Equal(new CustomersReply(first) { Replayed = true }, _db.Repeat(close, first));
        Assert.Equal(CustomersError.KeyExpired, _db.Repeat(close, null).Error);
        Assert.Equal(
            CustomersError.KeyReused,
            _db.Repeat(new CustomersCommand(close) { Fingerprint = 8 }, first).Error
        );
    }

    [Fact]
    public void A_logout_under_the_key_of_an_earlier_logout_does_not_claim_to_have_ended_this_session()
    {
        var later = _db.LogInTo(_db.Row(_ben).Account, "later");
        var first = _db.Do(
            new CustomersCommand
            {
                CloseSession = new() { Session = _ben },
                Fingerprint = 7,
            }
        );
        Assert.Equal(
            CustomersError.KeyReused,
            _db.Repeat(
                new CustomersCommand
                {
                    CloseSession = new() { Session = later },
                    Fingerprint = 7,
                },
                first
            ).Error
        );
        Assert.Equal(CustomersError.None, _db.Touch(later).Error);
    }

    [Fact]
    public void A_repeated_account_creation_gets_the_same_reply_and_needs_no_session()
    {
        var create = NewAccount("eve");
        create.Fingerprint = 7;
        var first = _db.Do(create);
        Assert.Equal(new CustomersReply(first) { Replayed = true }, _db.Repeat(create, first));
        Assert.Equal(
            CustomersError.KeyReused,
            _db.Repeat(new CustomersCommand(create) { Fingerprint = 8 }, first).Error
        );
        Assert.Equal(CustomersError.KeyExpired, _db.Repeat(create, null).Error);
    }

    [Fact]
    public void A_vote_is_known_for_ever_even_after_its_reply_has_expired()
    {
        var sue = _db.Account("sue", Role.Seller);
        _db.Buy(_ben, "1", "1-1", 1, 1, sue);
        _db.Buy(_ben, "2", "1-1", 1, 1, sue);
        var up = Vote("v", up: true, fingerprint: 7);
        var down = Vote("v", up: false, fingerprint: 8);
        var first = _db.Do(up);
        var again = new CustomersReply(first) { Replayed = true };
        var refused = new CustomersReply { Error = CustomersError.KeyReused, Fingerprint = 8 };
        Assert.Equal(again, _db.Repeat(up, first));
        Assert.Equal(again, _db.Repeat(up, null));
        Assert.Equal(again, _db.Do(up));
        Assert.Equal(refused, _db.Repeat(down, first));
        Assert.Equal(refused, _db.Repeat(down, null));
        Assert.Equal(refused, _db.Do(down));
        Assert.False(_db.Kept);
        Assert.Equal(1, _db.Rating(_ben, sue).ThumbsUp);

        // A refused vote is not known.
        Assert.Equal(CustomersError.KeyExpired, _db.Repeat(Vote("w", up: true, fingerprint: 7), null).Error);
    }

    [Fact]
    public void A_decided_purchase_is_known_for_ever_and_a_command_that_came_too_late_decides_none()
    {
        var sue = _db.Account("sue", Role.Seller);
        _db.Add(_ben, "1-1", 1);
        var cart = _db.CartIdOf(_ben);
        var complete = new CustomersCommand
        {
            CompletePurchase = new()
            {
                PurchaseId = Id("p"),
                CartId = cart,
                Lines = { Line("1-1", 1, 10, sue) },
            },
        };
        var abandon = new CustomersCommand
        {
            AbandonPurchase = new()
            {
                PurchaseId = Id("p"),
                CartId = cart,
                Outcome = PurchaseState.Declined,
            },
        };
        Assert.Equal(CustomersError.KeyExpired, _db.Repeat(complete, null).Error);
        Assert.Equal(CustomersError.KeyExpired, _db.Repeat(abandon, null).Error);
        Assert.Null(_db.Tables.Purchases.Find(Id("p")));
        var bought = _db.Do(complete);
        var again = new CustomersReply(bought) { Replayed = true };
        Assert.Equal(again, _db.Repeat(complete, bought));
        Assert.Equal(again, _db.Repeat(complete, null));
        Assert.Equal(again, _db.Repeat(abandon, null));
    }

    private CustomersCommand Add(string item, int quantity, ulong fingerprint, long available = 10) =>
        new()
        {
            AddToCart = new()
            {
                Session = _ben,
                ItemId = item,
                Quantity = quantity,
                Available = available,
            },
            Fingerprint = fingerprint,
        };

    private CustomersCommand Vote(string vote, bool up, ulong fingerprint) =>
        new()
        {
            RecordVote = new()
            {
                Session = _ben,
                ItemId = "1-1",
                Up = up,
                VoteId = Id(vote),
            },
            Fingerprint = fingerprint,
        };
}
