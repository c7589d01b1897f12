namespace Agora.Rest;

/// <summary>An item.</summary>
public sealed record Item
{
    /// <summary>The id, <c>&lt;category&gt;-&lt;number&gt;</c>.</summary>
    public required string Id { get; init; }

    /// <summary>1 to 32 characters, not unique.</summary>
    public required string Name { get; init; }

    /// <summary>0 or more.</summary>
    public required int Category { get; init; }

    /// <summary>0 to 5 keywords.</summary>
    public required IReadOnlyList<string> Keywords { get; init; }

    /// <summary>New or used.</summary>
    public required ItemCondition Condition { get; init; }

    /// <summary>The price of a unit.</summary>
    public required decimal Price
    {
        get;
        init => field = value + 0.00m;
    }

    /// <summary>Units for sale, 0 or more.</summary>
    public required long Quantity { get; init; }

    /// <summary>The seller.</summary>
    public required long SellerId { get; init; }

    /// <summary>Votes on the item.</summary>
    public required ItemFeedback Feedback { get; init; }
}
