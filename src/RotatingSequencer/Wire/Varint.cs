namespace RotatingSequencer.Wire;

/// <summary>
/// Unsigned LEB128: seven bits a byte, the least significant first; the high bit means that another byte follows.
/// Watermarks are −1 when nothing is held, so they travel as value + 1.
/// </summary>
internal static class Varint
{
    /// <summary>Bytes of the largest value.</summary>
    public const int MaxLength = 9;

    /// <summary>Values have 63 bits at most, so that each fits a non-negative <see cref="long"/>.</summary>
    private const int MaxShift = 56;

    public static int Write(Span<byte> destination, long value)
    {
        var rest = (ulong)value;
        var length = 0;
        while (rest >= 0x80)
        {
            destination[length++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        destination[length++] = (byte)rest;
        return length;
    }

    public static int LengthOf(long value)
    {
        var length = 1;
        for (var rest = (ulong)value >> 7; rest != 0; rest >>= 7)
        {
            length++;
        }

        return length;
    }

    /// <summary>
    /// False when the bytes end too early or the number does not fit; never throws, whatever the bytes are.
    /// </summary>
    public static bool TryRead(ref ReadOnlySpan<byte> source, out long value)
    {
        value = 0;
        var shift = 0;
        for (var i = 0; i < source.Length && shift <= MaxShift; i++, shift += 7)
        {
            value |= (long)(source[i] & 0x7F) << shift;
            if (source[i] < 0x80)
            {
                source = source[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
