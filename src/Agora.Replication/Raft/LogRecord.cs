namespace Agora.Replication.Raft;

/// <summary>
/// An entry: the term of the leader that made it, and what it carries; nothing where the leader only began its term.
/// </summary>
internal readonly record struct LogRecord(long Term, byte[] Payload);
