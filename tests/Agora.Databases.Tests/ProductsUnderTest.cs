using System.Security.Cryptography;
using Agora.Contracts.Products;
using Agora.Products;
using Google.Protobuf;
using Xunit;

namespace Agora.Databases.Tests;

/// <summary>The products state machine, with short words for its commands. Every refusal is checked to leave no trace.</summary>
public sealed class ProductsUnderTest() : DatabaseUnderTest(() => new ProductsStateMachine())
{
    internal ProductsTables Tables => field ??= new ProductsTables(Connection);

    public static ByteString Id(string name) => ByteString.CopyFrom(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)), 0, 16);

    /// <summary>Off where a test sets up many items: the check reads everything.</summary>
    public bool CheckRefusals { get; set; } = true;

    public Reply Do(Command command)
    {
        var before = CheckRefusals ? Everything() : "";
        var reply = Reply.Parser.ParseFrom(Apply(command.ToByteArray()));
        if (reply.Error != Error.None)
        {
            Assert.True(reply.KindCase == Reply.KindOneofCase.None
                || (command.WithdrawUnits is not null && reply.Error == Error.NotEnoughUnits));
            Assert.True(!CheckRefusals || IsKept(reply) || Everything() == before, $"{command} left a trace although it was refused with {reply.Error}");
        }

        return reply;

        // Why a purchase got no units is kept, and nothing else.
        bool IsKept(Reply refused) => command.Reserve is not null
            && refused.Error is Error.NotEnoughUnits or Error.NoSuchItem or Error.PriceChanged;
    }

    /// <summary>
    /// The command comes again, with the reply that was kept or none. It is checked that it is not carried out.
    /// </summary>
    public Reply Repeat(Command command, Reply? kept)
    {
        var before = Everything();
        var reply = Reply.Parser.ParseFrom(Repeat(command.ToByteArray(), kept?.ToByteArray()));
        Assert.Equal(before, Everything());
        return reply;
    }

    /// <summary>Keywords are compared in lower case here: it is the servers that know how.</summary>
    public Item Register(int category = 1, int quantity = 10, long price = 100, long seller = 1, params string[] keywords) =>
        Do(new Command
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
        }).Item;

    public Reply ChangePrice(string item, long seller, long price, params long[] versions) =>
        Do(new Command
        {
            ChangePrice = new()
            {
                ItemId = item,
                SellerId = seller,
                PriceCents = price,
                IfVersion = { versions },
            },
        });

    public Reply Withdraw(string item, long seller, int quantity, params long[] versions) =>
        Do(new Command
        {
            WithdrawUnits = new()
            {
                ItemId = item,
                SellerId = seller,
                Quantity = quantity,
                IfVersion = { versions },
            },
        });

    public Reply AddUnits(string item, long seller, int quantity, params long[] versions) =>
        Do(new Command
        {
            AddUnits = new()
            {
                ItemId = item,
                SellerId = seller,
                Quantity = quantity,
                IfVersion = { versions },
            },
        });

    /// <summary>A purchase of a cart of its own.</summary>
    public Reply Reserve(string purchase, params (string Item, int Quantity)[] lines) => ReserveCart("of " + purchase, purchase, lines);

    public Reply ReserveCart(string cart, string purchase, params (string Item, int Quantity)[] lines) =>
        Do(new Command { Reserve = AReserve(cart, purchase, lines) });

    /// <summary>A purchase that is to cost so much.</summary>
    public Reply ReserveFor(long expected, string purchase, params (string Item, int Quantity)[] lines)
    {
        var reserve = AReserve("of " + purchase, purchase, lines);
        reserve.ExpectedTotalCents = expected;
        return Do(new Command { Reserve = reserve });
    }

    public static Reserve AReserve(string cart, string purchase, params (string Item, int Quantity)[] lines) => new()
    {
        PurchaseId = Id(purchase),
        CartId = Id(cart),
        Lines = { lines.Select(line => new ReservationLine { ItemId = line.Item, Quantity = line.Quantity }) },
    };

    /// <summary>The ids of those that could not be confirmed.</summary>
    public IEnumerable<ByteString> Confirm(params string[] purchases) =>
        Do(new Command { Confirm = new() { PurchaseIds = { purchases.Select(Id) } } }).Confirmed.RefusedIds;

    public Reply Release(string purchase) => Do(new Command { Release = new() { PurchaseId = Id(purchase) } });

    public Reply Vote(string vote, string item, bool up) => Do(new Command { AddFeedback = new() { VoteId = Id(vote), ItemId = item, Up = up } });

    public Item? Get(string item) => Tables.Items.Find(item, out _);

    /// <summary>"on sale / reserved / sold / withdrawn" of an item.</summary>
    public string Books(string item) => Rows(
        $"SELECT quantity || ' / ' || reserved || ' / ' || sold || ' / ' || withdrawn FROM item WHERE number = {item.Split('-')[1]}").TrimEnd('\n', '|');

    public ItemsReply Search(int category, string[] keywords, int limit = 200, string cursor = "",
        int? smallTier = null, int maxLaterVotes = 20_000)
    {
        var search = new Search(Connection, Tables.Items, smallTier ?? 500, maxLaterVotes);
        return search.Run(
            new SearchQuery { Category = category, Keywords = { keywords.Select(Fold) }, Cursor = cursor }, limit);
    }

    private static string Fold(string keyword) => keyword.ToLowerInvariant();
}
