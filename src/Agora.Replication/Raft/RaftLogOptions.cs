namespace Agora.Replication.Raft;

/// <summary>The log's sizes.</summary>
internal sealed record RaftLogOptions
{
    public int SegmentBytes { get; init; } = 16 << 20;

    /// <summary>Recent payloads kept in memory, from which followers are served.</summary>
    public long CacheBytes { get; init; } = 8 << 20;

    public LogDisk Disk { get; init; } = LogDisk.System;
}
