using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>What this member knows of another.</summary>
internal sealed class Peer(int members)
{
    /// <summary>Which of its lives is believed, and what that has said.</summary>
    public PeerLife Life;

    /// <summary>
    /// The life that it is asked whether it knows, and from which token on: who answers such a question has found it
    /// among the starts of its own journal.
    /// </summary>
    public (HeardLife Life, long Since) Named;

    /// <summary>How long its answers take.</summary>
    public RoundTrip RoundTrip;

    /// <summary>When its present life was heard last.</summary>
    public long LastHeard = long.MinValue / 2;

    /// <summary>The highest claims that it is known to have made.</summary>
    public Claims Claims { get; } = new(members);
}
