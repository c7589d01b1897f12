namespace Agora.Rest;

/// <summary>A purchase in a buyer's history.</summary>
public sealed record Purchase
{
    /// <summary>The id of the purchase.</summary>
    public required string PurchaseId { get; init; }

    /// <summary>When it was completed.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>One line for each item.</summary>
    public required IReadOnlyList<PurchaseLine> Lines { get; init; }

    /// <summary>The amount charged.</summary>
    public required decimal Total
    {
        get;
        init => field = value + 0.00m;
    }
}
