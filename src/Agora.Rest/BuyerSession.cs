namespace Agora.Rest;

/// <summary>Login's answer to a buyer.</summary>
public sealed record BuyerSession
{
    /// <summary>The token that calls send as <c>Authorization: Bearer</c>.</summary>
    public required string Token { get; init; }

    /// <summary>The account.</summary>
    public required long BuyerId { get; init; }

    /// <summary>The session ends after this time without a call.</summary>
    public required int ExpiresInSeconds { get; init; }

    /// <summary>Leaves out the token: it must not appear in logs.</summary>
    public override string ToString() => $"{nameof(BuyerSession)} {{ BuyerId = {BuyerId} }}";
}
