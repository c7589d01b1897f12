using System.Globalization;

namespace Agora.Web.Shop;

/// <summary>Ids of items, which begin with the category.</summary>
internal static class ItemIds
{
    /// <summary>The category of an id that a server answered.</summary>
    public static int CategoryOf(string itemId) =>
        int.Parse(itemId.AsSpan(0, itemId.IndexOf('-', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
}
