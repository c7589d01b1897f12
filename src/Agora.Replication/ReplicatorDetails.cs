namespace Agora.Replication;

/// <summary>What a replica knows of itself and the others, for people who watch. Counts begin at its start.</summary>
/// <param name="Term">The term that it has reached; null if the engine has none.</param>
/// <param name="Committed">A majority holds everything up to here, as far as this replica knows.</param>
/// <param name="RepairsAsked">How often it asked for messages that it missed; 0 if the engine never does.</param>
/// <param name="RepairsAnswered">How many messages it sent again because another replica asked.</param>
/// <param name="Resyncs">How often it fetched the whole state from another replica.</param>
/// <param name="Peers">The others.</param>
public sealed record ReplicatorDetails(
    long? Term,
    long Committed,
    long RepairsAsked,
    long RepairsAnswered,
    long Resyncs,
    IReadOnlyList<ReplicatorPeer> Peers
)
{
    /// <summary>How far it is with joining its group; null while it takes part.</summary>
    public ReplicatorJoining? Joining { get; init; }

    /// <summary>
    /// What an operator should know, as sentences: replicas that it refuses, files that it has set aside.
    /// </summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}

/// <summary>A replica that joins its group fetches the state from another one.</summary>
/// <param name="Reason">Why it joins, for people.</param>
/// <param name="Fetched">Bytes of the state that have come.</param>
/// <param name="Total">How many there are; null while none is being fetched.</param>
public readonly record struct ReplicatorJoining(string Reason, long Fetched, long? Total);

/// <summary>What a replica knows of another one.</summary>
/// <param name="Replica">Its replica number.</param>
/// <param name="Reaches">
/// Whether the two reach each other now, in this replica's view; null if it has no reason to know, such as one follower
/// of another.
/// </param>
/// <param name="HeardAgo">How long ago something of it came; null if nothing has, or if nobody noted when.</param>
/// <param name="RoundTrip">The usual time from a question to its answer; null if not measured.</param>
/// <param name="Received">Datagrams of it that came; null if the engine sends none.</param>
/// <param name="Sent">Datagrams sent to it; null if the engine sends none.</param>
public readonly record struct ReplicatorPeer(
    int Replica,
    bool? Reaches,
    TimeSpan? HeardAgo,
    TimeSpan? RoundTrip,
    long? Received,
    long? Sent
);
