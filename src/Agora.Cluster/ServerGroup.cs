namespace Agora.Cluster;

/// <summary>The replicas of a stateless server.</summary>
public record ServerGroup
{
    /// <summary>One entry for each replica, by replica number.</summary>
    public IReadOnlyList<ServerAddress> Replicas { get; init; } = [];
}
