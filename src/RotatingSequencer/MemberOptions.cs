using System.Net;

namespace RotatingSequencer;

/// <summary>How a member runs. What is not required has a default that is safe.</summary>
public sealed record MemberOptions
{
    /// <summary>Largest group.</summary>
    public const int MaximumMembers = 63;

    /// <summary>This member's id: its place in <see cref="Members"/>.</summary>
    public required int Id { get; init; }

    /// <summary>Where each member listens for UDP, by id; the same list at every member.</summary>
    public required IReadOnlyList<IPEndPoint> Members { get; init; }

    /// <summary>The group's key, at least 16 bytes: who lacks it can neither inject nor alter a datagram.</summary>
    public required ReadOnlyMemory<byte> GroupKey { get; init; }

    /// <summary>
    /// Directory of the journal, one for each member. Null keeps everything in memory, as the protocol's description assumes:
    /// then no member may ever fail or be restarted.
    /// </summary>
    public string? JournalDirectory { get; init; }

    /// <summary>
    /// Largest datagram in bytes; below the path's MTU, since IP fragments are lost together. The same at all members: longer ones are dropped unread.
    /// </summary>
    public int MaximumDatagram { get; init; } = 1_400;

    /// <summary>How many requests of one member may be on their way; it bounds the memory of all members.</summary>
    public int Window { get; init; } = 256;

    /// <summary>Bytes of payloads that may wait at this member before <see cref="OverloadedException"/>.</summary>
    public long MaximumWaitingBytes { get; init; } = 32 << 20;

    /// <summary>Payloads that may wait at this member before <see cref="OverloadedException"/>.</summary>
    public int MaximumWaiting { get; init; } = 65_536;

    /// <summary>Bytes by which the journal grows before a new one is begun behind the application's state.</summary>
    public long MaximumJournal { get; init; } = 64 << 20;

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Members.Count, 1, nameof(Members));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Members.Count, MaximumMembers, nameof(Members));
        ArgumentOutOfRangeException.ThrowIfNegative(Id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Id, Members.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(GroupKey.Length, 16, nameof(GroupKey));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumDatagram, 576 + (18 * Members.Count));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaximumDatagram, 65_507);
        ArgumentOutOfRangeException.ThrowIfLessThan(Window, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Window, 1 << 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumJournal, 1 << 16);
    }
}

/// <summary>What a member knows of itself and its group; all numbers are global numbers, −1 for none.</summary>
/// <param name="Delivered">Applied by the application here.</param>
/// <param name="Stable">Known to be held by a majority.</param>
/// <param name="Received">Held here.</param>
/// <param name="Known">Known to have been given out.</param>
/// <param name="IsNextSequencer">Whether the next number is this member's to give out.</param>
/// <param name="ReachableMembers">Members heard from during the last three seconds, this one included.</param>
public readonly record struct MemberStatus(
    long Delivered, long Stable, long Received, long Known, bool IsNextSequencer, int ReachableMembers);
