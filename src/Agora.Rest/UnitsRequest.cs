using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>UpdateUnitsForSale and AddUnitsForSale: takes units off sale, or puts more on sale.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record UnitsRequest
{
    /// <summary>Units to take off sale or to put on sale, 1 or more.</summary>
    public int? Quantity { get; init; }
}
