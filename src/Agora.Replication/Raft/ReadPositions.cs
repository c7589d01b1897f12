namespace Agora.Replication.Raft;

/// <summary>
/// Finds out what a read must wait for: a position at or above everything that was acknowledged before. Any replica
/// does so, in one round: it asks the leader for what is committed, and at the same time enough others for a majority
/// for the term that they have reached.
/// </summary>
/// <remarks>
/// <para>The position is right if a majority, the leader and this replica among them, has reached no later term than
/// the leader's. Proof: let a write be acknowledged before the read began, by a leader of term W. Let the leader that
/// answers lead in term T, with an entry of T committed.</para>
/// <list type="bullet">
/// <item>W = T: this same leader acknowledged the write, so it had committed it.</item>
/// <item>W &lt; T: a leader's log has everything that was committed in earlier terms, and its committed entry of T
/// comes after that.</item>
/// <item>W &gt; T: a majority held the write, hence had reached W, before the read began. One of them is in the
/// majority that was asked after that. A term only grows, so its answer would show W. A replica that lost its disk in
/// between joined again only through a leader that proved itself with the others (<see cref="JoinProcedure"/>).</item>
/// </list>
/// <para>No clock decides anything: answers may take any time. Nothing is written, and no round of replication is
/// needed. Readers that wait share a round. A reader that comes while a round runs waits for the next one, as the
/// answers may have been given before it came.</para>
/// </remarks>
internal sealed class ReadPositions
{
    // Longer than an answer takes on a busy machine; after that the remaining replicas are asked too.
    private static readonly TimeSpan s_hedgeDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(2);

    private readonly RaftNode _node;
    private readonly RaftPeers _peers;
    private readonly int _majority;
    private readonly CancellationToken _stop;
    private readonly SharedRound<long> _rounds;
    private long _begun;

    public ReadPositions(RaftNode node, RaftPeers peers, int members, CancellationToken cancellationToken)
    {
        (_node, _peers, _majority, _stop) = (node, peers, (members / 2) + 1, cancellationToken);
        _rounds = new SharedRound<long>(AskAsync);
    }

    /// <summary>How many rounds have begun.</summary>
    public long Begun => Volatile.Read(ref _begun);

    /// <summary>The position that a read which begins now must reflect.</summary>
    /// <exception cref="ReplicaUnavailableException">No leader is known, or none is confirmed by a
    /// majority.</exception>
    public Task<long> JoinAsync(CancellationToken cancellationToken) => _rounds.JoinAsync(cancellationToken);

    /// <summary>
    /// The leader's report that these reports, of different members, prove; null where they prove none.
    /// </summary>
    public static TermReport? Decide(IReadOnlyCollection<TermReport> reports, int majority)
    {
        TermReport? leader = null;
        foreach (var report in reports)
        {
            leader = report.CommitIndex is not null && report.Term >= (leader?.Term ?? 0) ? report : leader;
        }

        return reports.Count(r => r.Term <= leader?.Term) >= majority ? leader : null;
    }

    private async Task<long> AskAsync()
    {
        Interlocked.Increment(ref _begun);
        var member = _node.Current;
        if (member is null || _node.Report() is not { } own)
        {
            throw new ReplicaUnavailableException("This replica is not in the group.");
        }

        var leader = _node.Leader;
        if (leader is null && own.CommitIndex is null)
        {
            throw new ReplicaUnavailableException("No leader is known here.");
        }

        List<TermReport> reports = [own];
        if (Decide(reports, _majority) is { } alone)
        {
            return alone.CommitIndex!.Value;
        }

        // The leader and those that have answered lately; the others when that is not enough.
        var others = _peers
            .Others.OrderBy(o =>
                own.CommitIndex is null && o == leader ? 0
                : _peers.IsSilent(o) ? 2
                : 1
            )
            .ToList();
        var asked = others.Take(_majority - 1).Select(_peers.ReportAsync).ToList();
        var unasked = others.Skip(_majority - 1).ToList();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        var late = Task.Delay(s_hedgeDelay, over.Token);
        Exception? failure = null;
        while (asked.Count > 0)
        {
            var next = await Task.WhenAny([.. asked, late]);
            var isShort = next == late;
            if (isShort && unasked.Count == 0)
            {
                break;
            }

            if (next is Task<TermReport> answer)
            {
                asked.Remove(answer);
                try
                {
                    reports.Add(await answer);
                }
                catch (IOException e)
                {
                    (isShort, failure) = (true, e);
                }

                if (Decide(reports, _majority) is { } proved)
                {
                    await over.CancelAsync();
                    member.State.Learn(proved);
                    return proved.CommitIndex!.Value;
                }
            }

            if (unasked.Count > 0 && (isShort || asked.Count == 0))
            {
                asked.AddRange(unasked.Select(_peers.ReportAsync));
                unasked.Clear();
                late = Task.Delay(s_timeout, over.Token);
            }
        }

        await over.CancelAsync();
        throw new ReplicaUnavailableException("No majority confirms that there is a leader.", leader, failure);
    }
}
