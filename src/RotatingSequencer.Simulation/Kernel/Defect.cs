namespace RotatingSequencer.Simulation;

/// <summary>
/// A deliberate bug around the core. The observer must find it: a checker that never finds anything proves nothing.
/// </summary>
internal enum Defect
{
    None,

    /// <summary>Members claim one number more than they hold.</summary>
    ClaimsTooMuch,

    /// <summary>Members believe that others hold one number more than they claim.</summary>
    BelievesTooMuch,

    /// <summary>The disk reports a sync before it is done.</summary>
    SaysSyncedTooEarly,

    /// <summary>The disk loses the end of what was synced when its member crashes.</summary>
    LosesSynced,

    /// <summary>The application stores its position after its effects, not together with them.</summary>
    AppliesTwice,

    /// <summary>The application misses a payload now and then.</summary>
    SkipsPayload,

    /// <summary>Members hear that the application is done before it is.</summary>
    AppliedTooEarly,

    /// <summary>The network alters the last byte of a datagram, and its seal accordingly.</summary>
    AltersDatagrams,

    /// <summary>One direction of one link never works.</summary>
    StaysCut,

    /// <summary>A member keeps asking the others something.</summary>
    NeverSilent,
}
