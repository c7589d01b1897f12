namespace Agora.Rest;

/// <summary>A page of a seller's sales.</summary>
public sealed record SalePage
{
    /// <summary>The sales, newest first.</summary>
    public required IReadOnlyList<Sale> Sales { get; init; }

    /// <summary>Send it as <c>cursor</c> to get the next page; null on the last page.</summary>
    public string? NextCursor { get; init; }
}
