namespace RotatingSequencer.Wire;

/// <summary>Consecutive numbers that a member misses: of one sender's Requests, or of Sequences.</summary>
/// <param name="Sender">Whose Requests; <see cref="Sequences"/> for Sequences.</param>
/// <param name="First">First missing number.</param>
/// <param name="Count">How many, at least 1.</param>
internal readonly record struct MissingRange(int Sender, long First, long Count)
{
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
        if (
            (sender >= members && sender != Sequences)
            || !Varint.TryRead(ref source, out var first)
            || !Varint.TryRead(ref source, out var count)
            || count < 1
            || count > long.MaxValue - first
        )
        {
            return false;
        }

        range = new(sender, first, count);
        return true;
    }
}
