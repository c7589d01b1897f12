using System.Text.Json.Serialization;

namespace Agora.Client;

// What users send. Every property may be null here, so that a server can name all missing fields at once instead of the
// first; what is required is said by the servers' validation. An unknown or repeated field is refused while reading.
// Records that hold a secret print their name only, so that no log or exception text can show it.

/// <summary>CreateAccount of a seller or of a buyer.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record CreateAccountRequest
{
    /// <summary>1 to 32 characters, not unique.</summary>
    public string? Name { get; init; }

    /// <summary>Unique among sellers, and among buyers.</summary>
    public string? Username { get; init; }

    /// <summary>The password; it is stored as a salted, slow hash.</summary>
    public string? Password { get; init; }

    /// <summary>The record's name: the password is not for printing.</summary>
    public override string ToString() => nameof(CreateAccountRequest);
}

/// <summary>Login of a seller or of a buyer.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record LoginRequest
{
    /// <summary>As given to CreateAccount.</summary>
    public string? Username { get; init; }

    /// <summary>As given to CreateAccount.</summary>
    public string? Password { get; init; }

    /// <summary>The record's name: the password is not for printing.</summary>
    public override string ToString() => nameof(LoginRequest);
}

/// <summary>RegisterItemForSale.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RegisterItemRequest
{
    /// <summary>1 to 32 characters, not unique.</summary>
    public string? Name { get; init; }

    /// <summary>0 or more.</summary>
    public int? Category { get; init; }

    /// <summary>0 to 5 keywords, each 1 to 8 characters; none when left out.</summary>
    public IReadOnlyList<string>? Keywords { get; init; }

    /// <summary>New or used.</summary>
    public ItemCondition? Condition { get; init; }

    /// <summary>More than 0, at most two decimals.</summary>
    public decimal? Price { get; init => field = value + 0.00m; }

    /// <summary>Units for sale.</summary>
    public int? Quantity { get; init; }
}

/// <summary>ChangeItemPrice.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ChangePriceRequest
{
    /// <summary>More than 0, at most two decimals.</summary>
    public decimal? Price { get; init => field = value + 0.00m; }
}

/// <summary>UpdateUnitsForSale: takes units off sale, or puts more on sale.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record UnitsRequest
{
    /// <summary>Units to take off sale or to put on sale, 1 or more.</summary>
    public int? Quantity { get; init; }
}

/// <summary>AddItemToCart.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record AddToCartRequest
{
    /// <summary>The item, <c>&lt;category&gt;-&lt;number&gt;</c>.</summary>
    public string? ItemId { get; init; }

    /// <summary>Units to add, 1 or more.</summary>
    public int? Quantity { get; init; }
}

/// <summary>MakePurchase: the card that pays for the whole cart. No part of it is ever stored or logged.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PurchaseRequest
{
    /// <summary>As printed on the card.</summary>
    public string? CardholderName { get; init; }

    /// <summary>12 to 19 digits that pass the Luhn check.</summary>
    public string? CardNumber { get; init; }

    /// <summary><c>MM/YY</c>, a month not past.</summary>
    public string? ExpirationDate { get; init; }

    /// <summary>3 or 4 digits.</summary>
    public string? SecurityCode { get; init; }

    /// <summary>
    /// What the buyer has agreed to pay: a purchase that would cost anything else is refused. Without it, whatever the
    /// cart costs is charged.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? ExpectedTotal { get; init => field = value + 0.00m; }

    /// <summary>The record's name: a card is not for printing.</summary>
    public override string ToString() => nameof(PurchaseRequest);
}

/// <summary>ProvideFeedback.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record FeedbackRequest
{
    /// <summary>Up or down.</summary>
    public Thumb? Thumb { get; init; }
}
