namespace Agora.Rest;

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
