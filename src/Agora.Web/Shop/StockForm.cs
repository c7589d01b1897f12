namespace Agora.Web.Shop;

/// <summary>What was typed into a row of the stock, or what has just been done to it.</summary>
public sealed class StockForm
{
    /// <summary>The field of the price.</summary>
    public const string PriceField = "price";

    /// <summary>The field of the units.</summary>
    public const string UnitsField = "units";

    /// <summary>The row's item; empty if there is none.</summary>
    public string ItemId { get; init; } = "";

    /// <summary>The price that was typed; null if it was not the price.</summary>
    public string? Price { get; init; }

    /// <summary>The units that were typed; null if it was not the units.</summary>
    public string? Units { get; init; }

    /// <summary>What is wrong with it; null if nothing is.</summary>
    public string? Error { get; init; }

    /// <summary>The item that was changed just now; empty if none was.</summary>
    public string Done { get; init; } = "";
}
