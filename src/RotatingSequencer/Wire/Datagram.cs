namespace RotatingSequencer.Wire;

/// <summary>
/// A datagram: header, epoch and claims of its sender, messages. The host encrypts it and appends a <see cref="Seal"/>.
/// The format is in docs/rotating-sequencer.md, byte by byte.
/// </summary>
internal static class Datagram
{
    public const byte Version = 3;

    /// <summary>Members of the largest possible group: sets of members are bits of a word.</summary>
    public const int MaxMembers = 63;

    /// <summary>'R', 'S', version, sender, then the sender's life: in the clear, but sealed.</summary>
    public const int HeaderLength = 4 + 8;

    /// <summary>In the place of a message's kind: nothing follows.</summary>
    public const byte Padding = 0;

    /// <summary>Most bytes before the messages: the header, the epoch, the count of lives, and the claims.</summary>
    public static int PrefixLength(int members) => HeaderLength + ((4 + members) * Varint.MaxLength);

    /// <summary>Most bytes that a datagram with one Request needs besides the Request's body.</summary>
    public static int OverheadOf(int members) => PrefixLength(members) + RequestHeaderLength + Seal.Length;

    private const int RequestHeaderLength = 2 + (2 * Varint.MaxLength);
}
