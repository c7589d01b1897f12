namespace Agora.Replication.Raft;

/// <summary>
/// This replica stopped leading, or was stopped, before an entry was committed. Another leader may still commit it.
/// </summary>
internal sealed class LeadershipLostException(Exception? reason)
    : Exception("This replica lost its leadership.", reason);
