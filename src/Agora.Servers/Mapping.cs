using System.Diagnostics.CodeAnalysis;
using Agora.Client;
using CustomersReply = Agora.Contracts.Customers.CartReply;
using Proto = Agora.Contracts;

namespace Agora.Servers;

/// <summary>From the databases' messages to the REST records.</summary>
internal static class Mapping
{
    public static Item ToItem(this Proto.Products.Item item) => new()
    {
        Id = item.ItemId,
        Name = item.Name,
        Category = item.Category,
        Keywords = [.. item.Keywords],
        Condition = item.Condition == Proto.Products.Condition.Used ? ItemCondition.Used : ItemCondition.New,
        Price = ToMoney(item.PriceCents),
        Quantity = item.Quantity,
        SellerId = item.SellerId,
        Feedback = new() { ThumbsUp = item.ThumbsUp, ThumbsDown = item.ThumbsDown },
    };

    public static ItemPage ToPage(this Proto.Products.ItemsReply reply) => new()
    {
        Items = [.. reply.Items.Select(ToItem)],
        NextCursor = ToCursor(reply.NextCursor),
    };

    /// <param name="reply">The cart's lines.</param>
    /// <param name="items">The items that it holds, as they are now. One that is not among them is nowhere on sale.</param>
    public static Cart ToCart(this CustomersReply reply, IReadOnlyDictionary<string, Proto.Products.Item> items)
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

    /// <summary>Lines of a purchase that was refused, as they stood then.</summary>
    public static IEnumerable<CartLine> ToCartLines(this IEnumerable<Proto.Customers.RefusedLine> lines) => lines.Select(line => new CartLine
    {
        ItemId = line.ItemId,
        Quantity = line.Quantity,
        Name = line.Name,
        UnitPrice = ToMoney(line.UnitPriceCents),
        Available = line.Available,
    });

    /// <summary>What products refused, for customers to remember.</summary>
    public static Proto.Customers.RefusedLine ToCustomers(this Proto.Products.RefusedLine line) => new()
    {
        ItemId = line.ItemId,
        Quantity = line.Quantity,
        Name = line.Name,
        UnitPriceCents = line.UnitPriceCents,
        Available = line.Available,
    };

    /// <summary>A line that holds as much of the item as was asked for, which is more than there is.</summary>
    public static CartLine ToLine(this Proto.Products.Item item, int quantity) => new()
    {
        ItemId = item.ItemId,
        Quantity = quantity,
        Name = item.Name,
        UnitPrice = ToMoney(item.PriceCents),
        Available = item.Quantity,
    };

    public static SellerRating ToRating(this Proto.Customers.RatingReply reply) => new()
    {
        SellerId = reply.AccountId,
        ThumbsUp = reply.ThumbsUp,
        ThumbsDown = reply.ThumbsDown,
    };

    public static Seller ToSeller(this Proto.Customers.RatingReply reply) => new()
    {
        SellerId = reply.AccountId,
        Name = reply.Name,
        ItemsSold = reply.Units,
        Feedback = ToFeedback(reply),
    };

    public static SellerAccount ToSellerAccount(this Proto.Customers.RatingReply reply) => new()
    {
        SellerId = reply.AccountId,
        Name = reply.Name,
        Username = reply.Username,
        ItemsSold = reply.Units,
        Feedback = ToFeedback(reply),
    };

    public static BuyerAccount ToBuyerAccount(this Proto.Customers.RatingReply reply) => new()
    {
        BuyerId = reply.AccountId,
        Name = reply.Name,
        Username = reply.Username,
        ItemsPurchased = reply.Units,
    };

    /// <param name="reply">The sales.</param>
    /// <param name="items">The items that were sold, for their names.</param>
    public static SalePage ToPage(this Proto.Customers.SalesReply reply, IReadOnlyDictionary<string, Proto.Products.Item> items) => new()
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

    public static Receipt ToReceipt(this Proto.Customers.Purchase purchase) => new()
    {
        PurchaseId = PurchaseSaga.TransactionId(purchase.PurchaseId),
        Lines = ToLines(purchase),
        Total = ToMoney(purchase.TotalCents),
    };

    public static PurchasePage ToPage(this Proto.Customers.PurchasesReply reply) => new()
    {
        Purchases = [.. reply.Purchases.Select(ToPurchase)],
        NextCursor = ToCursor(reply.NextCursor),
    };

    public static Purchase ToPurchase(this Proto.Customers.Purchase purchase) => new()
    {
        PurchaseId = PurchaseSaga.TransactionId(purchase.PurchaseId),
        At = DateTimeOffset.FromUnixTimeMilliseconds(purchase.At),
        Lines = ToLines(purchase),
        Total = ToMoney(purchase.TotalCents),
    };

    private static ItemFeedback ToFeedback(Proto.Customers.RatingReply reply) => new() { ThumbsUp = reply.ThumbsUp, ThumbsDown = reply.ThumbsDown };

    private static PurchaseLine[] ToLines(Proto.Customers.Purchase purchase) =>
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

/// <summary>The form of an item's id: <c>&lt;category&gt;-&lt;number&gt;</c>, both integers without leading zeros.</summary>
internal static class ItemId
{
    public static bool IsWellFormed([NotNullWhen(true)] string? text)
    {
        var dash = text?.IndexOf('-', StringComparison.Ordinal) ?? -1;
        return dash > 0 && Digits.TryParse(text.AsSpan(0, dash), int.MaxValue, out _)
            && Digits.TryParse(text.AsSpan(dash + 1), long.MaxValue, out _);
    }

    public static string? WhatIsWrong(string text) => IsWellFormed(text) ? null : "must be an item's id, like 3-17";
}
