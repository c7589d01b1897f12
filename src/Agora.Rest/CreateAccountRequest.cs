using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>CreateAccount of a seller or of a buyer.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record CreateAccountRequest
{
    /// <summary>1 to 32 characters, not unique.</summary>
    public string? Name { get; init; }

    /// <summary>Unique among sellers, or among buyers.</summary>
    public string? Username { get; init; }

    /// <summary>At least 8 characters; stored as a salted, slow hash.</summary>
    public string? Password { get; init; }

    /// <summary>The record's name only: the password must not appear in logs.</summary>
    public override string ToString() => nameof(CreateAccountRequest);
}
