using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>Any error: <c>application/problem+json</c> (RFC 9457) with a stable code.</summary>
public sealed record Problem
{
    /// <summary>The media type of an error's body.</summary>
    public const string MediaType = "application/problem+json";

    /// <summary>A URI that names the kind of problem; <c>about:blank</c> if it says no more than the status.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type { get; init; }

    /// <summary>The kind of problem in a few words.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Title { get; init; }

    /// <summary>The HTTP status.</summary>
    public int Status { get; init; }

    /// <summary>What to fix this time, for a person.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Detail { get; init; }

    /// <summary>The call that failed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Instance { get; init; }

    /// <summary>One of <see cref="ErrorCodes"/>: programs decide by it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Code { get; init; }

    /// <summary>
    /// With <see cref="ErrorCodes.InvalidRequest"/>: what is wrong with each field, by its name in the request.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>
    /// With <see cref="ErrorCodes.NotEnoughUnits"/>: every line for which there are not enough units, as it is now.
    /// With <see cref="ErrorCodes.PriceChanged"/>: the whole cart as it is now.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CartLine>? Lines { get; init; }

    /// <summary>With <see cref="ErrorCodes.PriceChanged"/>: what the cart costs now.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? Total
    {
        get;
        init => field = value + 0.00m;
    }

    /// <summary>The answer's <c>Request-Id</c>, which the log lines about the call carry too.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RequestId { get; init; }
}
