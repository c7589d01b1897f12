using System.Diagnostics;
using Agora.Contracts.Replication;
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
/// its very first start.</item>
/// <item>It fetches the state. The leader notes its last entry M when it is asked. After that it proves, with a
/// majority to which this replica does not belong, that it leads in term T, and waits until M is committed. Any
/// replica then gives its state at M or above.
/// <para>Entries: every entry that this replica ever acknowledged, and that anyone relies on, came from a leader of T
/// or before. So it lies at or below M.</para>
/// <para>Votes: what this replica may have voted is not known. In terms up to T it no longer matters, as T has its
/// leader. A candidate of a later term may still be collecting votes, this replica's among them. That candidate had
/// reached its term before it asked for the vote. So this replica now asks each of the others which term it has
/// reached, and goes on as if it had voted for itself in the highest: every vote that it may have given is of that
/// term or an earlier one. It also takes nothing from leaders of earlier terms any more. So no entry is committed with
/// its help that such a candidate, once elected, would miss.</para></item>
/// </list>
/// <para>Where another replica does not answer for a while, its term is not known. Two may be down at once, so this
/// replica does not wait longer. It goes on as if it had voted in a term so high (<see cref="TermsAhead"/>) that no
/// candidate will have reached it: a candidacy raises the term by one, and needs the consent of a majority first
/// (pre-vote). That is a bound which is far away, not a proof: a silent replica that joined in this way itself may
/// have a higher term. It costs the group an election, as its leader steps down before the higher term.</para>
/// <para>A replica that only fell behind keeps its ballot and its votes, and fetches the state in the same way. Its
/// ballot says so from the moment at which it learns this until log and state fit again. Whenever the process dies in
/// between, the next one begins from there.</para>
/// </remarks>
internal sealed class JoinProcedure(
    MemberId self,
    ReplicatedStore store,
    ReplicaFiles files,
    RaftPeers peers,
    ILogger logger
)
{
    private const long TermsAhead = 1000;

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_maxPause = TimeSpan.FromSeconds(1);

    // Several times as long as an answer may take: a replica that started late, or is busy, answers by then.
    private static readonly TimeSpan s_silenceTimeout = TimeSpan.FromSeconds(4);

    private readonly StateTransfer _transfer = new(store, files, peers, logger);

    // The terms that the others have reached, as each has said since this process began; null for one that has not
    // answered.
    private readonly long?[] _terms = new long?[peers.Others.Count()];

    private int _resyncs;

    /// <summary>How often the state was fetched.</summary>
    public int Resyncs => Volatile.Read(ref _resyncs);

    private bool HasHeardAll => Array.TrueForAll(_terms, term => term is not null);

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
        var hasWarned = false;
        var begun = Stopwatch.GetTimestamp();
        for (var pause = s_firstPause; ; )
        {
            var standings = await AskAsync(cancellationToken);
            var othersAreEmpty = Array.TrueForAll(standings, s => s is { Empty: true });
            if (ballot is null && store.Applied <= 0 && othersAreEmpty)
            {
                return Begin();
            }

            if (ballot is not null || HasHeardAll || Stopwatch.GetElapsedTime(begun) > s_silenceTimeout)
            {
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
            }

            if (!hasWarned && pause == s_maxPause)
            {
                hasWarned = true;
                logger.LogWarning(
                    "This replica holds no state that fits the group's; it waits for {For}",
                    Array.Exists(standings, s => s is { Empty: false })
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
        var highest = Math.Max(term, _terms.Max() ?? 0);
        BallotState promised = new() { Term = HasHeardAll ? highest : highest + TermsAhead, Vote = self };
        return (log, files.CreateBallot(promised));
    }

    private async Task<StandingReply?[]> AskAsync(CancellationToken cancellationToken)
    {
        var standings = await peers.GetStandingsAsync(cancellationToken);
        foreach (var (other, standing) in standings.Index())
        {
            if (standing is { HasTerm: true })
            {
                _terms[other] = Math.Max(_terms[other] ?? 0, standing.Term);
            }
        }

        return standings;
    }
}
