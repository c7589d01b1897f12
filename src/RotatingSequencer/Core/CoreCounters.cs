using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>What a member counts, for its metrics.</summary>
internal sealed class CoreCounters
{
    public long Datagrams;

    /// <summary>Datagrams of each member, among <see cref="Datagrams"/>.</summary>
    public readonly long[] From = new long[Datagram.MaxMembers];

    /// <summary>Datagrams sent to each member, among <see cref="Sent"/>.</summary>
    public readonly long[] To = new long[Datagram.MaxMembers];

    public long Unauthentic;

    /// <summary>Datagrams of a version that this program does not speak.</summary>
    public long OtherVersion;
    public long Oversized;
    public long Sent;
    public long SendFailures;
    public long Malformed;

    /// <summary>Messages of lives that are not known, or of other epochs.</summary>
    public long OtherLife;
    public long Ignored;
    public long Duplicates;
    public long Requests;
    public long Sequences;
    public long Asked;

    /// <summary>Retransmit requests that name something missing, among <see cref="Asked"/>.</summary>
    public long RepairsAsked;

    public long AnsweredMessages;
    public long Repeated;
    public long Syncs;
    public long SentBytes;
}
