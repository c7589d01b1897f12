using System.Globalization;
using System.Text;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using RotatingSequencer;
using RotatingSequencer.Journal;

namespace Agora.Replication;

/// <summary>
/// A copy of a database's state in a file that belongs to no replica: how a back-up gets it and checks it, and how the
/// replicas of another cluster begin with it.
/// </summary>
public static class DatabaseCopy
{
    /// <summary>The format of the states that this program writes and reads.</summary>
    public const int FormatVersion = StoreFile.FormatVersion;

    /// <summary>
    /// Fetches the state of a replica, with everything that was acknowledged before the call, and verifies it.
    /// </summary>
    /// <param name="calls">The replica, called as an operator.</param>
    /// <param name="replica">Its number.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="progress">Gets how many bytes have come, and of how many.</param>
    /// <param name="deadline">When to give up, in UTC.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RpcException">The replica does not answer to the end, or what came is not what it
    /// sent.</exception>
    public static async Task<StateDigest> FetchAsync(
        CallInvoker calls,
        int replica,
        string path,
        Action<long, long> progress,
        DateTime deadline,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(calls);
        using var call = new Contracts.Replication.Replica.ReplicaClient(calls).CopyState(
            new CopyStateRequest(),
            null,
            deadline,
            cancellationToken
        );
        var (header, digest) = await StateStream.ReceiveAsync(
            call,
            replica,
            atLeast: -1,
            path,
            progress,
            cancellationToken
        );
        StateDigest expected = new(header.Position, digest);
        return await Task.Run(() => Fault(path, expected), cancellationToken) is { } fault
            ? throw new RpcException(new Status(StatusCode.DataLoss, $"its state is not used: {fault}"))
            : expected;
    }

    /// <summary>The digest of the state in a file.</summary>
    public static StateDigest DigestOf(string path) => ReplicatedStore.DigestOf(path);

    /// <summary>The id of the cluster that a copy is of; null where it does not say.</summary>
    public static string? ClusterOf(string path)
    {
        using var file = StoreFile.Connect(path, SqliteOpenMode.ReadOnly);
        return StateOwner.Read(file)?.Cluster;
    }

    /// <summary>What is wrong with a copy; null if nothing is.</summary>
    public static string? Fault(string path, StateDigest expected) =>
        StateTransfer.FaultOf(path, owner: null, expected.Position, expected.Sha256);

    /// <summary>
    /// Makes the directory of a replica of another cluster, which has the state of a copy and goes on from its
    /// position. Everything in it is on disk afterwards.
    /// </summary>
    /// <remarks>
    /// Log and journal begin behind the position, the same at every replica, as if the group had just stopped there. So
    /// the group starts as after a power failure. A replica whose directory is not made in this way has nothing; it
    /// fetches the state from the others, and while too few of these have it, no empty group begins in its place. The
    /// cluster's id must be a new one: no replica of the copied group may ever meet one of these.
    /// </remarks>
    /// <param name="copy">The file of the copy.</param>
    /// <param name="expected">What it must hold.</param>
    /// <param name="directory">The directory to make, which is missing.</param>
    /// <param name="group">The database in the cluster file.</param>
    /// <param name="database">The database's name.</param>
    /// <param name="replica">The replica's number.</param>
    /// <param name="cluster">The cluster's id.</param>
    /// <exception cref="FixableException">The copy is damaged, or of another format.</exception>
    /// <exception cref="IOException">The directory is there, or cannot be written.</exception>
    public static void Restore(
        string copy,
        StateDigest expected,
        string directory,
        DatabaseGroup group,
        string database,
        int replica,
        string cluster
    )
    {
        ArgumentNullException.ThrowIfNull(group);
        if (Path.Exists(directory))
        {
            throw new IOException($"{directory} is there already.");
        }

        Directory.CreateDirectory(directory);
        ReplicaOwner owner = new(cluster, database, group.Engine, replica, group.Replicas.Count);
        var state = Path.Combine(directory, ReplicatedStore.FileName);
        File.Copy(copy, state);
        GiveTo(owner, state, copy);
        if (Fault(state, expected) is { } fault)
        {
            throw Damaged(copy, fault);
        }

        using (FileStream file = new(state, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Flush(flushToDisk: true);
        }

        if (group.Engine == ReplicationEngine.Raft)
        {
            ReplicaFiles.Begin(directory, expected.Position, owner);
        }
        else
        {
            RestoredGroup.CreateJournal(
                Path.Combine(directory, "journal"),
                replica,
                group.Replicas.Count,
                expected.Position,
                NameOf(owner, expected)
            );
        }

        DiskSync.SyncDirectory(directory);
    }

    private static void GiveTo(ReplicaOwner owner, string state, string copy)
    {
        try
        {
            using var file = StoreFile.Connect(state, SqliteOpenMode.ReadWrite);
            using Statement version = new(file, "PRAGMA user_version");
            if (version.Number() is var found && found != FormatVersion)
            {
                throw new FixableException(
                    copy,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"is of format {found}, and this program reads {FormatVersion}"
                    ),
                    "Restore it with the version of the program that made it"
                );
            }

            StateOwner.Write(file, owner);
        }
        catch (SqliteException e) when (StoreFile.IsDamageAtOpen(e))
        {
            throw Damaged(copy, StoreFile.WordsOf(e), e);
        }
    }

    private static FixableException Damaged(string copy, string fault, Exception? inner = null) =>
        new(copy, $"is damaged: {fault}", "Restore another back-up", inner);

    private static byte[] NameOf(ReplicaOwner owner, StateDigest state) =>
        Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{owner.Group}/{state.Position}/{state.Sha256}")
        );
}
