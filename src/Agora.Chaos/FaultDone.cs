namespace Agora.Chaos;

/// <summary>A fault as it was done.</summary>
/// <param name="Round">The round's number.</param>
/// <param name="Seconds">When it began, from the beginning of the round.</param>
/// <param name="Until">When it ended.</param>
/// <param name="Kind">What kind of fault it is.</param>
/// <param name="What">What was done, and to which processes.</param>
/// <param name="Skipped">Why it was left out; null where it was done.</param>
/// <param name="ServesAfterSeconds">Where a replica started again with another disk than it had: how long after its
/// start it served; null where it did not in time.</param>
public sealed record FaultDone(
    int Round,
    double Seconds,
    double? Until,
    string Kind,
    string What,
    string? Skipped,
    double? ServesAfterSeconds = null
);
