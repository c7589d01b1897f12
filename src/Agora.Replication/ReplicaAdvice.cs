using Agora.Cluster;

namespace Agora.Replication;

/// <summary>
/// What helps a replica whose files cannot be used. That depends on the engine. With Raft a majority of others gives
/// its state to a replica that has none; the replica sees to that itself (<see cref="ReplicaDirectory"/>). With the
/// rotating sequencer only a replica's own directory knows what it has said, and there is no way back yet without it.
/// </summary>
internal static class ReplicaAdvice
{
    /// <summary>Advice where log, ballot or journal is damaged, lost or from another time.</summary>
    /// <param name="group">The database.</param>
    /// <param name="directory">The replica's own directory.</param>
    public static string ForLog(DatabaseGroup group, string directory)
    {
        var full = Path.GetFullPath(directory);
        return group switch
        {
            { Engine: ReplicationEngine.Raft, Replicas.Count: > 2 } =>
                "The next start sets aside what is there, and fetches the state from the others",
            { Replicas.Count: 1 } => $"No other replica holds a copy: put {full} back as it was, "
                + "or the damaged file from a copy of the same moment",
            { Engine: ReplicationEngine.Raft } =>
                $"One other replica alone cannot give it back: put {full} back as it was, "
                    + "or the damaged file from a copy of the same moment",
            _ => $"Put {full} back as it was, or the damaged file from a copy of the same moment; "
                + "an older copy does not do, and the others cannot give it back yet",
        };
    }

    /// <summary>
    /// Advice where only the state is damaged. A journal that begins at the beginning makes it again; one that does not
    /// says so at the start.
    /// </summary>
    public static string ForState(DatabaseGroup group, string directory) =>
        group.Engine == ReplicationEngine.Raft
            ? ForLog(group, directory)
            : $"Stop it, move {Path.Combine(Path.GetFullPath(directory), ReplicatedStore.FileName)} "
                + "and its -wal and -shm away and start it: it makes the state again from its journal, "
                + "or says that the journal does not reach back so far; then put the directory back as it was";
}
