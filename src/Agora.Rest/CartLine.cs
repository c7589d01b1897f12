namespace Agora.Rest;

/// <summary>Units of one item in a cart.</summary>
public sealed record CartLine
{
    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>Units, 1 or more.</summary>
    public required int Quantity { get; init; }

    /// <summary>The item's name.</summary>
    public required string Name { get; init; }

    /// <summary>The price of a unit now.</summary>
    public required decimal UnitPrice
    {
        get;
        init => field = value + 0.00m;
    }

    /// <summary>Units on sale now; if fewer than <see cref="Quantity"/>, the line cannot be bought.</summary>
    public required long Available { get; init; }
}
