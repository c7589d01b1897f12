using Agora.Contracts.Products;
using Agora.Testing;
using Google.Protobuf;
using Xunit;

namespace Agora.Products.Tests;

/// <summary>
/// The products state machine, with a short method for each command. It checks that a refused command changes nothing.
/// </summary>
public sealed class ProductsUnderTest() : DatabaseUnderTest(() => new ProductsStateMachine())
{
    internal ProductsTables Tables => field ??= new ProductsTables(Connection);

    /// <summary>Off where a test sets up many items, because the check reads all tables.</summary>
    public bool CheckRefusals { get; set; } = true;

    public ProductsReply Do(ProductsCommand command)
    {
        var before = CheckRefusals ? Everything() : "";
        var reply = ProductsReply.Parser.ParseFrom(Apply(command.ToByteArray()));
        if (reply.Error != ProductsError.None)
        {
            Assert.True(
                reply.KindCase == ProductsReply.KindOneofCase.None
                    || (command.WithdrawUnits is not null && reply.Error == ProductsError.NotEnoughUnits)
            );
            Assert.True(
                !CheckRefusals || IsKept(reply) || Everything() == before,
                $"{command} left a trace although it was refused with {reply.Error}"
            );
        }

        return reply;

        // The reason why a purchase got no units is kept, and nothing else.
        bool IsKept(ProductsReply refused) =>
            command.Reserve is not null
            && refused.Error is ProductsError.NotEnoughUnits or ProductsError.NoSuchItem or ProductsError.PriceChanged;
    }

    /// <summary>
    /// The command is repeated, with the reply that was kept or none. It checks that the command is not carried out.
    /// </summary>
    public ProductsReply Repeat(ProductsCommand command, ProductsReply? kept)
    {
        var before = Everything();
        var reply = ProductsReply.Parser.ParseFrom(Repeat(command.ToByteArray(), kept?.ToByteArray()));
        Assert.Equal(before, Everything());
        return reply;
    }

    /// <summary>Keywords are compared in lower case here; the servers have the full rule.</summary>
    public ItemRecord Register(
        int category = 1,
        int quantity = 10,
        long price = 100,
        long seller = 1,
        params string[] keywords
    ) =>
        Do(
            new ProductsCommand
            {
                RegisterItem = new()
                {
                    SellerId = seller,
                    Name = "thing",
                    Category = category,
                    Keywords = { keywords },
                    SearchKeywords = { keywords.Select(Fold).Distinct() },
                    Condition = Condition.Used,
                    PriceCents = price,
                    Quantity = quantity,
                },
            }
        ).Item;

    public ProductsReply ChangePrice(string item, long seller, long price, params long[] versions) =>
        Do(
            new ProductsCommand
            {
                ChangePrice = new()
                {
                    ItemId = item,
                    SellerId = seller,
                    PriceCents = price,
                    IfVersion = { versions },
                },
            }
        );

    public ProductsReply Withdraw(string item, long seller, int quantity, params long[] versions) =>
        Do(
            new ProductsCommand
            {
                WithdrawUnits = new()
                {
                    ItemId = item,
                    SellerId = seller,
                    Quantity = quantity,
                    IfVersion = { versions },
                },
            }
        );

    public ProductsReply AddUnits(string item, long seller, int quantity, params long[] versions) =>
        Do(
            new ProductsCommand
            {
                AddUnits = new()
                {
                    ItemId = item,
                    SellerId = seller,
                    Quantity = quantity,
                    IfVersion = { versions },
                },
            }
        );

    /// <summary>A reservation for a purchase with a cart of its own.</summary>
    public ProductsReply Reserve(string purchase, params (string Item, int Quantity)[] lines) =>
        ReserveCart("of " + purchase, purchase, lines);

    public ProductsReply ReserveCart(string cart, string purchase, params (string Item, int Quantity)[] lines) =>
        Do(new ProductsCommand { Reserve = AReserve(cart, purchase, lines) });

    /// <summary>A reservation for a purchase whose buyer expects this total.</summary>
    public ProductsReply ReserveFor(long expected, string purchase, params (string Item, int Quantity)[] lines)
    {
        var reserve = AReserve("of " + purchase, purchase, lines);
        reserve.ExpectedTotalCents = expected;
        return Do(new ProductsCommand { Reserve = reserve });
    }

    public static Reserve AReserve(string cart, string purchase, params (string Item, int Quantity)[] lines) =>
        new()
        {
            PurchaseId = Id(purchase),
            CartId = Id(cart),
            Lines = { lines.Select(line => new ReservationLine { ItemId = line.Item, Quantity = line.Quantity }) },
        };

    /// <summary>The ids of the purchases that could not be confirmed.</summary>
    public IEnumerable<ByteString> Confirm(params string[] purchases) =>
        Do(new ProductsCommand { Confirm = new() { PurchaseIds = { purchases.Select(Id) } } }).Confirmed.RefusedIds;

    public ProductsReply Release(string purchase) =>
        Do(new ProductsCommand { Release = new() { PurchaseId = Id(purchase) } });

    public ProductsReply Vote(string vote, string item, bool up) =>
        Do(
            new ProductsCommand
            {
                AddFeedback = new()
                {
                    VoteId = Id(vote),
                    ItemId = item,
                    Up = up,
                },
            }
        );

    public ItemRecord? Get(string item) => Tables.Items.Find(item, out _);

    /// <summary>"on sale / reserved / sold / withdrawn" of an item.</summary>
    public string Books(string item) =>
        Rows(
                $"""
                SELECT quantity || ' / ' || reserved || ' / ' || sold || ' / ' || withdrawn
                FROM item WHERE number = {item.Split('-')[1]}
                """
            )
            .TrimEnd('\n', '|');

    public ItemsReply Search(
        int category,
        string[] keywords,
        int limit = 200,
        string cursor = "",
        int? smallTier = null,
        int maxLaterVotes = 20_000
    )
    {
        var search = new Search(Connection, Tables.Items, smallTier ?? 500, maxLaterVotes);
        return search.Run(
            new SearchQuery
            {
                Category = category,
                Keywords = { keywords.Select(Fold) },
                Cursor = cursor,
            },
            limit
        );
    }

    private static string Fold(string keyword) => keyword.ToLowerInvariant();
}
