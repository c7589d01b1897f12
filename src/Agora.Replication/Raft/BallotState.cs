namespace Agora.Replication.Raft;

/// <summary>A replica's promises.</summary>
internal sealed record BallotState
{
    /// <summary>The term that the replica has reached.</summary>
    public long Term { get; init; }

    /// <summary>Its vote in that term; null while it has none.</summary>
    public MemberId? Vote { get; init; }

    /// <summary>
    /// The others' logs no longer reach back to where this replica's ends: it must fetch the state before it takes
    /// part.
    /// </summary>
    public bool NeedsState { get; init; }
}
