namespace Agora.Replication.Raft;

/// <summary>What a member knows at one moment, for a peer that wants to read.</summary>
/// <param name="Term">The term that it has reached.</param>
/// <param name="CommitIndex">What is committed, where it leads in this term and has committed an entry of it.</param>
internal readonly record struct TermReport(long Term, long? CommitIndex);
