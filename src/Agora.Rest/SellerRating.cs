namespace Agora.Rest;

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
