using System.Net;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer;

/// <summary>How a member runs. What is not required has a safe default.</summary>
public sealed record MemberOptions
{
    /// <summary>Members of the largest possible group.</summary>
    public const int MaxMembers = Datagram.MaxMembers;

    /// <summary>This member's id: its index in <see cref="Members"/>.</summary>
    public required int Id { get; init; }

    /// <summary>Where each member listens for UDP, by id; the same list at every member.</summary>
    public required IReadOnlyList<IPEndPoint> Members { get; init; }

    /// <summary>
    /// The group's key, at least 16 bytes. Without it nobody can make, alter or read a datagram.
    /// </summary>
    public required ReadOnlyMemory<byte> GroupKey { get; init; }

    /// <summary>
    /// Directory of the journal; each member has its own. Null keeps everything in memory: then no member may ever fail
    /// or be restarted.
    /// </summary>
    public string? JournalDirectory { get; init; }

    /// <summary>
    /// Longest datagram in bytes, the same at all members: a longer one is dropped unread. Keep it below the path's
    /// MTU, since a datagram is lost when one of its IP fragments is.
    /// </summary>
    public int MaxDatagram { get; init; } = 1_400;

    /// <summary>How many requests of one member may be under way; it bounds the memory of all members.</summary>
    public int Window { get; init; } = 256;

    /// <summary>Bytes of payloads that may wait at this member before <see cref="OverloadedException"/>.</summary>
    public long MaxWaitingBytes { get; init; } = 32 << 20;

    /// <summary>Payloads that may wait at this member before <see cref="OverloadedException"/>.</summary>
    public int MaxWaiting { get; init; } = 65_536;

    /// <summary>Bytes by which the journal grows before a new one begins after the application's state.</summary>
    public long MaxJournalGrowth { get; init; } = 64 << 20;

    /// <summary>
    /// Copies the application's state from one of these members, best first, puts it durably in the place of this
    /// application's own, and returns the header that <see cref="Member.CaptureAsync"/> gave there. A member that joins
    /// the group without a journal of its own needs it. Null: this application cannot be copied.
    /// </summary>
    public Func<IReadOnlyList<int>, CancellationToken, Task<ReadOnlyMemory<byte>>>? FetchState { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>How the journal gets to the disk.</summary>
    internal JournalDisk Disk { get; init; } = JournalDisk.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Members.Count, 1, nameof(Members));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Members.Count, MaxMembers, nameof(Members));
        ArgumentOutOfRangeException.ThrowIfNegative(Id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Id, Members.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(GroupKey.Length, 16, nameof(GroupKey));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDatagram, 576 + (18 * Members.Count));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxDatagram, 65_507);
        ArgumentOutOfRangeException.ThrowIfLessThan(Window, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Window, 1 << 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxJournalGrowth, 1 << 16);
    }
}
