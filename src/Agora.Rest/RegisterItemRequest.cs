using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>RegisterItemForSale.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RegisterItemRequest
{
    /// <summary>1 to 32 characters, not unique.</summary>
    public string? Name { get; init; }

    /// <summary>0 or more.</summary>
    public int? Category { get; init; }

    /// <summary>0 to 5 keywords of 1 to 8 characters; none if the field is missing.</summary>
    public IReadOnlyList<string>? Keywords { get; init; }

    /// <summary>New or used.</summary>
    public ItemCondition? Condition { get; init; }

    /// <summary>More than 0, at most two decimals.</summary>
    public decimal? Price
    {
        get;
        init => field = value + 0.00m;
    }

    /// <summary>Units for sale.</summary>
    public int? Quantity { get; init; }
}
