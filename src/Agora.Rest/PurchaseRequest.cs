using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>MakePurchase: the card that pays for the whole cart. No part of it is ever stored or logged.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PurchaseRequest
{
    /// <summary>As printed on the card.</summary>
    public string? CardholderName { get; init; }

    /// <summary>12 to 19 digits that pass the Luhn check.</summary>
    public string? CardNumber { get; init; }

    /// <summary><c>MM/YY</c>, a month that is not past.</summary>
    public string? ExpirationDate { get; init; }

    /// <summary>3 or 4 digits.</summary>
    public string? SecurityCode { get; init; }

    /// <summary>
    /// The total that the buyer agreed to pay: a purchase that would cost anything else is refused. Without it, the
    /// cart's present price is charged.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? ExpectedTotal
    {
        get;
        init => field = value + 0.00m;
    }

    /// <summary>The record's name only: a card must not appear in logs.</summary>
    public override string ToString() => nameof(PurchaseRequest);
}
