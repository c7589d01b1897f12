using Agora.Cluster;

namespace Agora.Web.Shop;

/// <summary>What the frame of a shop page shows of the user, beside the page itself.</summary>
/// <param name="IsBuyer">A buyer is logged in.</param>
/// <param name="IsSeller">A seller is logged in.</param>
/// <param name="CartUnits">Units in the cart; null if nobody is logged in, or if the cart cannot be read now.</param>
/// <param name="SessionEnded">The buyer was logged in until just now.</param>
/// <param name="Categories">The categories that have a name.</param>
public sealed record ShopHeader(
    bool IsBuyer,
    bool IsSeller,
    long? CartUnits,
    bool SessionEnded,
    IReadOnlyList<CategoryName> Categories
)
{
    /// <summary>The name of a category.</summary>
    public string NameOf(int category) => CategoryName.Of(Categories, category);
}
