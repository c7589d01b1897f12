namespace Agora.Replication.Raft;

/// <summary>Sizes, disk and owner of log and ballot.</summary>
internal sealed record RaftLogOptions
{
    public int SegmentBytes { get; init; } = 16 << 20;

    /// <summary>Recent payloads kept in memory, from which followers are served.</summary>
    public long CacheBytes { get; init; } = 8 << 20;

    public LogDisk Disk { get; init; } = LogDisk.System;

    /// <summary>Whose the files are: written into each, and compared when one is opened.</summary>
    public OwnerMark Owner { get; init; }
}
