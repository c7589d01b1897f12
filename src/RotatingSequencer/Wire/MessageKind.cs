namespace RotatingSequencer.Wire;

/// <summary>The kinds of message, with their values in a datagram.</summary>
internal enum MessageKind : byte
{
    /// <summary>A member's request: sender, local number, body.</summary>
    Request = 1,

    /// <summary>A request's place in the total order: global number, sender, local number.</summary>
    Sequence = 2,

    /// <summary>
    /// Names what is missing; or names nothing and asks for the receiver's claims, or answers such a question.
    /// </summary>
    Retransmit = 3,
}
