using Agora.Contracts.Customers;
using CsCheck;
using Xunit;

namespace Agora.Customers.Tests;

public sealed class SessionsTests : IDisposable
{
    private const long Second = 1_000;
    private const long Limit = 330 * Second;

    private readonly CustomersUnderTest _db = new();

    public void Dispose() => _db.Dispose();

    [Fact]
    public void A_session_answers_with_its_account()
    {
        var account = _db.Account("ben");
        Assert.Equal(account, _db.Open(account, "token").Session.AccountId);
        Assert.Equal(account, _db.Touch(CustomersUnderTest.Token("token")).Session.AccountId);
    }

    [Theory]
    [InlineData(Role.Seller)]
    [InlineData(Role.Unspecified)]
    public void A_token_of_another_role_is_not_logged_in(Role role)
    {
        _db.LogIn("ben");
        Assert.Equal(CustomersError.NotLoggedIn, _db.Touch(CustomersUnderTest.Token("ben", role)).Error);
    }

    [Fact]
    public void An_unknown_token_is_not_logged_in_whatever_the_command()
    {
        var nobody = CustomersUnderTest.Token("nobody");
        CustomersReply[] replies =
        [
            _db.Touch(nobody),
            _db.Close(nobody),
            _db.Add(nobody, "1-1", 1),
            _db.Remove(nobody, "1-1"),
            _db.Save(nobody),
            _db.Clear(nobody),
            _db.Vote(nobody, "1-1", true, "v"),
        ];
        Assert.All(replies, reply => Assert.Equal(CustomersError.NotLoggedIn, reply.Error));
    }

    [Fact]
    public void A_session_needs_an_account_of_its_role()
    {
        var buyer = _db.Account("ben");
        Assert.Equal(CustomersError.NoSuchAccount, _db.Open(buyer, "t", Role.Seller).Error);
        Assert.Equal(CustomersError.NoSuchAccount, _db.Open(buyer + 1, "t").Error);
    }

    [Fact]
    public void An_account_has_many_sessions_and_closing_one_leaves_the_others()
    {
        var first = _db.LogIn("ben", token: "1");
        _db.Open(_db.Row(first).Account, "2");
        Assert.Equal(CustomersError.None, _db.Close(first).Error);
        Assert.Equal(CustomersError.NotLoggedIn, _db.Touch(first).Error);
        Assert.Equal(CustomersError.NotLoggedIn, _db.Close(first).Error);
        Assert.Equal(CustomersError.None, _db.Touch(CustomersUnderTest.Token("2")).Error);
    }

    [Fact]
    public void Opening_a_session_again_changes_nothing_and_another_accounts_token_opens_nothing()
    {
        var session = _db.LogIn("ben");
        _db.Add(session, "1-1", 2);
        var before = _db.Everything();
        Assert.Equal(_db.Row(session).Account, _db.Open(_db.Row(session).Account, "ben").Session.AccountId);
        Assert.Equal(before, _db.Everything());
        Assert.Equal(CustomersError.NotLoggedIn, _db.Open(_db.Account("eve"), "ben").Error);
    }

    [Theory]
    [InlineData(Limit, true)]
    [InlineData(Limit + 1, false)]
    public void A_session_ends_five_and_a_half_minutes_after_its_recorded_use(long age, bool alive)
    {
        var session = _db.LogIn("ben");
        _db.Time += age;
        Assert.Equal(alive ? CustomersError.None : CustomersError.NotLoggedIn, _db.Touch(session).Error);
        Assert.Equal(alive ? CustomersError.None : CustomersError.NotLoggedIn, _db.Touch(session).Error);
    }

    [Theory]
    [InlineData(30 * Second, false)]
    [InlineData(30 * Second + 1, true)]
    public void A_use_is_recorded_when_the_record_is_older_than_thirty_seconds(long age, bool recorded)
    {
        var session = _db.LogIn("ben");
        var opened = _db.Time;
        _db.Time += age;
        _db.Touch(session);
        Assert.Equal(recorded ? _db.Time : opened, _db.Row(session).LastUse);
    }

    [Fact]
    public void A_refused_command_is_a_use_too()
    {
        var session = _db.LogIn("ben");
        _db.Time += Limit;
        Assert.Equal(CustomersError.NotInCart, _db.Remove(session, "1-1").Error);
        _db.Time += Limit;
        Assert.Equal(CustomersError.None, _db.Touch(session).Error);
    }

    [Fact]
    public void A_command_on_an_expired_session_changes_nothing()
    {
        var session = _db.LogIn("ben");
        _db.Add(session, "1-1", 1);
        _db.Time += Limit + 1;
        var before = _db.Everything();
        Assert.Equal(CustomersError.NotLoggedIn, _db.Save(session).Error);
        Assert.Equal(CustomersError.NotLoggedIn, _db.Touch(session).Error);
        Assert.Equal(before, _db.Everything());
    }

    [Fact]
    public void A_query_trusts_a_record_up_to_thirty_seconds_old_or_ahead()
    {
        var row = new SessionRow(1, 1, 1_000_000);
        Assert.True(Sessions.IsFresh(row, 1_000_000 + 30_000));
        Assert.True(Sessions.IsFresh(row, 1_000_000 - 30_000));
        Assert.False(Sessions.IsFresh(row, 1_000_000 + 30_001));
        Assert.False(Sessions.IsFresh(row, 1_000_000 - 30_001));
    }

    [Fact]
    public void Logins_remove_long_expired_sessions_with_their_carts_some_at_a_time()
    {
        var account = _db.Account("ben");
        for (var i = 0; i < 50; i++)
        {
            _db.Open(account, $"old {i}");
            _db.Add(CustomersUnderTest.Token($"old {i}"), "1-1", 1);
        }

        _db.Time += Sessions.SweepAfter;
        _db.Open(account, "early");
        Assert.Equal(51, _db.Number("SELECT COUNT(*) FROM session"));
        _db.Close(CustomersUnderTest.Token("early"));
        _db.Time++;
        _db.Open(account, "new 0");
        Assert.Equal(31, _db.Number("SELECT COUNT(*) FROM session"));
        Assert.Equal(30, _db.Number("SELECT COUNT(*) FROM cart_line"));
        _db.Open(account, "new 1");
        _db.Open(account, "new 2");
        Assert.Equal(3, _db.Number("SELECT COUNT(*) FROM session"));
        Assert.Equal(0, _db.Number("SELECT COUNT(*) FROM cart_line"));
        Assert.Equal(CustomersError.None, _db.Touch(CustomersUnderTest.Token("new 0")).Error);
    }

    [Fact]
    public void A_session_lives_at_least_five_and_at_most_five_and_a_half_minutes_after_its_last_use()
    {
        var pause = Gen.OneOf(Gen.Long[0, 40 * Second], Gen.Long[280 * Second, 350 * Second]);
        pause
            .Array[1, 40]
            .Sample(
                pauses =>
                {
                    using var db = new CustomersUnderTest();
                    var session = db.LogIn("ben");
                    foreach (var idle in pauses)
                    {
                        db.Time += idle;
                        var alive = db.Touch(session).Error == CustomersError.None;
                        Assert.True(
                            alive ? idle <= 330 * Second : idle > 300 * Second,
                            $"alive: {alive} after {idle} ms"
                        );
                        if (!alive)
                        {
                            return;
                        }
                    }
                },
                iter: 300,
                threads: 1
            );
    }
}
