using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>Login of a seller or of a buyer.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record LoginRequest
{
    /// <summary>As sent to CreateAccount.</summary>
    public string? Username { get; init; }

    /// <summary>As sent to CreateAccount.</summary>
    public string? Password { get; init; }

    /// <summary>The record's name only: the password must not appear in logs.</summary>
    public override string ToString() => nameof(LoginRequest);
}
