namespace Agora.Replication;

/// <summary>
/// Orders commands over all replicas of a database and applies them to the local store. Two engines implement it.
/// </summary>
public interface IReplicator : IAsyncDisposable
{
    /// <summary>
    /// Joins the group, without waiting for the others: <see cref="Status"/> says when the group serves. Disposing
    /// leaves it in order: calls under way end or fail as unavailable, and nothing acknowledged is lost.
    /// </summary>
    /// <exception cref="IOException">The directory or the port cannot be used; the message says which and
    /// why.</exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Completes when the replicator was disposed. Faults when it had to stop, because its log failed or a command
    /// could not be applied. The process must then end: nothing more is served, and a restart goes on from disk.
    /// </summary>
    Task Completion { get; }

    /// <summary>
    /// Orders a command; completes with the state machine's reply once the command is durable at a majority and applied
    /// here.
    /// </summary>
    /// <exception cref="ReplicaUnavailableException">
    /// It cannot be ordered through this replica now. The outcome may be unknown: retry with the same request id.
    /// </exception>
    Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken);

    /// <summary>
    /// Completes once the local store reflects everything that was acknowledged anywhere before the call. Concurrent
    /// callers share one round of questions to the group.
    /// </summary>
    /// <exception cref="ReplicaUnavailableException">No majority, or no leader, can be asked now.</exception>
    Task ReadBarrierAsync(CancellationToken cancellationToken);

    /// <summary>What this replica knows of itself and the group, now; never waits.</summary>
    ReplicatorStatus Status { get; }

    /// <summary>What people who watch want to know besides; never waits.</summary>
    ReplicatorDetails Details { get; }
}

/// <summary>What a replica knows of itself and the group.</summary>
/// <param name="Engine"><c>raft</c> or <c>rotating-sequencer</c>.</param>
/// <param name="Role"><c>leader</c>, <c>follower</c> or <c>candidate</c>; <c>sequencer</c> or <c>member</c>.</param>
/// <param name="Applied">Position up to which the local store reflects the log.</param>
/// <param name="Known">Highest position heard of.</param>
/// <param name="Ready">Reads and writes would be served now, as far as this replica knows.</param>
/// <param name="Leader">Replica number of the leader, where there is one and it is known.</param>
public readonly record struct ReplicatorStatus(
    string Engine,
    string Role,
    long Applied,
    long Known,
    bool Ready,
    int? Leader
);

/// <summary>
/// This replica cannot serve the call now; another may, and a retry with the same request id is safe.
/// </summary>
public sealed class ReplicaUnavailableException : Exception
{
    /// <summary>The replica that leads, where it is known: the call belongs there.</summary>
    public int? Leader { get; }

    /// <summary>Says what is missing, for a person.</summary>
    public ReplicaUnavailableException(string message, int? leader = null, Exception? innerException = null)
        : base(message, innerException) => Leader = leader;
}
