namespace Agora.Rest;

/// <summary>CreateAccount's answer to a buyer.</summary>
public sealed record BuyerCreated
{
    /// <summary>The new account.</summary>
    public required long BuyerId { get; init; }
}
