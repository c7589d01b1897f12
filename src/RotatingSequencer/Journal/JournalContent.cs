namespace RotatingSequencer.Journal;

/// <summary>What a file of the journal holds.</summary>
internal sealed class JournalContent
{
    /// <summary>What the records say.</summary>
    public required JournalState State { get; init; }

    /// <summary>What the file's marks carry.</summary>
    public required long Salt { get; init; }

    /// <summary>Where the last whole record ends.</summary>
    public required int Length { get; init; }

    /// <summary>All records in order, without header and marks.</summary>
    public required IReadOnlyList<ReadOnlyMemory<byte>> Records { get; init; }

    /// <summary>
    /// Whether a mark is the last record, nothing lies behind it, and the file is of the present version. Then every
    /// record was on disk once, as the mark says: it is not written after a failed sync. Then one goes on in this file.
    /// </summary>
    public required bool IsClosed { get; init; }
}
