using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>ProvideFeedback.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record FeedbackRequest
{
    /// <summary>Up or down.</summary>
    public Thumb? Thumb { get; init; }
}
