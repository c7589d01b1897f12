using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Rest;

namespace Agora.Servers;

/// <summary>Maps the databases' messages to the REST records.</summary>
internal static class Mapping
{
    public static Item ToItem(this ItemRecord item) =>
        new()
        {
            Id = item.ItemId,
            Name = item.Name,
            Category = item.Category,
            Keywords = [.. item.Keywords],
            Condition = item.Condition == Condition.Used ? ItemCondition.Used : ItemCondition.New,
            Price = ToMoney(item.PriceCents),
            Quantity = item.Quantity,
            SellerId = item.SellerId,
            Feedback = new() { ThumbsUp = item.ThumbsUp, ThumbsDown = item.ThumbsDown },
        };

    public static ItemPage ToPage(this ItemsReply reply) =>
        new() { Items = [.. reply.Items.Select(ToItem)], NextCursor = ToCursor(reply.NextCursor) };

    /// <param name="reply">The cart's lines.</param>
    /// <param name="items">The cart's items, as they are now. An item that is missing here is not on sale.</param>
    public static Cart ToCart(this CartReply reply, IReadOnlyDictionary<string, ItemRecord> items)
    {
        var total = 0m;
        var lines = new CartLine[reply.Lines.Count];
        for (var i = 0; i < lines.Length; i++)
        {
            var line = reply.Lines[i];
            var item = items.GetValueOrDefault(line.ItemId);
            lines[i] = new()
            {
                ItemId = line.ItemId,
                Quantity = line.Quantity,
                Name = item?.Name ?? "",
                UnitPrice = ToMoney(item?.PriceCents ?? 0),
                Available = item?.Quantity ?? 0,
            };
            total += lines[i].Quantity * lines[i].UnitPrice;
        }

        return new() { Lines = lines, Total = total };
    }

    /// <summary>The lines of a refused purchase, as they were then.</summary>
    public static IEnumerable<CartLine> ToCartLines(this IEnumerable<RefusedLine> lines) =>
        lines.Select(line => new CartLine
        {
            ItemId = line.ItemId,
            Quantity = line.Quantity,
            Name = line.Name,
            UnitPrice = ToMoney(line.UnitPriceCents),
            Available = line.Available,
        });

    /// <summary>A line that the products database refused, for the customers database to store.</summary>
    public static RefusedLine ToCustomers(this RefusedItem line) =>
        new()
        {
            ItemId = line.ItemId,
            Quantity = line.Quantity,
            Name = line.Name,
            UnitPriceCents = line.UnitPriceCents,
            Available = line.Available,
        };

    /// <summary>A line with the requested quantity of an item, which is more than is on sale.</summary>
    public static CartLine ToLine(this ItemRecord item, int quantity) =>
        new()
        {
            ItemId = item.ItemId,
            Quantity = quantity,
            Name = item.Name,
            UnitPrice = ToMoney(item.PriceCents),
            Available = item.Quantity,
        };

    public static SellerRating ToRating(this RatingReply reply) =>
        new()
        {
            SellerId = reply.AccountId,
            ThumbsUp = reply.ThumbsUp,
            ThumbsDown = reply.ThumbsDown,
        };

    public static Seller ToSeller(this RatingReply reply) =>
        new()
        {
            SellerId = reply.AccountId,
            Name = reply.Name,
            ItemsSold = reply.Units,
            Feedback = ToFeedback(reply),
        };

    public static SellerAccount ToSellerAccount(this RatingReply reply) =>
        new()
        {
            SellerId = reply.AccountId,
            Name = reply.Name,
            Username = reply.Username,
            ItemsSold = reply.Units,
            Feedback = ToFeedback(reply),
        };

    public static BuyerAccount ToBuyerAccount(this RatingReply reply) =>
        new()
        {
            BuyerId = reply.AccountId,
            Name = reply.Name,
            Username = reply.Username,
            ItemsPurchased = reply.Units,
        };

    /// <param name="reply">The sales.</param>
    /// <param name="items">The sold items, for their names.</param>
    public static SalePage ToPage(this SalesReply reply, IReadOnlyDictionary<string, ItemRecord> items) =>
        new()
        {
            Sales =
            [
                .. reply.Sales.Select(sale => new Sale
                {
                    At = DateTimeOffset.FromUnixTimeMilliseconds(sale.At),
                    ItemId = sale.ItemId,
                    Name = items.GetValueOrDefault(sale.ItemId)?.Name ?? "",
                    Quantity = sale.Quantity,
                    UnitPrice = ToMoney(sale.UnitPriceCents),
                }),
            ],
            NextCursor = ToCursor(reply.NextCursor),
        };

    public static Receipt ToReceipt(this PurchaseRecord purchase) =>
        new()
        {
            PurchaseId = PurchaseSaga.TransactionId(purchase.PurchaseId),
            Lines = ToLines(purchase),
            Total = ToMoney(purchase.TotalCents),
        };

    public static PurchasePage ToPage(this PurchasesReply reply) =>
        new() { Purchases = [.. reply.Purchases.Select(ToPurchase)], NextCursor = ToCursor(reply.NextCursor) };

    public static Purchase ToPurchase(this PurchaseRecord purchase) =>
        new()
        {
            PurchaseId = PurchaseSaga.TransactionId(purchase.PurchaseId),
            At = DateTimeOffset.FromUnixTimeMilliseconds(purchase.At),
            Lines = ToLines(purchase),
            Total = ToMoney(purchase.TotalCents),
        };

    private static ItemFeedback ToFeedback(RatingReply reply) =>
        new() { ThumbsUp = reply.ThumbsUp, ThumbsDown = reply.ThumbsDown };

    private static PurchaseLine[] ToLines(PurchaseRecord purchase) =>
        [
            .. purchase.Lines.Select(line => new PurchaseLine
            {
                ItemId = line.ItemId,
                Quantity = line.Quantity,
                UnitPrice = ToMoney(line.UnitPriceCents),
            }),
        ];

    public static decimal ToMoney(long cents) => cents / 100m;

    private static string? ToCursor(string cursor) => cursor.Length == 0 ? null : cursor;
}
