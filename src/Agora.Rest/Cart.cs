namespace Agora.Rest;

/// <summary>A session's cart.</summary>
public sealed record Cart
{
    /// <summary>One line for each item.</summary>
    public required IReadOnlyList<CartLine> Lines { get; init; }

    /// <summary>The price of the whole cart now.</summary>
    public required decimal Total
    {
        get;
        init => field = value + 0.00m;
    }
}
