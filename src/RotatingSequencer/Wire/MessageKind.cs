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

    /// <summary>Introduces the sender's life to the receiver; see <see cref="Wire.Greeting"/>.</summary>
    Greeting = 4,

    /// <summary>Asks for a promise to a new epoch: its number, and the incarnation of each member in it.</summary>
    Prepare = 5,

    /// <summary>Promises to take in nothing of earlier epochs; see <see cref="Wire.Promise"/>.</summary>
    Promise = 6,

    /// <summary>A new epoch that all have promised; see <see cref="Wire.Epoch"/>.</summary>
    Install = 7,

    /// <summary>A part of a Request that is too long for one datagram; see <see cref="RequestParts"/>.</summary>
    Part = 8,
}
