using Agora.Rest;

namespace Agora.Web.Shop;

/// <summary>
/// The form that pays for the cart. What stands on the card passes through this process and is written nowhere; after a
/// mistake the page gives the number back to the one who typed it, and never the security code.
/// </summary>
public sealed class CheckoutForm
{
    /// <summary>The field of the name on the card.</summary>
    public const string NameField = "cardholderName";

    /// <summary>The field of the card's number.</summary>
    public const string NumberField = "cardNumber";

    /// <summary>The field of the month in which the card ends.</summary>
    public const string ExpiryField = "expirationDate";

    /// <summary>The field of the security code.</summary>
    public const string CodeField = "securityCode";

    /// <summary>The hidden field of the total that the page showed.</summary>
    public const string TotalField = "total";

    /// <summary>The hidden field of the price that the page showed for an item: <c>3-17=12.50</c>.</summary>
    public const string SeenField = "seen";

    /// <summary>The field of a button that takes what is left of an item: <c>3-17=2</c>.</summary>
    public const string TakeField = "take";

    /// <summary>The key of the purchase.</summary>
    public required string Key { get; init; }

    /// <summary>The name on the card.</summary>
    public string Name { get; init; } = "";

    /// <summary>The card's number, as it was typed.</summary>
    public string Number { get; init; } = "";

    /// <summary>The card's last month, as it was typed.</summary>
    public string Expiry { get; init; } = "";

    /// <summary>What is wrong.</summary>
    public FormErrors Errors { get; } = new();

    /// <summary>
    /// What has happened to a purchase that did not come about, in a sentence or two; null if nothing.
    /// </summary>
    public string? Refusal { get; init; }

    /// <summary>What each item cost when the user last saw it, by its id.</summary>
    public IReadOnlyDictionary<string, decimal> Seen { get; init; } = new Dictionary<string, decimal>();

    /// <summary>Whether a line costs something else than the user saw.</summary>
    public bool HasChanged(CartLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        return Seen.TryGetValue(line.ItemId, out var seen) && seen != line.UnitPrice;
    }
}
