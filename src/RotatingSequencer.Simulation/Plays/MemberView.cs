namespace RotatingSequencer.Simulation.Plays;

/// <summary>A member at a step, in words. Watermarks are global numbers.</summary>
/// <param name="Member">Its number.</param>
/// <param name="Condition">What it does.</param>
/// <param name="IsUp">Whether it runs.</param>
/// <param name="Held">Up to here it holds everything, on disk where it has a journal.</param>
/// <param name="Stable">Up to here it knows of a majority that holds everything.</param>
/// <param name="Delivered">Up to here it has delivered.</param>
/// <param name="Dropped">Up to here all hold everything, and it is forgotten.</param>
public sealed record MemberView(
    int Member,
    string Condition,
    bool IsUp,
    string Held,
    string Stable,
    string Delivered,
    string Dropped
);
