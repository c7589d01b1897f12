namespace Agora.Rest;

/// <summary>A page of GetBuyerPurchases.</summary>
public sealed record PurchasePage
{
    /// <summary>Completed purchases, newest first.</summary>
    public required IReadOnlyList<Purchase> Purchases { get; init; }

    /// <summary>Send it as <c>cursor</c> to get the next page; null on the last page.</summary>
    public string? NextCursor { get; init; }
}
