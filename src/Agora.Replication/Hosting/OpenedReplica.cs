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

    /// <summary>Log and ballot of a replica that runs on Raft; null for the other engine, which opens its own.</summary>
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
            throw e is ReplicaDamagedException damage ? damage.With(AdviceFor(damage, group, path)) : e;
        }
    }

    public void Dispose()
    {
        Files?.Dispose();
        Store.Dispose();
        Directory.Dispose();
    }

    // A replica joins through a leader that has a majority among the others. The other engine cannot do it yet.
    private static bool ComesBack(DatabaseGroup group) =>
        group.Engine == ReplicationEngine.Raft && group.Replicas.Count > 2;

    private static OpenedReplica Open(
        ReplicaDirectory directory,
        DatabaseGroup group,
        IStateMachine stateMachine,
        RaftLogOptions options
    )
    {
        var path = directory.Path;
        var store = ReplicatedStore.Open(path, stateMachine, ReplicaAdvice.ForState(group, path), directory.Owner);
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

    private static string AdviceFor(ReplicaDamagedException damage, DatabaseGroup group, string path) =>
        Path.GetFileName(damage.File) == ReplicatedStore.FileName
            ? ReplicaAdvice.ForState(group, path)
            : ReplicaAdvice.ForLog(group, path);
}
