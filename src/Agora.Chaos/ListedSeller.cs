namespace Agora.Chaos;

/// <summary>A seller whose items are in the listings, and what all users have seen of the seller's rating.</summary>
internal sealed class ListedSeller(string name, TimeProvider time)
{
    /// <summary>The account's id. It is set before the seller enters the listings.</summary>
    public long SellerId { get; set; }

    public ObjectHistory<RatingState, RatingCall> Rating { get; } = new($"The rating of {name}", default, time);

    /// <summary>
    /// The seller's items, in the order of their registration. Only the seller's own calls read this list.
    /// </summary>
    public List<ListedItem> Items { get; } = [];
}
