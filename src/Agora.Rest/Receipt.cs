namespace Agora.Rest;

/// <summary>MakePurchase's answer: what was bought and charged.</summary>
public sealed record Receipt
{
    /// <summary>The id of the purchase, and of its payment.</summary>
    public required string PurchaseId { get; init; }

    /// <summary>One line for each item.</summary>
    public required IReadOnlyList<PurchaseLine> Lines { get; init; }

    /// <summary>The amount charged.</summary>
    public required decimal Total
    {
        get;
        init => field = value + 0.00m;
    }
}
