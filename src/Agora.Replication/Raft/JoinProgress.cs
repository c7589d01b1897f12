namespace Agora.Replication.Raft;

/// <summary>How far a replica is with joining.</summary>
/// <param name="Reason">Why it joins, for people.</param>
/// <param name="Fetched">Bytes of the state that have come.</param>
/// <param name="Total">How many there are; null while none is being fetched.</param>
internal readonly record struct JoinProgress(string Reason, long Fetched, long? Total);
