namespace Agora.Rest;

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
