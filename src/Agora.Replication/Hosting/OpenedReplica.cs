using Agora.Cluster;
using Agora.Replication.Raft;

namespace Agora.Replication.Hosting;

/// <summary>
/// What a replica has on its disk, opened and checked before anything of it is used or told. What cannot be used is set
/// aside, and the replica begins with nothing.
/// </summary>
internal sealed class OpenedReplica : IDisposable
{
    private OpenedReplica(ReplicaDirectory directory, ReplicatedStore store, ReplicaFiles? files) =>
        (Directory, Store, Files) = (directory, store, files);

    public ReplicaDirectory Directory { get; }

    public ReplicatedStore Store { get; }

    /// <summary>
    /// Log and ballot of a replica that runs on Raft; null for the other engine, which opens its own.
    /// </summary>
    public ReplicaFiles? Files { get; }

    /// <summary>Opens a replica's directory.</summary>
    /// <exception cref="FixableException">It cannot be used, and no other replica could give back what it holds; the
    /// message says which file, why, and what helps.</exception>
    public static OpenedReplica Open(
        string path,
        ReplicaOwner owner,
        DatabaseGroup group,
        IStateMachine stateMachine,
        RaftLogOptions options
    )
    {
        var directory = ReplicaDirectory.Take(path, owner, ComesBack(group), TimeProvider.System);
        try
        {
            try
            {
                return Open(directory, group, stateMachine, options);
            }
            catch (ReplicaDamagedException e) when (directory.TrySetAside(e.Message))
            {
                // Nothing is left that could be damaged.
                return Open(directory, group, stateMachine, options);
            }
        }
        catch (Exception e)
        {
            directory.Dispose();
            throw e is ReplicaDamagedException damage ? damage.With(ReplicaAdvice.ForLog(group, path)) : e;
        }
    }

    public void Dispose()
    {
        Files?.Dispose();
        Store.Dispose();
        Directory.Dispose();
    }

    // With Raft a replica joins through a leader that has a majority among the others. With the rotating sequencer any
    // other replica can give its state.
    private static bool ComesBack(DatabaseGroup group) =>
        group.Replicas.Count > (group.Engine == ReplicationEngine.Raft ? 2 : 1);

    private static OpenedReplica Open(
        ReplicaDirectory directory,
        DatabaseGroup group,
        IStateMachine stateMachine,
        RaftLogOptions options
    )
    {
        var path = directory.Path;
        var store = ReplicatedStore.Open(path, stateMachine, ReplicaAdvice.ForLog(group, path), directory.Owner);
        if (group.Engine != ReplicationEngine.Raft)
        {
            return new OpenedReplica(directory, store, null);
        }

        ReplicaFiles files = new(group, path, store, options with { Owner = directory.Owner.Mark });
        try
        {
            files.Open();
            return new OpenedReplica(directory, store, files);
        }
        catch (Exception e)
        {
            store.Dispose();
            throw e is ReplicaDamagedException ? e : files.Explain(e);
        }
    }
}
