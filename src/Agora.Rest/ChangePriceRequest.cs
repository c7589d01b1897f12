using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>ChangeItemPrice.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ChangePriceRequest
{
    /// <summary>More than 0, at most two decimals.</summary>
    public decimal? Price
    {
        get;
        init => field = value + 0.00m;
    }
}
