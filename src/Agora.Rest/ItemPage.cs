namespace Agora.Rest;

/// <summary>A page of DisplayItemsForSale or SearchItemsForSale.</summary>
public sealed record ItemPage
{
    /// <summary>The items, in order.</summary>
    public required IReadOnlyList<Item> Items { get; init; }

    /// <summary>Send it as <c>cursor</c> to get the next page; null on the last page.</summary>
    public string? NextCursor { get; init; }
}
