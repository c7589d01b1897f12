namespace RotatingSequencer.Simulation.Plays;

/// <summary>What a person may do to a play.</summary>
public enum InterventionKind
{
    /// <summary>A message does not arrive.</summary>
    Lose,

    /// <summary>A message arrives twice.</summary>
    Double,

    /// <summary>A message arrives much later.</summary>
    Delay,

    /// <summary>A member does nothing for a while.</summary>
    Pause,

    /// <summary>A member dies. What it has on disk stays.</summary>
    Kill,

    /// <summary>A dead member starts again.</summary>
    Start,
}
