using Agora.Contracts.Customers;
using Xunit;

namespace Agora.Customers.Tests;

public sealed class AccountsTests : IDisposable
{
    private readonly CustomersUnderTest _db = new();

    public void Dispose() => _db.Dispose();

    [Fact]
    public void Every_account_gets_an_id_of_its_own()
    {
        Assert.Equal(
            3,
            new[] { _db.Account("ann"), _db.Account("bob"), _db.Account("eve", Role.Seller) }.Distinct().Count()
        );
    }

    [Fact]
    public void A_username_is_taken_once_for_each_role()
    {
        var seller = _db.Account("ann", Role.Seller);
        var buyer = _db.Account("ann", Role.Buyer);
        Assert.NotEqual(seller, buyer);
        Assert.Equal(CustomersError.UsernameTaken, _db.Do(CustomersUnderTest.NewAccount("ann", Role.Seller)).Error);
        Assert.Equal(CustomersError.UsernameTaken, _db.Do(CustomersUnderTest.NewAccount("ann")).Error);
        Assert.Equal(
            "hash of ann",
            _db.Tables.Accounts.Credentials(
                new CredentialsQuery { Role = Role.Buyer, UsernameKey = "ann" }
            ).PasswordHash
        );
    }

    [Fact]
    public void A_username_is_taken_by_its_key_and_shown_as_it_was_written()
    {
        var ann = _db.LogIn("Ann");
        Assert.Equal(CustomersError.UsernameTaken, _db.Do(CustomersUnderTest.NewAccount("aNN")).Error);
        Assert.Equal("Ann", _db.Rating(ann).Username);
        Assert.True(
            _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = Role.Buyer, UsernameKey = "ann" }).Found
        );
        Assert.False(
            _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = Role.Buyer, UsernameKey = "Ann" }).Found
        );
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
            new CredentialsQuery { Role = Role.Buyer, UsernameKey = username.ToLowerInvariant() }
        );
        Assert.Equal(
            new CredentialsReply
            {
                Found = true,
                AccountId = id,
                PasswordHash = "hash of " + username,
            },
            found
        );
    }

    [Theory]
    [InlineData(Role.Buyer, "nobody")]
    [InlineData(Role.Seller, "ann")]
    public void Credentials_of_an_unknown_username_are_not_found(Role role, string username)
    {
        _db.Account("ann");
        Assert.Equal(
            new CredentialsReply(),
            _db.Tables.Accounts.Credentials(new CredentialsQuery { Role = role, UsernameKey = username })
        );
    }

    [Fact]
    public void A_rating_is_that_of_the_session_or_of_a_seller()
    {
        var seller = _db.LogIn("sue", Role.Seller);
        var buyer = _db.LogIn("ben");
        var sellerId = _db.Row(seller).Account;
        _db.Buy(buyer, "p", "1-1", 3, 100, sellerId);
        _db.Vote(buyer, "1-1", up: true, "v");
        var ofSeller = new RatingReply
        {
            AccountId = sellerId,
            ThumbsUp = 1,
            Units = 3,
            Name = "Name of sue",
        };
        Assert.Equal(new RatingReply(ofSeller) { Username = "sue" }, _db.Rating(seller));
        Assert.Equal(ofSeller, _db.Rating(buyer, sellerId));
        Assert.Equal(ofSeller, _db.Tables.Accounts.Rating(session: null, new RatingQuery { SellerId = sellerId }));
        Assert.Equal(
            new RatingReply
            {
                AccountId = _db.Row(buyer).Account,
                Units = 3,
                Name = "Name of ben",
                Username = "ben",
            },
            _db.Rating(buyer)
        );
        Assert.Equal(CustomersError.NoSuchSeller, _db.Rating(buyer, _db.Row(buyer).Account).Error);
        Assert.Equal(CustomersError.NoSuchSeller, _db.Rating(buyer, 4711).Error);
    }
}
