namespace RotatingSequencer.Simulation;

/// <summary>What happens to a member, or what it begins or ends, beside sending and receiving.</summary>
internal enum MemberEvent
{
    /// <summary>A client hands it a request.</summary>
    Submits,
    BeginsToRead,

    /// <summary>A read may now use the member's state.</summary>
    Reads,
    Dies,
    Starts,
    Pauses,
    GoesOn,
}
