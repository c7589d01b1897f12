namespace Agora.Rest;

/// <summary>Units of one item in a purchase.</summary>
public sealed record PurchaseLine
{
    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>Units bought.</summary>
    public required int Quantity { get; init; }

    /// <summary>The price of a unit at that time.</summary>
    public required decimal UnitPrice
    {
        get;
        init => field = value + 0.00m;
    }
}
