using Agora.Contracts.Replication;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// Fetches the state of another replica, verifies it, and puts it in the place of this one's, with an empty log behind
/// it.
/// </summary>
internal sealed class StateTransfer(
    ReplicaOwner owner,
    ReplicatedStore store,
    ReplicaFiles files,
    RaftPeers peers,
    ILogger logger
)
{
    private static readonly TimeSpan s_restorePointTimeout = TimeSpan.FromSeconds(5);

    private long _fetched;
    private long _total = -1;

    /// <summary>How much has come.</summary>
    public JoinProgress Progress =>
        new("", Volatile.Read(ref _fetched), Volatile.Read(ref _total) is >= 0 and var total ? total : null);

    /// <summary>
    /// Restores the state at or above an entry that the leader commits for this replica, and returns the log behind it
    /// and the leader's term. See <see cref="JoinProcedure"/>.
    /// </summary>
    /// <remarks>
    /// A crash on the way leaves a state and a log that may not fit together. The ballot says until afterwards that
    /// this replica needs the state, or there is none: the next start does all of this again.
    /// </remarks>
    /// <exception cref="RpcException">The leader, or every replica that could give the state, does not
    /// answer.</exception>
    public async Task<(RaftLog Log, long Term)> RestoreAsync(int leader, CancellationToken cancellationToken)
    {
        var point = await peers.GetRestorePointAsync(leader, s_restorePointTimeout, cancellationToken);
        var header = await FetchAsync(leader, point.Position, cancellationToken);
        store.Restore(files.IncomingState);
        File.Delete(files.IncomingState);
        TermRun[] terms = [.. header.Terms.Select(t => new TermRun(t.First, t.Term))];
        return (files.CreateLog(header.Position, terms), point.Term);
    }

    // From a follower where possible, as the leader has enough to do.
    private async Task<StateHeader> FetchAsync(int leader, long position, CancellationToken cancellationToken)
    {
        foreach (var follower in peers.Others.Where(other => other != leader))
        {
            try
            {
                return await FetchFromAsync(follower, position, cancellationToken);
            }
            catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
            {
                // One that sends what it should not is news; one that is down is not.
                logger.Log(
                    e.StatusCode == StatusCode.DataLoss ? LogLevel.Warning : LogLevel.Debug,
                    "Replica {Replica} does not send its state: {Reason}",
                    follower,
                    e.Status.Detail
                );
            }
        }

        return await FetchFromAsync(leader, position, cancellationToken);
    }

    private async Task<StateHeader> FetchFromAsync(int replica, long position, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _fetched, 0);
        Volatile.Write(ref _total, -1);
        var (header, digest) = await peers.FetchStateAsync(
            replica,
            position,
            files.IncomingState,
            (fetched, total) =>
            {
                Volatile.Write(ref _total, total);
                Volatile.Write(ref _fetched, fetched);
            },
            cancellationToken
        );
        if (
            await Task.Run(() => FaultOf(files.IncomingState, owner, header.Position, digest), cancellationToken) is
            { } fault
        )
        {
            throw new RpcException(new Status(StatusCode.DataLoss, $"its state is not used: {fault}"));
        }

        logger.LogInformation(
            "Fetched the state at {Position} from replica {Replica}, {Bytes} bytes, and verified its digest",
            header.Position,
            replica,
            header.Length
        );
        return header;
    }

    /// <summary>What is wrong with a state that was fetched; null if nothing is.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="owner">Whose group it must be of; null where that does not matter.</param>
    /// <param name="position">The position that came with it.</param>
    /// <param name="digest">The digest that came with it.</param>
    internal static string? FaultOf(string path, ReplicaOwner? owner, long position, string digest)
    {
        try
        {
            using (var file = StoreFile.Connect(path, SqliteOpenMode.ReadOnly))
            {
                using Statement check = new(file, "PRAGMA quick_check(1)");
                using (var rows = check.Query())
                {
                    if (!rows.Read() || rows.Text(0) != "ok")
                    {
                        return $"SQLite finds: {rows.Text(0)}";
                    }
                }

                if (StateOwner.Read(file) is not { } from)
                {
                    return "it does not say whose it is";
                }

                if (owner?.GroupDifference(from) is { } difference)
                {
                    return $"it {difference}";
                }
            }

            var found = ReplicatedStore.DigestOf(path);
            return found.Position != position ? $"it is at {found.Position} instead of {position}"
                : found.Sha256 != digest ? "its digest is not the one that was sent with it"
                : null;
        }
        catch (SqliteException e)
        {
            return StoreFile.WordsOf(e);
        }
    }
}
