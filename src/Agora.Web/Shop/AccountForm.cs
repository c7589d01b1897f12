namespace Agora.Web.Shop;

/// <summary>The form for logging in, or for a new account.</summary>
/// <param name="role">Whose account.</param>
public sealed class AccountForm(ShopRole role)
{
    /// <summary>Whose account.</summary>
    public ShopRole Role => role;

    /// <summary>A new account.</summary>
    public bool IsNew { get; init; }

    /// <summary>Where to go afterwards.</summary>
    public string Next { get; init; } = "/";

    /// <summary>The user was logged in until just now.</summary>
    public bool Ended { get; init; }

    /// <summary>The fields of the form that is sent once more afterwards; null if there is none.</summary>
    public IReadOnlyList<(string Name, string Value)>? Fields { get; init; }

    /// <summary>The name that the user wrote.</summary>
    public string Name { get; init; } = "";

    /// <summary>The username that the user wrote.</summary>
    public string Username { get; init; } = "";

    /// <summary>What is wrong.</summary>
    public FormErrors Errors { get; } = new();
}
