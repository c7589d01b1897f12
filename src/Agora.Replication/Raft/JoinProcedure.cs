using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>How a replica joins the group without a ballot, or without the state that its log would need.</summary>
/// <remarks>
/// <para>A replica without a ballot has never promised anything, or has lost what it promised with its disk; it cannot
/// tell which. If it voted as if it were new, a majority that misses an acknowledged entry could elect a leader with
/// its help. So it joins in one of two ways.</para>
/// <list type="number">
/// <item>All others have no ballot either, or have never used theirs. Then nothing was ever acknowledged: a majority
/// would hold it, and one of the others would be in that majority. The group begins. This needs every replica once, at
/// its very first start. A replica that has set something aside is not new and begins nothing.</item>
/// <item>It fetches the state. It asks the leader, which then appends an entry E of its term T and waits until a
/// majority holds E on disk. This replica, J, belongs to no such majority, as it takes part only afterwards. Any
/// replica then gives its state at E or above. J goes on from there as one that has reached T and has voted for itself
/// in it.</item>
/// </list>
/// <para><b>Entries.</b> What J acknowledged in its earlier lives, and anybody relies on, came from leaders of T or
/// before, and lies below E: a leader of T has in its log what was committed before its term, and appended E behind
/// what it had sent in its term. A leader of an earlier term commits nothing more, as a majority has reached T.</para>
/// <para><b>Votes.</b> In terms up to T, J votes for nobody. What it voted in later terms is lost, and it may vote
/// there a second time. Call a vote in a term t <em>lost</em> if its giver has joined since, with an entry of a term T
/// &lt; t. Claim: no candidate wins with a lost vote, and every leader of a term above T has E. So the lost votes elect
/// nobody, no term has two leaders, and no leader misses what was committed with J's help after it joined.</para>
/// <para>Proof, by induction over t. Suppose C is elected in t with the votes of a majority V.</para>
/// <list type="bullet">
/// <item>Let some votes in V be lost; of the entries with which their givers joined, let E, of term T &lt; t, be the
/// one that was committed first, and J the replica that joined with it. A majority A without J held E on its disks in
/// term T. A and V share a member w, other than J.</item>
/// <item>Did w vote for C before it acknowledged E? Not in one life: its term only grows, and T &lt; t. And not in two:
/// w would have joined in between, in a term of at most T, and taken part only after its own entry was committed, which
/// is before w acknowledged E. So w's vote would be a lost one with an earlier entry than E.</item>
/// <item>So w had E when it voted, in its log or in the state that it joined with. Its vote says that C's log is at
/// least as up to date as its own. C's last entry is of T, and then the leader of T made it at or behind E; or it is of
/// a later term below t, whose leader had E by induction. Either way C has E.</item>
/// <item>A candidate's log does not change during its candidacy. J's lost vote was given in an earlier life, so C's
/// candidacy began before J asked and before E was made. So C does not have E: a contradiction. No vote in V is
/// lost.</item>
/// <item>Without lost votes in V the same w shows for any join with E of a term below t that C has E.</item>
/// </list>
/// <para>J itself may have stood in a term above T in an earlier life, and some may have voted for it. That candidacy
/// ended with its process. If J stands there again, these votes are for J still, each compared with its log anew, and
/// no other candidate gets them.</para>
/// <para>The proof asks nothing of replicas that are silent: they may have reached any term, and come back at any time.
/// So J votes and counts like any other as soon as it takes part, also while two of five are dead. It needs a leader
/// with a majority among the others. Two wiped replicas of five join one after the other or at once; while a majority
/// is wiped or dead there is no leader, and nothing begins anew.</para>
/// <para>A replica that only fell behind keeps its ballot and its votes, and fetches the state in the same way. Its
/// ballot says so from the moment at which it learns this until log and state fit again. Whenever the process dies in
/// between, the next one begins from there.</para>
/// </remarks>
internal sealed class JoinProcedure(
    MemberId self,
    ReplicaDirectory directory,
    ReplicatedStore store,
    ReplicaFiles files,
    RaftPeers peers,
    ILogger logger
)
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_maxPause = TimeSpan.FromSeconds(1);

    private readonly StateTransfer _transfer = new(directory.Owner, store, files, peers, logger);

    private int _resyncs;
    private volatile string _reason = "starts";

    /// <summary>How often the state was fetched.</summary>
    public int Resyncs => Volatile.Read(ref _resyncs);

    /// <summary>Why this replica joins, and how much of the state it has.</summary>
    public JoinProgress Progress => _transfer.Progress with { Reason = _reason };

    /// <summary>Begins a group: an empty log and a ballot without promises.</summary>
    public (RaftLog Log, Ballot Ballot) Begin()
    {
        // In this order: without the ballot the next start begins here again.
        var log = files.CreateLog(0, []);
        return (log, files.CreateBallot(new BallotState()));
    }

    /// <summary>Joins, however long that takes; returns what this replica takes part with.</summary>
    /// <param name="ballot">What this replica has promised; null where it has no ballot.</param>
    /// <param name="cancellationToken">Ends the attempts.</param>
    public async Task<(RaftLog Log, Ballot Ballot)> JoinAsync(Ballot? ballot, CancellationToken cancellationToken)
    {
        var isNew = ballot is null && store.Applied <= 0 && !directory.HoldsSetAside;
        _reason =
            ballot is not null ? "it was away for longer than the others' logs reach back"
            : directory.SetAsideReason is { } aside ? $"what it held is set aside: {aside}"
            : isNew ? "it holds nothing: it is new, or has lost its directory"
            : "it no longer knows what it promised";
        var hasWarned = false;
        for (var pause = s_firstPause; ; )
        {
            var standings = await peers.GetStandingsAsync(cancellationToken);
            var othersAreEmpty = Array.TrueForAll(standings, s => s is { Empty: true });
            if (isNew && othersAreEmpty)
            {
                return Begin();
            }

            foreach (var leader in standings.Where(s => s is { HasLeader: true }).Select(s => s!.Leader).Distinct())
            {
                try
                {
                    return await RestoreAsync(ballot, leader, cancellationToken);
                }
                catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
                {
                    logger.LogWarning("The state cannot be fetched now: {Reason}", e.Status.Detail);
                }
            }

            if (!hasWarned && pause == s_maxPause)
            {
                hasWarned = true;
                logger.LogWarning(
                    "This replica holds no state that fits the group's ({Reason}); it waits for {For}",
                    _reason,
                    !isNew || Array.Exists(standings, s => s is { Empty: false })
                        ? "a leader, to fetch the state"
                        : "every other replica, as a group begins with all of them"
                );
            }

            // A group that is about to begin is soon no longer empty. A replica that looks too late has to fetch the
            // little that is there.
            await Task.Delay(pause, cancellationToken);
            if (!othersAreEmpty)
            {
                pause = pause < s_maxPause ? pause * 2 : s_maxPause;
            }
        }
    }

    private async Task<(RaftLog Log, Ballot Ballot)> RestoreAsync(
        Ballot? ballot,
        int leader,
        CancellationToken cancellationToken
    )
    {
        var (log, term) = await _transfer.RestoreAsync(leader, cancellationToken);
        Interlocked.Increment(ref _resyncs);
        if (ballot is not null)
        {
            ballot.Write(ballot.State with { NeedsState = false });
            return (log, ballot);
        }

        // No other replica can have this replica's vote for itself.
        return (log, files.CreateBallot(new BallotState { Term = term, Vote = self }));
    }
}
