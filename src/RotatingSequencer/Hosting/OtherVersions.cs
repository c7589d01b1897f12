using RotatingSequencer.Wire;

namespace RotatingSequencer.Hosting;

/// <summary>
/// In whose name datagrams of another version come, so that an operator reads of it instead of a silent member.
/// </summary>
/// <remarks>
/// Such a datagram cannot be verified: anybody may have sent it, in any member's name. So it is a hint. It changes
/// nothing but what is said, it is forgotten when no more come, and it counts for nothing while the member itself is
/// heard. The loop's thread notes; any thread reads.
/// </remarks>
internal sealed class OtherVersions(int self, int members)
{
    /// <summary>Microseconds for which a hint stands.</summary>
    internal const long Kept = 10_000_000;

    // The time in microseconds and, in the lowest byte, the version, so that a reader sees both of the same datagram.
    // 0 for none.
    private readonly long[] _last = new long[members];

    /// <summary>Whether this is a datagram of the protocol, in a version that this program does not speak.</summary>
    public static bool Is(ReadOnlySpan<byte> received) =>
        received.Length >= Datagram.HeaderLength
        && received[0] == (byte)'R'
        && received[1] == (byte)'S'
        && received[2] != Datagram.Version;

    /// <summary>Notes in whose name a datagram of another version came.</summary>
    public void Note(ReadOnlySpan<byte> received, long now)
    {
        int sender = received[3];
        if (sender < members && sender != self)
        {
            Volatile.Write(ref _last[sender], (now << 8) | received[2]);
        }
    }

    /// <summary>The version that seems to be a member's; null if there is no hint that it is another one.</summary>
    /// <param name="member">The member.</param>
    /// <param name="heard">When a datagram of this version came from it last; below 0 if never.</param>
    /// <param name="now">The time in microseconds.</param>
    public int? Of(int member, long heard, long now)
    {
        var last = Volatile.Read(ref _last[member]);
        var isHeard = heard >= 0 && now - heard <= Member.ReachableWithin.TotalMicroseconds;
        return last != 0 && !isHeard && now - (last >> 8) <= Kept ? (int)(last & byte.MaxValue) : null;
    }
}
