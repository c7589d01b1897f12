using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>A message of a recorded datagram.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Id">The id of a Request, or of the Request that a Sequence names.</param>
/// <param name="Number">The global number of a Sequence.</param>
/// <param name="Asks">Whether a Retransmit request asks how far its receiver holds everything.</param>
/// <param name="Answers">Whether a Retransmit request answers such a question.</param>
/// <param name="Missing">What a Retransmit request names as missing.</param>
/// <param name="IsAgain">Whether a Request or a Sequence was sent before: this is a repair.</param>
internal sealed record SentMessage(
    MessageKind Kind,
    RequestId Id,
    long Number,
    bool Asks,
    bool Answers,
    IReadOnlyList<MissingRange> Missing,
    bool IsAgain
)
{
    public bool IsRequest => Kind is MessageKind.Request or MessageKind.Part;

    public bool IsSequence => Kind == MessageKind.Sequence;

    /// <summary>Whether it asks for messages by name.</summary>
    public bool NamesMissing => Missing.Count > 0;
}
