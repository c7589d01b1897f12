namespace RotatingSequencer.Wire;

/// <summary>The kinds of message, as they stand in a datagram.</summary>
internal enum MessageKind : byte
{
    /// <summary>A member's request: sender, local number, body.</summary>
    Request = 1,

    /// <summary>A request's place in the total order: global number, sender, local number.</summary>
    Sequence = 2,

    /// <summary>What is missing; or, naming nothing, a question for the receiver's claims, or the answer to one.</summary>
    Retransmit = 3,
}

/// <summary>The unique id of a Request.</summary>
/// <param name="Sender">Member that sent it.</param>
/// <param name="Local">Its place among that member's requests, from 0.</param>
internal readonly record struct RequestId(int Sender, long Local)
{
    public override string ToString() => $"⟨{Sender},{Local}⟩";
}

/// <summary>One message of a datagram, as read. A Request's body points into the datagram.</summary>
internal ref struct Message
{
    public MessageKind Kind;
    public RequestId Id;

    /// <summary>Global number of a Sequence.</summary>
    public long Number;

    /// <summary>Body of a Request.</summary>
    public ReadOnlySpan<byte> Body;

    /// <summary>Of a Retransmit request: a question's token, 0 when its sender wants no answer to it.</summary>
    public long Ask;

    /// <summary>Of a Retransmit request: the token of the question that it answers, 0 when none.</summary>
    public long Answer;

    /// <summary>Of a Retransmit request: <see cref="MissingRange"/>s, still encoded; <see cref="DatagramReader"/> checked them.</summary>
    public ReadOnlySpan<byte> Missing;
}

/// <summary>Consecutive numbers that a member misses: Requests of one sender, or Sequences.</summary>
/// <param name="Sender">Whose Requests; <see cref="Sequences"/> for Sequences.</param>
/// <param name="First">First missing number.</param>
/// <param name="Count">How many, at least 1.</param>
internal readonly record struct MissingRange(int Sender, long First, long Count)
{
    /// <summary>Stands in the place of a sender where Sequences are meant.</summary>
    public const int Sequences = 255;

    /// <summary>Bytes of the longest range.</summary>
    public const int MaximumLength = 1 + (2 * Varint.MaximumLength);

    public static bool TryRead(ref ReadOnlySpan<byte> source, int members, out MissingRange range)
    {
        range = default;
        if (source.IsEmpty)
        {
            return false;
        }

        int sender = source[0];
        source = source[1..];
        if ((sender >= members && sender != Sequences)
            || !Varint.TryRead(ref source, out var first) || !Varint.TryRead(ref source, out var count)
            || count < 1 || count > long.MaxValue - first)
        {
            return false;
        }

        range = new(sender, first, count);
        return true;
    }
}
