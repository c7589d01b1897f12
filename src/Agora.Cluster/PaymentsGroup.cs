using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>The payment service and how it decides.</summary>
public sealed record PaymentsGroup : ServerGroup
{
    /// <summary>How likely a well-formed charge is approved, 0 to 1.</summary>
    public double ApprovalProbability { get; init; } = 0.9;

    /// <summary>The seed of the decisions; null for a random one, chosen at the first start.</summary>
    public int? Seed { get; init; }

    /// <summary>
    /// Whether it speaks HTTPS, and only with processes of the cluster. Null means: unless it is on a loopback address.
    /// </summary>
    public bool? Https { get; init; }

    /// <summary>Whether it speaks HTTPS, with the default of <see cref="Https"/> applied.</summary>
    [JsonIgnore]
    public bool UsesHttps => Https ?? !Replicas.All(r => Loopback.Is(r.Host));
}
