using Agora.Cluster;

namespace Agora.Replication;

/// <summary>
/// What helps a replica whose files cannot be used. The others give their state to a replica that has none, whichever
/// engine orders their commands; the replica sees to that itself (<see cref="ReplicaDirectory"/>).
/// </summary>
internal static class ReplicaAdvice
{
    /// <summary>Advice where log, ballot, journal or state is damaged, lost or from another time.</summary>
    /// <param name="group">The database.</param>
    /// <param name="directory">The replica's own directory.</param>
    public static string ForLog(DatabaseGroup group, string directory)
    {
        var full = Path.GetFullPath(directory);
        return group switch
        {
            { Replicas.Count: 1 } => $"No other replica holds a copy: put {full} back as it was, "
                + "or the damaged file from a copy of the same moment",
            { Engine: ReplicationEngine.Raft, Replicas.Count: 2 } =>
                $"One other replica alone cannot give it back: put {full} back as it was, "
                    + "or the damaged file from a copy of the same moment",
            _ => "The next start sets aside what is there, and fetches the state from the others",
        };
    }
}
