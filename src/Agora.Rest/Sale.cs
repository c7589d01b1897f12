namespace Agora.Rest;

/// <summary>Units of one item of a seller that a purchase bought.</summary>
public sealed record Sale
{
    /// <summary>When the purchase was completed.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>The item's name.</summary>
    public required string Name { get; init; }

    /// <summary>Units sold.</summary>
    public required int Quantity { get; init; }

    /// <summary>The price of a unit at that time.</summary>
    public required decimal UnitPrice
    {
        get;
        init => field = value + 0.00m;
    }
}
