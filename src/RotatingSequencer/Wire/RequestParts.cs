using System.Numerics;

namespace RotatingSequencer.Wire;

/// <summary>
/// How a Request whose body does not fit a datagram is sent: in parts of one length, the last one perhaps shorter, each
/// a message of its own. A member holds the Request once it has all parts. A lost part is asked for alone: a set of
/// parts is the bits of a number.
/// </summary>
internal static class RequestParts
{
    /// <summary>Most parts of a Request: a set of them is a positive number.</summary>
    public const int MaxParts = 62;

    /// <summary>Longest body of a Request that goes into one datagram; longer ones have parts of this length.</summary>
    public static int LengthOf(int maxDatagram, int members) => maxDatagram - Datagram.OverheadOf(members);

    /// <summary>Longest body of a Request: whole parts, of about the length that is wanted.</summary>
    public static int MaxBody(int maxDatagram, int members, int wanted)
    {
        var part = LengthOf(maxDatagram, members);
        return part * Math.Clamp(wanted / part, 1, MaxParts);
    }

    /// <summary>The parts of a body.</summary>
    public static long All(int bodyLength, int partLength)
    {
        var count = (bodyLength + partLength - 1) / partLength;
        return count >= MaxParts ? (1L << MaxParts) - 1 : (1L << count) - 1;
    }

    /// <summary>Takes the first part out of a set.</summary>
    public static int TakeFirst(ref long parts)
    {
        var first = BitOperations.TrailingZeroCount(parts);
        parts &= parts - 1;
        return first;
    }

    /// <summary>How many parts a set has.</summary>
    public static int CountOf(long parts) => BitOperations.PopCount((ulong)parts);
}
