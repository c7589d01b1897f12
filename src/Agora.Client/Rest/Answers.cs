using System.Text.Json.Serialization;

namespace Agora.Client;

// What servers answer. A client ignores fields that it does not know, so that servers can add some.
// Amounts of money are normalised to two decimals when set, and so are written with two: 12.5 becomes 12.50.

/// <summary>An item's condition, <c>new</c> or <c>used</c>.</summary>
[JsonConverter(typeof(ItemConditionJson))]
public enum ItemCondition
{
    /// <summary>Not used before.</summary>
    New,

    /// <summary>Second-hand.</summary>
    Used,
}

/// <summary>A buyer's vote on an item, <c>up</c> or <c>down</c>.</summary>
[JsonConverter(typeof(ThumbJson))]
public enum Thumb
{
    /// <summary>Good.</summary>
    Up,

    /// <summary>Not good.</summary>
    Down,
}

/// <summary>CreateAccount's answer to a seller.</summary>
public sealed record SellerCreated
{
    /// <summary>The new account.</summary>
    public required long SellerId { get; init; }
}

/// <summary>CreateAccount's answer to a buyer.</summary>
public sealed record BuyerCreated
{
    /// <summary>The new account.</summary>
    public required long BuyerId { get; init; }
}

/// <summary>Login's answer to a seller.</summary>
public sealed record SellerSession
{
    /// <summary>What goes into <c>Authorization: Bearer</c>.</summary>
    public required string Token { get; init; }

    /// <summary>The account.</summary>
    public required long SellerId { get; init; }

    /// <summary>How long the session lives without a call on it.</summary>
    public required int ExpiresInSeconds { get; init; }

    /// <summary>Without the token, which is not for printing.</summary>
    public override string ToString() => $"{nameof(SellerSession)} {{ SellerId = {SellerId} }}";
}

/// <summary>Login's answer to a buyer.</summary>
public sealed record BuyerSession
{
    /// <summary>What goes into <c>Authorization: Bearer</c>.</summary>
    public required string Token { get; init; }

    /// <summary>The account.</summary>
    public required long BuyerId { get; init; }

    /// <summary>How long the session lives without a call on it.</summary>
    public required int ExpiresInSeconds { get; init; }

    /// <summary>Without the token, which is not for printing.</summary>
    public override string ToString() => $"{nameof(BuyerSession)} {{ BuyerId = {BuyerId} }}";
}

/// <summary>GetSellerRating: votes over all of a seller's items.</summary>
public sealed record SellerRating
{
    /// <summary>The seller.</summary>
    public required long SellerId { get; init; }

    /// <summary>Votes up.</summary>
    public required long ThumbsUp { get; init; }

    /// <summary>Votes down.</summary>
    public required long ThumbsDown { get; init; }
}

/// <summary>A seller as everybody sees it.</summary>
public sealed record Seller
{
    /// <summary>The seller.</summary>
    public required long SellerId { get; init; }

    /// <summary>1 to 32 characters, not unique.</summary>
    public required string Name { get; init; }

    /// <summary>Units sold.</summary>
    public required long ItemsSold { get; init; }

    /// <summary>Votes over all of the seller's items.</summary>
    public required ItemFeedback Feedback { get; init; }
}

/// <summary>A seller's own account.</summary>
public sealed record SellerAccount
{
    /// <summary>The account.</summary>
    public required long SellerId { get; init; }

    /// <summary>1 to 32 characters, not unique.</summary>
    public required string Name { get; init; }

    /// <summary>Unique among sellers, without regard to case.</summary>
    public required string Username { get; init; }

    /// <summary>Units sold.</summary>
    public required long ItemsSold { get; init; }

    /// <summary>Votes over all of the seller's items.</summary>
    public required ItemFeedback Feedback { get; init; }
}

/// <summary>A buyer's own account.</summary>
public sealed record BuyerAccount
{
    /// <summary>The account.</summary>
    public required long BuyerId { get; init; }

    /// <summary>1 to 32 characters, not unique.</summary>
    public required string Name { get; init; }

    /// <summary>Unique among buyers, without regard to case.</summary>
    public required string Username { get; init; }

    /// <summary>Units bought.</summary>
    public required long ItemsPurchased { get; init; }
}

/// <summary>Units of one item that a purchase took from a seller.</summary>
public sealed record Sale
{
    /// <summary>When the purchase was completed.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>The item's name.</summary>
    public required string Name { get; init; }

    /// <summary>Units sold.</summary>
    public required int Quantity { get; init; }

    /// <summary>What a unit cost at that time.</summary>
    public required decimal UnitPrice { get; init => field = value + 0.00m; }
}

/// <summary>A page of a seller's sales.</summary>
public sealed record SalePage
{
    /// <summary>The sales, newest first.</summary>
    public required IReadOnlyList<Sale> Sales { get; init; }

    /// <summary>Asks for the next page; null after the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>RegisterItemForSale's answer.</summary>
public sealed record ItemRegistered
{
    /// <summary>The new item, <c>&lt;category&gt;-&lt;number&gt;</c>, never reused.</summary>
    public required string ItemId { get; init; }
}

/// <summary>Votes on an item.</summary>
public sealed record ItemFeedback
{
    /// <summary>Votes up.</summary>
    public required long ThumbsUp { get; init; }

    /// <summary>Votes down.</summary>
    public required long ThumbsDown { get; init; }
}

/// <summary>An item.</summary>
public sealed record Item
{
    /// <summary><c>&lt;category&gt;-&lt;number&gt;</c>.</summary>
    public required string Id { get; init; }

    /// <summary>1 to 32 characters, not unique.</summary>
    public required string Name { get; init; }

    /// <summary>0 or more.</summary>
    public required int Category { get; init; }

    /// <summary>0 to 5 keywords.</summary>
    public required IReadOnlyList<string> Keywords { get; init; }

    /// <summary>New or used.</summary>
    public required ItemCondition Condition { get; init; }

    /// <summary>What a unit costs.</summary>
    public required decimal Price { get; init => field = value + 0.00m; }

    /// <summary>Units for sale, 0 or more.</summary>
    public required long Quantity { get; init; }

    /// <summary>Who sells it.</summary>
    public required long SellerId { get; init; }

    /// <summary>Votes on it.</summary>
    public required ItemFeedback Feedback { get; init; }
}

/// <summary>A page of DisplayItemsForSale or SearchItemsForSale.</summary>
public sealed record ItemPage
{
    /// <summary>The items, in order.</summary>
    public required IReadOnlyList<Item> Items { get; init; }

    /// <summary>Asks for the next page; null after the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>A session's cart.</summary>
public sealed record Cart
{
    /// <summary>One line an item.</summary>
    public required IReadOnlyList<CartLine> Lines { get; init; }

    /// <summary>What buying it would cost now.</summary>
    public required decimal Total { get; init => field = value + 0.00m; }
}

/// <summary>Units of one item in a cart.</summary>
public sealed record CartLine
{
    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>Units, 1 or more.</summary>
    public required int Quantity { get; init; }

    /// <summary>The item's name.</summary>
    public required string Name { get; init; }

    /// <summary>What a unit costs now.</summary>
    public required decimal UnitPrice { get; init => field = value + 0.00m; }

    /// <summary>Units on sale now: with fewer than <see cref="Quantity"/>, the line cannot be bought.</summary>
    public required long Available { get; init; }
}

/// <summary>MakePurchase's answer: what was bought and charged.</summary>
public sealed record Receipt
{
    /// <summary>Names the purchase; also the payment's transaction id.</summary>
    public required string PurchaseId { get; init; }

    /// <summary>One line an item.</summary>
    public required IReadOnlyList<PurchaseLine> Lines { get; init; }

    /// <summary>What was charged.</summary>
    public required decimal Total { get; init => field = value + 0.00m; }
}

/// <summary>A purchase in a buyer's history.</summary>
public sealed record Purchase
{
    /// <summary>Names the purchase.</summary>
    public required string PurchaseId { get; init; }

    /// <summary>When it was completed.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>One line an item.</summary>
    public required IReadOnlyList<PurchaseLine> Lines { get; init; }

    /// <summary>What was charged.</summary>
    public required decimal Total { get; init => field = value + 0.00m; }
}

/// <summary>Units of one item in a purchase.</summary>
public sealed record PurchaseLine
{
    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>Units bought.</summary>
    public required int Quantity { get; init; }

    /// <summary>What a unit cost at that time.</summary>
    public required decimal UnitPrice { get; init => field = value + 0.00m; }
}

/// <summary>A page of GetBuyerPurchases.</summary>
public sealed record PurchasePage
{
    /// <summary>Completed purchases, newest first.</summary>
    public required IReadOnlyList<Purchase> Purchases { get; init; }

    /// <summary>Asks for the next page; null after the last.</summary>
    public string? NextCursor { get; init; }
}
