namespace RotatingSequencer.Wire;

/// <summary>
/// Consecutive numbers that a member misses: of one sender's Requests, or of Sequences. Or parts of one Request.
/// </summary>
/// <param name="Sender">Whose Requests; <see cref="Sequences"/> for Sequences.</param>
/// <param name="First">First missing number.</param>
/// <param name="Count">How many, at least 1.</param>
/// <param name="Parts">Which parts are missing of the Request <paramref name="First"/>; 0: all of it.</param>
internal readonly record struct MissingRange(int Sender, long First, long Count, long Parts = 0)
{
    /// <summary>Added to a sender: what follows is one Request and the set of its missing parts.</summary>
    public const int PartsOf = 64;

    /// <summary>In place of a sender: the range is of Sequences.</summary>
    public const int Sequences = 255;

    /// <summary>Bytes of the longest range.</summary>
    public const int MaxLength = 1 + (2 * Varint.MaxLength);

    public static bool TryRead(ref ReadOnlySpan<byte> source, int members, out MissingRange range)
    {
        range = default;
        if (source.IsEmpty)
        {
            return false;
        }

        int sender = source[0];
        source = source[1..];
        var ofParts = sender is >= PartsOf and < PartsOf + Datagram.MaxMembers;
        sender -= ofParts ? PartsOf : 0;
        if (
            (sender >= members && sender != Sequences)
            || !Varint.TryRead(ref source, out var first)
            || !Varint.TryRead(ref source, out var last)
            || last < 1
            || last > long.MaxValue - first
        )
        {
            return false;
        }

        range = ofParts ? new(sender, first, 1, last) : new(sender, first, last);
        return true;
    }

    public int EncodedLength => 1 + Varint.LengthOf(First) + Varint.LengthOf(Parts == 0 ? Count : Parts);

    public int Write(Span<byte> destination)
    {
        destination[0] = (byte)(Parts == 0 ? Sender : Sender + PartsOf);
        var at = 1 + Varint.Write(destination[1..], First);
        return at + Varint.Write(destination[at..], Parts == 0 ? Count : Parts);
    }
}
