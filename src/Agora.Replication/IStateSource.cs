namespace Agora.Replication;

/// <summary>Gives the whole state away: to a replica that joins, or to a back-up.</summary>
internal interface IStateSource
{
    /// <summary>
    /// The state at a position at or above the one given, in a file that is gone when it is disposed. One at a time.
    /// </summary>
    /// <exception cref="ReplicaUnavailableException">This replica has no such state now.</exception>
    Task<StateSnapshot> SnapshotAsync(long atLeast, CancellationToken cancellationToken);
}
