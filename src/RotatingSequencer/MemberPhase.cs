namespace RotatingSequencer;

/// <summary>How far a member takes part in its group.</summary>
public enum MemberPhase
{
    /// <summary>It waits until the others have answered, and have agreed on an epoch with it.</summary>
    Meeting,

    /// <summary>It copies the application's state from another member.</summary>
    Copying,

    /// <summary>It has the state, and fetches what the others hold beyond it.</summary>
    CatchingUp,

    /// <summary>It takes part.</summary>
    Member,
}
