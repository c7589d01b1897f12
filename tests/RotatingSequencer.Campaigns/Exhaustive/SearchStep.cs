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
}

/// <summary>
/// One thing that happens to one member; <paramref name="Flight"/> is the index of the datagram that arrives.
/// </summary>
internal readonly record struct SearchStep(Happening Happening, int Member, int Flight);
