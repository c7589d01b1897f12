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

    public static Cart ToCart(this CustomersReply reply) => new()
    {
        Lines = [.. reply.Lines.Select(line => new CartLine { ItemId = line.ItemId, Quantity = line.Quantity, Name = "", UnitPrice = 0, Available = 0 })],
        Total = 0,
    };

    public static SellerRating ToRating(this Proto.Customers.RatingReply reply) => new()
    {
        SellerId = reply.AccountId,
        ThumbsUp = reply.ThumbsUp,
        ThumbsDown = reply.ThumbsDown,
    };

    public static Receipt ToReceipt(this Proto.Customers.Purchase purchase) => new()
    {
        PurchaseId = PurchaseSaga.TransactionId(purchase.PurchaseId),
        Lines = ToLines(purchase),
        Total = ToMoney(purchase.TotalCents),
    };

    public static PurchasePage ToPage(this Proto.Customers.PurchasesReply reply) => new()
    {
        Purchases = [.. reply.Purchases.Select(purchase => new Purchase
        {
            PurchaseId = PurchaseSaga.TransactionId(purchase.PurchaseId),
            At = DateTimeOffset.FromUnixTimeMilliseconds(purchase.At),
            Lines = ToLines(purchase),
            Total = ToMoney(purchase.TotalCents),
        })],
        NextCursor = ToCursor(reply.NextCursor),
    };

    private static PurchaseLine[] ToLines(Proto.Customers.Purchase purchase) =>
    [
        .. purchase.Lines.Select(line => new PurchaseLine
        {
            ItemId = line.ItemId,
            Quantity = line.Quantity,
            UnitPrice = ToMoney(line.UnitPriceCents),
        }),
    ];

    private static decimal ToMoney(long cents) => cents / 100m;

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
