using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>The replicas of a database, and the protocol that orders its commands.</summary>
public sealed record DatabaseGroup
{
    /// <summary>The protocol that orders the commands.</summary>
    [JsonRequired]
    public ReplicationEngine Engine { get; init; }

    /// <summary>One entry for each replica, by replica number. Their number is odd.</summary>
    public IReadOnlyList<DatabaseAddress> Replicas { get; init; } = [];
}
