using Agora.Contracts.Customers;
using Agora.Customers;
using CsCheck;
using Xunit;

namespace Agora.Databases.Tests;

public sealed class AccountTests : IDisposable
{
    private readonly CustomersUnderTest _db = new();

    public void Dispose() => _db.Dispose();

    [Fact]
    public void Every_account_gets_an_id_of_its_own()
    {
        Assert.Equal(3, new[] { _db.Account("ann"), _db.Account("bob"), _db.Account("eve", Role.Seller) }.Distinct().Count());
    }

    [Fact]
    public void A_username_is_taken_once_for_each_role()
    {
        var seller = _db.Account("ann", Role.Seller);
        var buyer = _db.Account("ann", Role.Buyer);
        Assert.NotEqual(seller, buyer);
        Assert.Equal(Error.UsernameTaken, _db.Do(CustomersUnderTest.NewAccount("ann", Role.Seller)).Error);
        Assert.Equal(Error.UsernameTaken, _db.Do(CustomersUnderTest.NewAccount("ann")).Error);
        Assert.Equal("hash of ann", _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = Role.Buyer, UsernameKey = "ann" }).PasswordHash);
    }

    [Fact]
    public void A_username_is_taken_by_its_key_and_shown_as_it_was_written()
    {
        var ann = _db.LogIn("Ann");
        Assert.Equal(Error.UsernameTaken, _db.Do(CustomersUnderTest.NewAccount("aNN")).Error);
        Assert.Equal("Ann", _db.Rating(ann).Username);
        Assert.True(
            _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = Role.Buyer, UsernameKey = "ann" }).Found);
        Assert.False(
            _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = Role.Buyer, UsernameKey = "Ann" }).Found);
    }

    [Theory]
    [InlineData("zoë")]
    [InlineData("'; DROP TABLE account; --")]
    [InlineData("a\0b")]
    [InlineData("😀")]
    [InlineData("ANN")]
    public void Any_text_is_a_username_and_is_found_again(string username)
    {
        var id = _db.Account(username);
        var found = _db.Tables.Accounts.Credentials(
            new CredentialsQuery { Role = Role.Buyer, UsernameKey = username.ToLowerInvariant() });
        Assert.Equal(new CredentialsReply { Found = true, AccountId = id, PasswordHash = "hash of " + username }, found);
    }

    [Theory]
    [InlineData(Role.Buyer, "nobody")]
    [InlineData(Role.Seller, "ann")]
    public void Credentials_of_an_unknown_username_are_not_found(Role role, string username)
    {
        _db.Account("ann");
        Assert.Equal(new CredentialsReply(), _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = role, UsernameKey = username }));
    }

    [Fact]
    public void A_rating_is_that_of_the_session_or_of_a_seller()
    {
        var seller = _db.LogIn("sue", Role.Seller);
        var buyer = _db.LogIn("ben");
        var sellerId = _db.Row(seller).Account;
        _db.Buy(buyer, "p", "1-1", 3, 100, sellerId);
        _db.Vote(buyer, "1-1", up: true, "v");
        var ofSeller = new RatingReply { AccountId = sellerId, ThumbsUp = 1, Units = 3, Name = "Name of sue" };
        Assert.Equal(new RatingReply(ofSeller) { Username = "sue" }, _db.Rating(seller));
        Assert.Equal(ofSeller, _db.Rating(buyer, sellerId));
        Assert.Equal(ofSeller, _db.Tables.Accounts.Rating(session: null, new RatingQuery { SellerId = sellerId }));
        Assert.Equal(new RatingReply
        {
            AccountId = _db.Row(buyer).Account,
            Units = 3,
            Name = "Name of ben",
            Username = "ben",
        }, _db.Rating(buyer));
        Assert.Equal(Error.NoSuchSeller, _db.Rating(buyer, _db.Row(buyer).Account).Error);
        Assert.Equal(Error.NoSuchSeller, _db.Rating(buyer, 4711).Error);
    }
}

public sealed class SessionTests : IDisposable
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
        Assert.Equal(Error.NotLoggedIn, _db.Touch(CustomersUnderTest.Token("ben", role)).Error);
    }

    [Fact]
    public void An_unknown_token_is_not_logged_in_whatever_the_command()
    {
        var nobody = CustomersUnderTest.Token("nobody");
        Reply[] replies =
        [
            _db.Touch(nobody), _db.Close(nobody), _db.Add(nobody, "1-1", 1), _db.Remove(nobody, "1-1"), _db.Save(nobody), _db.Clear(nobody),
            _db.Vote(nobody, "1-1", true, "v"),
        ];
        Assert.All(replies, reply => Assert.Equal(Error.NotLoggedIn, reply.Error));
    }

    [Fact]
    public void A_session_needs_an_account_of_its_role()
    {
        var buyer = _db.Account("ben");
        Assert.Equal(Error.NoSuchAccount, _db.Open(buyer, "t", Role.Seller).Error);
        Assert.Equal(Error.NoSuchAccount, _db.Open(buyer + 1, "t").Error);
    }

    [Fact]
    public void An_account_has_many_sessions_and_closing_one_leaves_the_others()
    {
        var first = _db.LogIn("ben", token: "1");
        _db.Open(_db.Row(first).Account, "2");
        Assert.Equal(Error.None, _db.Close(first).Error);
        Assert.Equal(Error.NotLoggedIn, _db.Touch(first).Error);
        Assert.Equal(Error.NotLoggedIn, _db.Close(first).Error);
        Assert.Equal(Error.None, _db.Touch(CustomersUnderTest.Token("2")).Error);
    }

    [Fact]
    public void Opening_a_session_again_changes_nothing_and_another_accounts_token_opens_nothing()
    {
        var session = _db.LogIn("ben");
        _db.Add(session, "1-1", 2);
        var before = _db.Everything();
        Assert.Equal(_db.Row(session).Account, _db.Open(_db.Row(session).Account, "ben").Session.AccountId);
        Assert.Equal(before, _db.Everything());
        Assert.Equal(Error.NotLoggedIn, _db.Open(_db.Account("eve"), "ben").Error);
    }

    [Theory]
    [InlineData(Limit, true)]
    [InlineData(Limit + 1, false)]
    public void A_session_ends_five_and_a_half_minutes_after_its_recorded_use(long age, bool alive)
    {
        var session = _db.LogIn("ben");
        _db.Time += age;
        Assert.Equal(alive ? Error.None : Error.NotLoggedIn, _db.Touch(session).Error);
        Assert.Equal(alive ? 1 : 0, _db.Number("SELECT COUNT(*) FROM session"));
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
        Assert.Equal(Error.NotInCart, _db.Remove(session, "1-1").Error);
        _db.Time += Limit;
        Assert.Equal(Error.None, _db.Touch(session).Error);
    }

    [Fact]
    public void A_command_on_an_expired_session_ends_it_with_its_cart_and_has_no_other_effect()
    {
        var session = _db.LogIn("ben");
        _db.Add(session, "1-1", 1);
        _db.Time += Limit + 1;
        Assert.Equal(Error.NotLoggedIn, _db.Save(session).Error);
        Assert.Equal("", _db.Rows("SELECT * FROM cart_line"));
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
    public void Logins_sweep_expired_sessions_away_with_their_carts_some_at_a_time()
    {
        var account = _db.Account("ben");
        for (var i = 0; i < 50; i++)
        {
            _db.Open(account, $"old {i}");
            _db.Add(CustomersUnderTest.Token($"old {i}"), "1-1", 1);
        }

        _db.Time += Limit + 1;
        _db.Open(account, "new 0");
        Assert.Equal(31, _db.Number("SELECT COUNT(*) FROM session"));
        Assert.Equal(30, _db.Number("SELECT COUNT(*) FROM cart_line"));
        _db.Open(account, "new 1");
        _db.Open(account, "new 2");
        Assert.Equal(3, _db.Number("SELECT COUNT(*) FROM session"));
        Assert.Equal(0, _db.Number("SELECT COUNT(*) FROM cart_line"));
        Assert.Equal(Error.None, _db.Touch(CustomersUnderTest.Token("new 0")).Error);
    }

    [Fact]
    public void A_session_lives_at_least_five_and_at_most_five_and_a_half_minutes_after_its_last_use()
    {
        var pause = Gen.OneOf(Gen.Long[0, 40 * Second], Gen.Long[280 * Second, 350 * Second]);
        pause.Array[1, 40].Sample(pauses =>
        {
            using var db = new CustomersUnderTest();
            var session = db.LogIn("ben");
            foreach (var idle in pauses)
            {
                db.Time += idle;
                var alive = db.Touch(session).Error == Error.None;
                Assert.True(alive ? idle <= 330 * Second : idle > 300 * Second, $"alive: {alive} after {idle} ms");
                if (!alive)
                {
                    return;
                }
            }
        }, iter: 300, threads: 1);
    }
}
