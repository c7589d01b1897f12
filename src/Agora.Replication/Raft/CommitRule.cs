namespace Agora.Replication.Raft;

/// <summary>
/// Decides which entries of this replica's log are committed. It knows no lock, disk, task or message: the caller says
/// what happened, and asks.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>A leader commits what a majority holds on disk, itself included. It counts only acknowledgements of its own
/// term.</item>
/// <item>A leader commits an entry of an earlier term only together with one of its own. A later leader may otherwise
/// replace an entry that a majority holds (section 5.4.2 of the Raft paper).</item>
/// <item>A follower commits what the leader of its term has committed, as far as its own log is known to be that
/// leader's.</item>
/// <item>In a group of one, an entry on disk is committed.</item>
/// </list>
/// Committed never decreases, whatever happens.
/// </remarks>
internal sealed class CommitRule(int members, long committed)
{
    private readonly int _majority = (members / 2) + 1;

    /// <summary>
    /// The highest entry that each follower acknowledged in <see cref="_leadTerm"/>. Each holds this entry and all
    /// before it on disk, as they are in this replica's log. Without meaning while this replica follows.
    /// </summary>
    private readonly Dictionary<object, long> _matchIndex = new(ReferenceEqualityComparer.Instance);

    /// <summary>Every later leader has the entries up to here. Never decreases.</summary>
    private long _committed = committed;

    /// <summary>The term in which this replica leads and appends; null while it follows.</summary>
    private long? _leadTerm;

    /// <summary>
    /// The first entry that this replica appended in <see cref="_leadTerm"/>; all from here on are of it.
    /// </summary>
    private long _firstOfTerm;

    /// <summary>The log up to here is that of the leader of <see cref="_matchedTerm"/>, and on disk.</summary>
    private long _matched = committed;

    /// <summary>The term whose leader <see cref="_matched"/> is about.</summary>
    private long _matchedTerm;

    /// <summary>The highest commit index that a leader of the highest such term has reported.</summary>
    private TermReport _leaderReport;

    /// <summary>Entries up to here are committed.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>The term in which this replica leads and appends; null while it follows.</summary>
    public long? LeadTerm => _leadTerm;

    /// <summary>The first entry of the term in which it leads. Without meaning while it follows.</summary>
    public long FirstOfTerm => _firstOfTerm;

    /// <summary>This replica appends its first entry as the leader of a term.</summary>
    public void Lead(long term, long first)
    {
        (_leadTerm, _firstOfTerm) = (term, first);
        _matchIndex.Clear();
    }

    /// <summary>This replica has learned of a later term, or of another leader.</summary>
    public void StepDown() => _leadTerm = null;

    /// <summary>
    /// A follower has answered a request of <paramref name="term"/>: it holds everything up to
    /// <paramref name="index"/>. An answer to a request of another term counts for nothing.
    /// </summary>
    /// <param name="follower">Tells the followers apart, by reference.</param>
    /// <param name="term">The term of the request.</param>
    /// <param name="index">Where the request's entries end.</param>
    public void Acknowledge(object follower, long term, long index)
    {
        if (_leadTerm == term)
        {
            _matchIndex[follower] = Math.Max(_matchIndex.GetValueOrDefault(follower), index);
        }
    }

    /// <summary>A leader's entries from <paramref name="first"/> on are about to be written here.</summary>
    public void BeginMatch(long first)
    {
        StepDown();

        // Nothing before them changes.
        _matched = Math.Min(_matched, first - 1);
    }

    /// <summary>
    /// The log up to <paramref name="end"/> is on disk and is that of the leader of <paramref name="term"/>. Returns
    /// whether more is committed.
    /// </summary>
    public bool EndMatch(long term, long end, long currentTerm)
    {
        (_matched, _matchedTerm) = (end, term);
        return CommitReported(currentTerm);
    }

    /// <summary>A leader has reported what it has committed. Returns whether more is committed here.</summary>
    public bool Learn(TermReport leader, long currentTerm)
    {
        var isNews =
            leader.Term > _leaderReport.Term
            || (leader.Term == _leaderReport.Term && leader.CommitIndex > (_leaderReport.CommitIndex ?? -1));
        if (isNews)
        {
            _leaderReport = leader;
        }

        return isNews && CommitReported(currentTerm);
    }

    /// <summary>
    /// Commits as much as is safe, at most up to <paramref name="proposed"/>. Returns whether that is more.
    /// </summary>
    /// <param name="proposed">A leader proposes what it likes; a follower what the leader of its term has
    /// committed.</param>
    /// <param name="durable">This replica's own log is on disk up to here.</param>
    public bool Commit(long proposed, long durable)
    {
        if (_majority == 1)
        {
            return Advance(Math.Min(proposed, durable));
        }

        if (_leadTerm is null)
        {
            return Advance(Math.Min(proposed, _matched));
        }

        var index = Math.Min(proposed, HeldByMajority(durable));
        return index >= _firstOfTerm && Advance(index);
    }

    /// <summary>What this replica reports to a reader in a term that it has reached.</summary>
    public TermReport Report(long term)
    {
        // What earlier leaders acknowledged is known to be committed once an entry of this term is.
        var isKnown = _majority == 1 || (_leadTerm == term && _committed >= _firstOfTerm);
        return new TermReport(term, isKnown ? _committed : null);
    }

    private bool CommitReported(long currentTerm) =>
        _leadTerm is null
        && _leaderReport is { CommitIndex: { } index }
        && _leaderReport.Term == currentTerm
        && _matchedTerm == currentTerm
        && Advance(Math.Min(index, _matched));

    private bool Advance(long index)
    {
        if (index <= _committed)
        {
            return false;
        }

        Volatile.Write(ref _committed, index);
        return true;
    }

    private long HeldByMajority(long durable)
    {
        Span<long> held = stackalloc long[_matchIndex.Count + 1];
        var count = 0;
        foreach (var index in _matchIndex.Values)
        {
            held[count++] = index;
        }

        held[count] = durable;
        held.Sort();
        return held.Length < _majority ? 0 : held[^_majority];
    }
}
