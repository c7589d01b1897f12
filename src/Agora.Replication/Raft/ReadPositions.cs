namespace Agora.Replication.Raft;

/// <summary>
/// Finds out what a read must wait for: a position that everything acknowledged before it lies at or below. Any replica does so by itself, in one round:
/// it asks the leader for what is committed, and at the same time as many others as it takes for a majority for the term that they have reached.
/// </summary>
/// <remarks>
/// <para>The position holds if a majority, the leader and this replica among them, has reached no later term than the leader's. For let a write be acknowledged before
/// the read began, by a leader of term W, and let the one that answers lead in term T, with an entry of T committed:</para>
/// <list type="bullet">
/// <item>W = T: it is this leader that acknowledged the write, so it had committed it.</item>
/// <item>W &lt; T: a leader has in its log whatever was committed in earlier terms, and its committed entry of T lies behind it.</item>
/// <item>W &gt; T: a majority held the write, hence had reached W, before the read began. One of them is in the majority that was asked after that, and a term only
/// grows: it would have said so. One that lost its disk in between came back only through a leader that proved itself with the others (<see cref="RaftNode"/>).</item>
/// </list>
/// <para>No clock decides anything: answers may take as long as they like. Nothing is written, and no round of replication is needed. Readers who wait share a
/// round; one that asks while a round runs waits for the next, as the answers may have been given before.</para>
/// </remarks>
internal sealed class ReadPositions
{
    // Longer than an answer takes on a busy machine; then the rest is asked too.
    private static readonly TimeSpan Hedge = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private readonly RaftNode _node;
    private readonly RaftPeers _peers;
    private readonly int _majority;
    private readonly CancellationToken _stop;
    private readonly SharedRound<long> _rounds;
    private long _begun;

    public ReadPositions(RaftNode node, RaftPeers peers, int members, CancellationToken stop)
    {
        (_node, _peers, _majority, _stop) = (node, peers, (members / 2) + 1, stop);
        _rounds = new SharedRound<long>(AskAsync);
    }

    /// <summary>How many rounds have begun.</summary>
    public long Begun => Volatile.Read(ref _begun);

    /// <summary>The position that a read which begins now must reflect.</summary>
    /// <exception cref="ReplicaUnavailableException">No leader is known, or none is confirmed by a majority.</exception>
    public Task<long> JoinAsync(CancellationToken cancellationToken) => _rounds.JoinAsync(cancellationToken);

    /// <summary>The position that these views, of different members, prove; null where they prove none.</summary>
    public static MemberView? Decide(IReadOnlyCollection<MemberView> views, int majority)
    {
        MemberView? leader = null;
        foreach (var view in views)
        {
            leader = view.Position is not null && view.Term >= (leader?.Term ?? 0) ? view : leader;
        }

        return views.Count(v => v.Term <= leader?.Term) >= majority ? leader : null;
    }

    private async Task<long> AskAsync()
    {
        Interlocked.Increment(ref _begun);
        var member = _node.Current;
        if (member is null || _node.View() is not { } own)
        {
            throw new ReplicaUnavailableException("This replica is not in the group.");
        }

        var leader = _node.Leader;
        if (leader is null && own.Position is null)
        {
            throw new ReplicaUnavailableException("No leader is known here.");
        }

        List<MemberView> views = [own];
        if (Decide(views, _majority) is { } alone)
        {
            return alone.Position!.Value;
        }

        // The leader, and whoever has answered lately; the others when that is not enough.
        var others = _peers.Others.OrderBy(o => own.Position is null && o == leader ? 0 : _peers.IsSilent(o) ? 2 : 1).ToList();
        var asked = others.Take(_majority - 1).Select(_peers.ViewAsync).ToList();
        var spared = others.Skip(_majority - 1).ToList();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        var late = Task.Delay(Hedge, over.Token);
        Exception? failure = null;
        while (asked.Count > 0)
        {
            var next = await Task.WhenAny([.. asked, late]);
            var isShort = next == late;
            if (isShort && spared.Count == 0)
            {
                break;
            }

            if (next is Task<MemberView> answer)
            {
                asked.Remove(answer);
                try
                {
                    views.Add(await answer);
                }
                catch (IOException e)
                {
                    (isShort, failure) = (true, e);
                }

                if (Decide(views, _majority) is { } proved)
                {
                    await over.CancelAsync();
                    member.Trail.Learn(proved);
                    return proved.Position!.Value;
                }
            }

            if (spared.Count > 0 && (isShort || asked.Count == 0))
            {
                asked.AddRange(spared.Select(_peers.ViewAsync));
                spared.Clear();
                late = Task.Delay(Timeout, over.Token);
            }
        }

        await over.CancelAsync();
        throw new ReplicaUnavailableException("No majority confirms that there is a leader.", leader, failure);
    }
}

/// <summary>What a member knows at one moment.</summary>
/// <param name="Term">The term that it has reached.</param>
/// <param name="Position">Where it leads in this term, and has committed an entry of it: what is committed.</param>
internal readonly record struct MemberView(long Term, long? Position);
