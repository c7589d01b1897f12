namespace Agora.Replication.Raft;

/// <summary>
/// The entries from <paramref name="First"/> on, up to the next run, were made in <paramref name="Term"/>.
/// </summary>
internal readonly record struct TermRun(long First, long Term);
