using Agora.Rest;

namespace Agora.Web.Shop;

/// <summary>Items of one category.</summary>
/// <param name="Category">The category.</param>
/// <param name="Items">The items, in order.</param>
public sealed record ItemGroup(int Category, IReadOnlyList<Item> Items)
{
    /// <summary>There are more of them on the category's own page.</summary>
    public bool HasMore { get; init; }
}
