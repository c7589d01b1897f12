using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>A Sequence that is held: the Request that its number is assigned to.</summary>
internal struct HeldSequence
{
    public RequestId Id;
    public LastSent LastSent;
}
