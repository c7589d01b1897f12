namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>What can happen to a member.</summary>
internal enum Happening
{
    Arrives,
    Submits,
    Syncs,
    Reads,
    TimerRunsOut,
    Dies,
    DiesWithTheWriteDone,
    LosesDisk,
    Copies,
}

/// <summary>
/// One thing that happens to one member; <paramref name="What"/> is the index of the datagram that arrives, of the one
/// that outlives the member that loses its disk, or the member whose state is copied.
/// </summary>
internal readonly record struct SearchStep(Happening Happening, int Member, int What);
