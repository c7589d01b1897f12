using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer;

/// <summary>How a member runs. What is not required has a safe default.</summary>
public sealed record MemberOptions
{
    /// <summary>Members of the largest possible group.</summary>
    public const int MaxMembers = Datagram.MaxMembers;

    private const int MinKeyLength = 16;
    private const int MinDatagram = 576;
    private const int MinDatagramPerMember = 18;
    private const int MaxUdpPayload = 65_507;

    /// <summary>This member's id: its index in <see cref="Members"/>.</summary>
    public required int Id { get; init; }

    /// <summary>
    /// Where each member listens for UDP, by id, when this one starts; the same order at every member. 1 to
    /// <see cref="MaxMembers"/> addresses, each different. This member listens at its own as long as it runs. Null
    /// stands for another member whose address is not known yet: <see cref="ResolveMember"/> has to find it, and until
    /// then that member is silent.
    /// </summary>
    public required IReadOnlyList<IPEndPoint?> Members { get; init; }

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
    /// MTU, since a datagram is lost when one of its IP fragments is. At least 576 and 18 for each member; at most
    /// 65,507.
    /// </summary>
    public int MaxDatagram { get; init; } = 1_400;

    /// <summary>
    /// How many requests of one member may be under way; it bounds the memory of all members. 1 to 65,536.
    /// </summary>
    public int Window { get; init; } = 256;

    /// <summary>
    /// Bytes of payloads that may wait at this member before <see cref="OverloadedException"/>; at least 1.
    /// </summary>
    public long MaxWaitingBytes { get; init; } = 32 << 20;

    /// <summary>Payloads that may wait at this member before <see cref="OverloadedException"/>; at least 1.</summary>
    public int MaxWaiting { get; init; } = 65_536;

    /// <summary>
    /// Bytes by which the journal grows before a new one begins after the application's state; at least 65,536.
    /// </summary>
    public long MaxJournalGrowth { get; init; } = 64 << 20;

    /// <summary>
    /// Copies the application's state from one of these members, best first, puts it durably in the place of this
    /// application's own, and returns the header that <see cref="Member.CaptureAsync"/> gave there. A member that joins
    /// the group without a journal of its own needs it. It runs on a thread of the pool, and again a second after a
    /// failure. Null: this application cannot be copied.
    /// </summary>
    public Func<IReadOnlyList<int>, CancellationToken, Task<ReadOnlyMemory<byte>>>? FetchState { get; init; }

    /// <summary>
    /// Says where a member listens now, by its id, for members whose hosts may get another address while this one runs.
    /// It is asked at once about a member without an address in <see cref="Members"/>, then about one that was not
    /// heard for <see cref="Member.ReachableWithin"/>, and seldom about the others.
    /// It runs on a thread of the pool, one call at a time, and must end: the next call waits for it.
    /// After an exception the address stays as it is. Null: the addresses of <see cref="Members"/> stay for good.
    /// </summary>
    public Func<int, CancellationToken, Task<IPEndPoint>>? ResolveMember { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>
    /// Gets what an operator wants to know: starts, stops, members that fall silent, joining, new epochs. No message is
    /// logged for a request. The member's thread calls it, so it must return soon; an exception stops the member.
    /// </summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Where this member listens.</summary>
    internal IPEndPoint Own => Members[Id]!;

    /// <summary>How the journal gets to the disk.</summary>
    internal JournalDisk Disk { get; init; } = JournalDisk.System;

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Members);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(Logger);
        ArgumentOutOfRangeException.ThrowIfLessThan(Members.Count, 1, nameof(Members));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Members.Count, MaxMembers, nameof(Members));
        ArgumentOutOfRangeException.ThrowIfNegative(Id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Id, Members.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(GroupKey.Length, MinKeyLength, nameof(GroupKey));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDatagram, MinDatagram + (MinDatagramPerMember * Members.Count));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxDatagram, MaxUdpPayload);
        ArgumentOutOfRangeException.ThrowIfLessThan(Window, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Window, 1 << 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWaiting, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWaitingBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxJournalGrowth, 1 << 16);
        if (JournalDirectory is not null)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(JournalDirectory);
        }

        Dictionary<IPEndPoint, int> ids = [];
        for (var id = 0; id < Members.Count; id++)
        {
            if (Members[id] is not { } address)
            {
                if (NeedOf(id) is { } need)
                {
                    throw new ArgumentException($"Member {id} has no address. {need}", nameof(Members));
                }

                continue;
            }

            if (!ids.TryAdd(address, id))
            {
                throw new ArgumentException(
                    $"Members {ids[address]} and {id} have the same address, {address}.",
                    nameof(Members)
                );
            }
        }
    }

    /// <summary>What a member without an address needs; null if it is found later.</summary>
    private string? NeedOf(int id) =>
        id == Id ? "This member has to listen somewhere: give its address."
        : ResolveMember is null ? $"Give it one, or a {nameof(ResolveMember)} that finds it."
        : null;
}
