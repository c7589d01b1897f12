using System.Security.Cryptography;
using Agora.Contracts.Customers;
using Agora.Customers;
using Google.Protobuf;
using Xunit;

namespace Agora.Databases.Tests;

/// <summary>The customers state machine, with short words for its commands. Every refusal is checked to leave no trace.</summary>
public sealed class CustomersUnderTest() : DatabaseUnderTest(() => new CustomersStateMachine())
{
    internal CustomersTables Tables => field ??= new CustomersTables(Connection);

    public static ByteString Id(string name) => ByteString.CopyFrom(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)), 0, 16);

    public static Session Token(string token, Role role = Role.Buyer) =>
        new() { TokenHash = ByteString.CopyFrom(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(token))), Role = role };

    public Reply Do(Command command)
    {
        var before = Everything();
        var uses = Rows("SELECT id, last_use FROM session");
        var reply = Reply.Parser.ParseFrom(Apply(command.ToByteArray()));
        if (reply.Error != Error.None)
        {
            Assert.Equal(Reply.KindOneofCase.None, reply.KindCase);
            var ended = Rows("SELECT id, last_use FROM session") != uses;
            Assert.True(ended || Everything() == before, $"{command} left a trace although it was refused with {reply.Error}");
        }

        return reply;
    }

    /// <summary>
    /// The command comes again, with the reply that was kept or none. It is checked that it is not carried out.
    /// </summary>
    public Reply Repeat(Command command, Reply? kept)
    {
        var before = Everything();
        var uses = Rows("SELECT id, last_use FROM session");
        var reply = Reply.Parser.ParseFrom(Repeat(command.ToByteArray(), kept?.ToByteArray()));
        var used = Rows("SELECT id, last_use FROM session") != uses;
        Assert.True(used || Everything() == before, $"{command} was carried out again");
        return reply;
    }

    /// <summary>Usernames are compared in lower case here: it is the servers that know how.</summary>
    public long Account(string username, Role role = Role.Buyer)
    {
        var reply = Do(NewAccount(username, role));
        Assert.Equal(Error.None, reply.Error);
        return reply.AccountCreated.AccountId;
    }

    public static Command NewAccount(string username, Role role = Role.Buyer) => new()
    {
        CreateAccount = new()
        {
            Role = role,
            Name = "Name of " + username,
            Username = username,
            UsernameKey = username.ToLowerInvariant(),
            PasswordHash = "hash of " + username,
        },
    };

    public Reply Open(long account, string token, Role role = Role.Buyer) =>
        Do(new Command { OpenSession = new() { Role = role, AccountId = account, TokenHash = Token(token).TokenHash } });

    /// <summary>A new account and a session of it.</summary>
    public Session LogIn(string username, Role role = Role.Buyer, string? token = null)
    {
        Assert.Equal(Error.None, Open(Account(username, role), token ?? username, role).Error);
        return Token(token ?? username, role);
    }

    /// <summary>A new session of an account.</summary>
    public Session LogInTo(long account, string token, Role role = Role.Buyer)
    {
        Assert.Equal(Error.None, Open(account, token, role).Error);
        return Token(token, role);
    }

    public Reply Close(Session session) => Do(new Command { CloseSession = new() { Session = session } });

    public Reply Touch(Session session) => Do(new Command { TouchSession = new() { Session = session } });

    public Reply Add(Session session, string item, int quantity, long available = 1_000_000) =>
        Do(new Command { AddToCart = new() { Session = session, ItemId = item, Quantity = quantity, Available = available } });

    public Reply Remove(Session session, string item, int? quantity = null)
    {
        var remove = new RemoveFromCart { Session = session, ItemId = item };
        if (quantity is { } units)
        {
            remove.Quantity = units;
        }

        return Do(new Command { RemoveFromCart = remove });
    }

    public Reply Save(Session session) => Do(new Command { SaveCart = new() { Session = session } });

    public Reply Clear(Session session) => Do(new Command { ClearCart = new() { Session = session } });

    public CheckoutReply Checkout(Session session, string purchase) => Tables.Purchases.Checkout(Row(session), Id(purchase));

    /// <summary>The name of what is now in the session's cart.</summary>
    public ByteString CartIdOf(Session session) => Checkout(session, "one that nobody makes").CartId;

    public Reply Complete(string purchase, ByteString cart, params PurchaseLine[] lines) =>
        Do(new Command { CompletePurchase = new() { PurchaseId = Id(purchase), CartId = cart, Lines = { lines } } });

    public Reply Abandon(string purchase, ByteString cart, PurchaseState outcome = PurchaseState.Declined, string reason = "why") =>
        Do(new Command { AbandonPurchase = new() { PurchaseId = Id(purchase), CartId = cart, Outcome = outcome, Reason = reason } });

    public Reply Vote(Session session, string item, bool up, string vote) =>
        Do(new Command { RecordVote = new() { Session = session, ItemId = item, Up = up, VoteId = Id(vote) } });

    public void Forward(params string[] votes) => Do(new Command { MarkForwarded = new() { VoteIds = { votes.Select(Id) } } });

    /// <summary>Puts the item into the cart and buys the cart's one line.</summary>
    public Purchase Buy(Session session, string purchase, string item, int quantity, long price, long seller)
    {
        Assert.Equal(Error.None, Add(session, item, quantity).Error);
        return Complete(purchase, CartIdOf(session), Line(item, quantity, price, seller)).Purchase;
    }

    public static PurchaseLine Line(string item, int quantity, long price = 0, long seller = 0) =>
        new() { ItemId = item, Quantity = quantity, UnitPriceCents = price, SellerId = seller };

    /// <summary>The cart as "item x quantity" in its order.</summary>
    public string Cart(Session session) => Text(Tables.Carts.Read(Row(session).Id));

    public static string Text(CartReply cart) => string.Join(", ", cart.Lines.Select(line => $"{line.ItemId} x {line.Quantity}"));

    internal SessionRow Row(Session session) => Tables.Sessions.Find(session)!.Value;

    public RatingReply Rating(Session session, long? seller = null)
    {
        var query = new RatingQuery { Session = session };
        if (seller is { } id)
        {
            query.SellerId = id;
        }

        return Tables.Accounts.Rating(Row(session), query);
    }
}
