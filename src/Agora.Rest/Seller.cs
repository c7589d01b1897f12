namespace Agora.Rest;

/// <summary>A seller, as anybody may see it.</summary>
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
