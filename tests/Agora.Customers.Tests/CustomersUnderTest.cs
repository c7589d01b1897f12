using System.Security.Cryptography;
using Agora.Contracts.Customers;
using Agora.Testing;
using Google.Protobuf;
using Xunit;

namespace Agora.Customers.Tests;

/// <summary>
/// The customers state machine, with a short method for each command. It checks that a refused command changes nothing.
/// </summary>
public sealed class CustomersUnderTest() : DatabaseUnderTest(() => new CustomersStateMachine())
{
    internal CustomersTables Tables => field ??= new CustomersTables(Connection);

    public static Session Token(string token, Role role = Role.Buyer) =>
        new()
        {
            TokenHash = ByteString.CopyFrom(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(token))),
            Role = role,
        };

    public CustomersReply Do(CustomersCommand command)
    {
        var before = Everything();
        var uses = Rows("SELECT id, last_use FROM session");
        var reply = CustomersReply.Parser.ParseFrom(Apply(command.ToByteArray()));
        if (reply.Error != CustomersError.None)
        {
            // A refusal shows nothing, save how many of the units that are too many the cart holds.
            Assert.Equal(
                reply.Error == CustomersError.NotEnoughUnits
                    ? CustomersReply.KindOneofCase.Cart
                    : CustomersReply.KindOneofCase.None,
                reply.KindCase
            );
            var ended = Rows("SELECT id, last_use FROM session") != uses;
            Assert.True(
                ended || Everything() == before,
                $"{command} left a trace although it was refused with {reply.Error}"
            );
        }

        return reply;
    }

    /// <summary>
    /// The command is repeated, with the reply that was kept or none. It checks that the command is not carried out.
    /// </summary>
    public CustomersReply Repeat(CustomersCommand command, CustomersReply? kept)
    {
        var before = Everything();
        var uses = Rows("SELECT id, last_use FROM session");
        var reply = CustomersReply.Parser.ParseFrom(Repeat(command.ToByteArray(), kept?.ToByteArray()));
        var used = Rows("SELECT id, last_use FROM session") != uses;
        Assert.True(used || Everything() == before, $"{command} was carried out again");
        return reply;
    }

    /// <summary>Usernames are compared in lower case here; the servers have the full rule.</summary>
    public long Account(string username, Role role = Role.Buyer)
    {
        var reply = Do(NewAccount(username, role));
        Assert.Equal(CustomersError.None, reply.Error);
        return reply.AccountCreated.AccountId;
    }

    public static CustomersCommand NewAccount(string username, Role role = Role.Buyer) =>
        new()
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

    public CustomersReply Open(long account, string token, Role role = Role.Buyer) =>
        Do(
            new CustomersCommand
            {
                OpenSession = new()
                {
                    Role = role,
                    AccountId = account,
                    TokenHash = Token(token).TokenHash,
                },
            }
        );

    /// <summary>A new account and a session of it.</summary>
    public Session LogIn(string username, Role role = Role.Buyer, string? token = null)
    {
        Assert.Equal(CustomersError.None, Open(Account(username, role), token ?? username, role).Error);
        return Token(token ?? username, role);
    }

    /// <summary>A new session of an account.</summary>
    public Session LogInTo(long account, string token, Role role = Role.Buyer)
    {
        Assert.Equal(CustomersError.None, Open(account, token, role).Error);
        return Token(token, role);
    }

    public CustomersReply Close(Session session) =>
        Do(new CustomersCommand { CloseSession = new() { Session = session } });

    public CustomersReply Touch(Session session) =>
        Do(new CustomersCommand { TouchSession = new() { Session = session } });

    public CustomersReply Add(Session session, string item, int quantity, long available = 1_000_000) =>
        Do(
            new CustomersCommand
            {
                AddToCart = new()
                {
                    Session = session,
                    ItemId = item,
                    Quantity = quantity,
                    Available = available,
                },
            }
        );

    public CustomersReply Remove(Session session, string item, int? quantity = null)
    {
        var remove = new RemoveFromCart { Session = session, ItemId = item };
        if (quantity is { } units)
        {
            remove.Quantity = units;
        }

        return Do(new CustomersCommand { RemoveFromCart = remove });
    }

    public CustomersReply Save(Session session) => Do(new CustomersCommand { SaveCart = new() { Session = session } });

    public CustomersReply Clear(Session session) =>
        Do(new CustomersCommand { ClearCart = new() { Session = session } });

    public CheckoutReply Checkout(Session session, string purchase) =>
        Tables.Purchases.Checkout(Row(session), Id(purchase));

    /// <summary>The id of the session's present cart.</summary>
    public ByteString CartIdOf(Session session) => Checkout(session, "a purchase that is never made").CartId;

    public CustomersReply Complete(string purchase, ByteString cart, params PurchaseRecordLine[] lines) =>
        Do(
            new CustomersCommand
            {
                CompletePurchase = new()
                {
                    PurchaseId = Id(purchase),
                    CartId = cart,
                    Lines = { lines },
                },
            }
        );

    public CustomersReply Abandon(
        string purchase,
        ByteString cart,
        PurchaseState outcome = PurchaseState.Declined,
        string reason = "why"
    ) =>
        Do(
            new CustomersCommand
            {
                AbandonPurchase = new()
                {
                    PurchaseId = Id(purchase),
                    CartId = cart,
                    Outcome = outcome,
                    Reason = reason,
                },
            }
        );

    public CustomersReply Vote(Session session, string item, bool up, string vote) =>
        Do(
            new CustomersCommand
            {
                RecordVote = new()
                {
                    Session = session,
                    ItemId = item,
                    Up = up,
                    VoteId = Id(vote),
                },
            }
        );

    public void Forward(params string[] votes) =>
        Do(new CustomersCommand { MarkForwarded = new() { VoteIds = { votes.Select(Id) } } });

    /// <summary>Adds the item to the cart and buys it.</summary>
    public PurchaseRecord Buy(Session session, string purchase, string item, int quantity, long price, long seller)
    {
        Assert.Equal(CustomersError.None, Add(session, item, quantity).Error);
        return Complete(purchase, CartIdOf(session), Line(item, quantity, price, seller)).Purchase;
    }

    public static PurchaseRecordLine Line(string item, int quantity, long price = 0, long seller = 0) =>
        new()
        {
            ItemId = item,
            Quantity = quantity,
            UnitPriceCents = price,
            SellerId = seller,
        };

    /// <summary>The cart as "item x quantity" in its order.</summary>
    public string Cart(Session session) => Text(Tables.Carts.Read(Row(session).Id));

    public static string Text(CartReply cart) =>
        string.Join(", ", cart.Lines.Select(line => $"{line.ItemId} x {line.Quantity}"));

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
