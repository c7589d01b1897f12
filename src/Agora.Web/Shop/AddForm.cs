namespace Agora.Web.Shop;

/// <summary>The form that puts units of an item into the cart.</summary>
public sealed class AddForm
{
    /// <summary>The quantity that the user wrote.</summary>
    public string Quantity { get; init; } = "1";

    /// <summary>What is wrong with it; null if nothing is.</summary>
    public string? Error { get; init; }

    /// <summary>How many units can be added instead; null if none, or if that is not the trouble.</summary>
    public long? Instead { get; init; }
}
