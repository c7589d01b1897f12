using Microsoft.AspNetCore.Builder;

namespace Agora.Web.Shop;

/// <summary>The shop.</summary>
internal static class ShopEndpoints
{
    /// <summary>Maps the pages of visitors, buyers and sellers.</summary>
    public static void MapShop(this WebApplication app) { }
}
