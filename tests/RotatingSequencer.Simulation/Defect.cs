namespace RotatingSequencer.Simulation;

/// <summary>
/// A bug that is put around the core on purpose, to see that the observer finds it: a checker that finds nothing has shown nothing.
/// </summary>
internal enum Defect
{
    None,

    /// <summary>Members claim one number more than they hold.</summary>
    ClaimsTooMuch,

    /// <summary>Members take others to hold one number more than these claim.</summary>
    BelievesTooMuch,

    /// <summary>The disk says that it has synced before it has.</summary>
    SaysSyncedTooEarly,

    /// <summary>The disk loses the end of what it had synced when its member crashes.</summary>
    LosesSynced,

    /// <summary>The application stores its position after its effects, not with them.</summary>
    AppliesTwice,

    /// <summary>The application misses a payload now and then.</summary>
    SkipsPayload,

    /// <summary>Members are told that the application was done while it was not.</summary>
    AppliedTooEarly,

    /// <summary>The network alters the last byte of a datagram and its seal with it.</summary>
    AltersDatagrams,

    /// <summary>One direction of one link never works.</summary>
    StaysCut,

    /// <summary>A member asks the others something for ever.</summary>
    NeverSilent,
}
