using Agora.Contracts.Replication;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// Fetches the state of another replica and puts it in the place of this one's, with an empty log behind it.
/// </summary>
internal sealed class StateTransfer(ReplicatedStore store, ReplicaFiles files, RaftPeers peers, ILogger logger)
{
    private static readonly TimeSpan s_restorePointTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Restores the state at or above the leader's last entry at the time of the call, and returns the log behind it
    /// and the term in which that leader has proved to lead since.
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
        logger.LogInformation("Fetched the state at {Position}, {Bytes} bytes", header.Position, header.Length);
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
                return await peers.FetchStateAsync(follower, position, files.IncomingState, cancellationToken);
            }
            catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
            {
                logger.LogDebug(e, "Replica {Replica} does not send its state", follower);
            }
        }

        return await peers.FetchStateAsync(leader, position, files.IncomingState, cancellationToken);
    }
}
