using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>AddItemToCart.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record AddToCartRequest
{
    /// <summary>The item, <c>&lt;category&gt;-&lt;number&gt;</c>.</summary>
    public string? ItemId { get; init; }

    /// <summary>Units to add, 1 or more.</summary>
    public int? Quantity { get; init; }
}
