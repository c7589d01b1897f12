using Agora.Cluster;

namespace Agora.Replication.Raft;

/// <summary>Settings of a Raft replica; mostly tests change them.</summary>
internal sealed record RaftSettings
{
    public ElectionTimes Election { get; init; } = ElectionTimes.Default;

    /// <summary>
    /// How often the replica checks its background work. Every fifth time it flushes the state and cuts the log.
    /// </summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How much of the log stays, so that a replica that was away for minutes of full load needs no state.
    /// </summary>
    public long KeptBytes { get; init; } = 128 << 20;

    public RaftLogOptions Log { get; init; } = new();

    /// <summary>Finds where the other replicas are.</summary>
    public HostLookup Lookup { get; init; } = HostNames.Resolve;
}
