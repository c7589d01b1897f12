namespace Agora.Rest;

/// <summary>RegisterItemForSale's answer.</summary>
public sealed record ItemRegistered
{
    /// <summary>The id of the new item, <c>&lt;category&gt;-&lt;number&gt;</c>; it is never reused.</summary>
    public required string ItemId { get; init; }
}
