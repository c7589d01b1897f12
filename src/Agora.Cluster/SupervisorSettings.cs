using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>The supervisors, <c>agora up</c>: one on each host.</summary>
public sealed record SupervisorSettings
{
    /// <summary>
    /// TCP port on each host at which its supervisor answers operators: health and metrics. Null for none.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OperatorsPort { get; init; }
}
