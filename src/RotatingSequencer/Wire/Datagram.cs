namespace RotatingSequencer.Wire;

/// <summary>
/// A datagram: header, claims of its sender, messages. The host appends a <see cref="Seal"/>. The format is in
/// docs/rotating-sequencer.md, byte by byte.
/// </summary>
internal static class Datagram
{
    public const byte Version = 1;

    /// <summary>'R', 'S', version, sender, then the sender's incarnation.</summary>
    public const int HeaderLength = 4 + 8;

    /// <summary>Most bytes that a datagram with one Request needs besides the Request's body.</summary>
    public static int OverheadOf(int members) =>
        HeaderLength + ((2 + members) * Varint.MaxLength) + RequestHeaderLength + Seal.Length;

    private const int RequestHeaderLength = 2 + (2 * Varint.MaxLength);
}
