namespace Agora.Rest;

/// <summary>CreateAccount's answer to a seller.</summary>
public sealed record SellerCreated
{
    /// <summary>The new account.</summary>
    public required long SellerId { get; init; }
}
