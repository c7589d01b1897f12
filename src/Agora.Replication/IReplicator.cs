namespace Agora.Replication;

/// <summary>Orders commands over all replicas of a database and applies them to the local store. Two engines implement it.</summary>
public interface IReplicator : IAsyncDisposable
{
    /// <summary>
    /// Joins the group, without waiting for the others: <see cref="Status"/> tells when the group serves. Disposing leaves it in order:
    /// what is under way ends or fails as unavailable, and nothing acknowledged is lost.
    /// </summary>
    /// <exception cref="IOException">The directory or the port cannot be used; the message says which and why.</exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Completes when the replicator was disposed; faults when it had to stop by itself, because its log failed or a command could not
    /// be applied. The process must then end: nothing more is served, and a restart goes on from disk.
    /// </summary>
    Task Completion { get; }

    /// <summary>
    /// Orders a command; completes with the state machine's reply once the command is durable at a majority and applied here.
    /// </summary>
    /// <exception cref="ReplicaUnavailableException">
    /// It cannot be ordered through this replica now. The outcome may be unknown: repeat with the same request id.
    /// </exception>
    Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken);

    /// <summary>
    /// Completes once the local store reflects everything that was acknowledged anywhere before the call. Concurrent callers share one round.
    /// </summary>
    /// <exception cref="ReplicaUnavailableException">No majority, or no leader, can be asked now.</exception>
    Task ReadBarrierAsync(CancellationToken cancellationToken);

    /// <summary>What this replica knows of itself and the group, now; never waits.</summary>
    ReplicatorStatus Status { get; }

    /// <summary>
    /// Leader only, where the engine has one: a position that everything acknowledged before the call lies at or below, confirmed with a majority.
    /// </summary>
    /// <exception cref="ReplicaUnavailableException">This replica does not lead, or cannot confirm that it does.</exception>
    Task<long> ConfirmReadPositionAsync(CancellationToken cancellationToken);
}

/// <summary>A replica's own view.</summary>
/// <param name="Engine"><c>raft</c> or <c>rotating-sequencer</c>.</param>
/// <param name="Role"><c>leader</c>, <c>follower</c> or <c>candidate</c>; <c>sequencer</c> or <c>member</c>.</param>
/// <param name="Applied">Position up to which the local store reflects the log.</param>
/// <param name="Known">Highest position heard of.</param>
/// <param name="Ready">Reads and writes would be served now, as far as this replica knows.</param>
/// <param name="Leader">Replica number of the leader, where there is one and it is known.</param>
public readonly record struct ReplicatorStatus(string Engine, string Role, long Applied, long Known, bool Ready, int? Leader);

/// <summary>This replica cannot serve the call now; another may, and a repeat with the same request id is safe.</summary>
public sealed class ReplicaUnavailableException : Exception
{
    /// <summary>The replica that leads, where that is why and it is known: go there.</summary>
    public int? Leader { get; }

    /// <summary>Says what is missing, for a person.</summary>
    public ReplicaUnavailableException(string message, int? leader = null, Exception? innerException = null)
        : base(message, innerException) => Leader = leader;
}
