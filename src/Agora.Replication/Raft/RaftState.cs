namespace Agora.Replication.Raft;

/// <summary>
/// Log, ballot and commit rule of this replica under one lock: what happens to one of them happens to the others in
/// step. What the group's messages ask of a replica, it does here.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>A follower acknowledges entries once they are on its disk.</item>
/// <item>A leader counts itself once its entries are on its own disk. Its sync runs beside its sends.</item>
/// <item>A follower that is far behind gets the log in parts, each small enough for one request's timeout.</item>
/// </list>
/// </remarks>
internal sealed class RaftState : IDisposable
{
    // Together far below what a request's timeout allows for on a slow disk. A batch of commands is at most a quarter
    // of this, unless a single command is larger.
    private const int MaxPartBytes = 1 << 20;
    private const int MaxPartEntries = 512;

    private readonly CommandApplier _applier;
    private readonly CommitRule _rule;
    private readonly bool _isAlone;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _needsState = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // By replica number.
    private readonly Acknowledgement[] _acknowledged;

    private Task _sync = Task.CompletedTask;
    private volatile PublishedReport _report;

    /// <param name="log">The log; belongs to this from now on.</param>
    /// <param name="ballot">The ballot; belongs to this from now on.</param>
    /// <param name="applier">Gets what is committed.</param>
    /// <param name="members">How many replicas the group has.</param>
    /// <param name="applied">What the state holds, which is committed.</param>
    public RaftState(RaftLog log, Ballot ballot, CommandApplier applier, int members, long applied)
    {
        (Log, Ballot, _applier, _isAlone) = (log, ballot, applier, members == 1);
        _rule = new CommitRule(members, Math.Max(applied, log.BaseIndex));
        _acknowledged = new Acknowledgement[members];
        _report = new PublishedReport(_rule.Report(ballot.State.Term));
    }

    public RaftLog Log { get; }

    public Ballot Ballot { get; }

    public long CommitIndex => _rule.Committed;

    /// <summary>The term in which this replica leads and appends; null while it follows.</summary>
    public long? LeadTerm
    {
        get
        {
            lock (_gate)
            {
                return _rule.LeadTerm;
            }
        }
    }

    /// <summary>Completes when the leader no longer has what is missing here; the ballot remembers it.</summary>
    public Task NeedsState => _needsState.Task;

    /// <summary>Faults when the disk failed; the process must end.</summary>
    public Task Failed => _failed.Task;

    /// <summary>What this replica knows now, for a reader. Never waits for a disk.</summary>
    /// <remarks>
    /// While a new term or vote is on its way to the disk, the answer is still that of the term before. That is safe. A
    /// promise binds from the moment at which a peer can learn of it, and that is after the disk has it. So an answer
    /// during the write is one of the moment before. <see cref="ReadPositions"/> needs no more: a replica that helped a
    /// later leader to acknowledge a write had that leader's term on its disk, hence here, before the write was
    /// acknowledged. A leader that writes a later term commits nothing meanwhile, so its commit index is as true as it
    /// was.
    /// </remarks>
    public TermReport Report()
    {
        if (_isAlone && Log.DurableIndex > CommitIndex)
        {
            // A group of one has committed what is on its disk, also where this process has appended nothing yet.
            lock (_gate)
            {
                CommitUpTo(Log.DurableIndex);
            }
        }

        return _report.Value;
    }

    /// <summary>
    /// Commits, as a follower, what a leader reports to be committed, as far as it is here; the rest as soon as it
    /// comes.
    /// </summary>
    public void Learn(TermReport leader)
    {
        lock (_gate)
        {
            if (_rule.Learn(leader, Ballot.State.Term))
            {
                Apply(atOnce: false);
            }
        }
    }

    /// <summary>
    /// Appends an entry as the leader of a term; its sync begins. The first one, which carries nothing, begins the
    /// term. Returns its index, or null where this replica does not lead in the term.
    /// </summary>
    public long? Append(long term, byte[] payload, CommandBatch? batch)
    {
        try
        {
            lock (_gate)
            {
                // The term may have moved on since the caller looked: then no leader of its term made this entry.
                if (term != Ballot.State.Term || (batch is not null && _rule.LeadTerm != term && !_isAlone))
                {
                    return null;
                }

                var index = Log.LastIndex + 1;
                if (_rule.LeadTerm != term)
                {
                    _rule.Lead(term, index);
                    Publish();
                }

                if (batch is not null)
                {
                    _applier.Expect(index, batch);
                }

                Log.Append(index, [new LogRecord(term, payload)]);
                _sync = Task.Run(Sync, CancellationToken.None);
                return index;
            }
        }
        catch (IOException e)
        {
            _failed.TrySetException(e);
            throw;
        }
    }

    /// <summary>
    /// Takes the entries of the leader of the present term. When this returns, they and all before them are on disk.
    /// </summary>
    public void Follow(long first, ReadOnlySpan<LogRecord> records)
    {
        try
        {
            long term;
            lock (_gate)
            {
                term = Ballot.State.Term;
                _rule.BeginMatch(first);
                Publish();

                // Committed entries are the same at every leader: they are not written again.
                var committed = (int)Math.Clamp(CommitIndex - first + 1, 0, records.Length);
                ThrowIfDiverged(first, records[..committed], term);
                if (committed < records.Length)
                {
                    Log.Append(first + committed, records[committed..]);
                }
            }

            // Even without new entries: the answer also vouches for entries that were written for an earlier request,
            // or as a leader, and not synced.
            Log.Sync();
            lock (_gate)
            {
                if (_rule.EndMatch(term, first + records.Length - 1, Ballot.State.Term))
                {
                    Apply(atOnce: false);
                }
            }
        }
        catch (IOException e)
        {
            _failed.TrySetException(e);
            throw;
        }
    }

    /// <summary>
    /// The leader's log begins behind an entry. Returns whether this replica's reaches that far; otherwise the ballot
    /// says from now on that it needs the state.
    /// </summary>
    public bool ReachesTo(long index, long term)
    {
        lock (_gate)
        {
            _rule.StepDown();
            Publish();
            if (term > 0 && Log.TermAt(index) == term)
            {
                // It is all here, only not known to be committed.
                return true;
            }

            Promise(Ballot.State with { NeedsState = true });
        }

        _needsState.TrySetResult();
        return false;
    }

    /// <summary>
    /// What a leader sends at once of the entries from one to another: at least one where there are any.
    /// </summary>
    public List<LogRecord> ReadPart(long first, long last)
    {
        List<LogRecord> records = [];
        if (first <= last)
        {
            Log.Read(first, last, MaxPartEntries, MaxPartBytes, records);
        }

        return records;
    }

    /// <summary>A follower holds the log up to an entry, as it has answered to a request of a term.</summary>
    /// <param name="follower">Tells the followers apart, by reference.</param>
    /// <param name="term">The term of the request.</param>
    /// <param name="index">Where the request's entries end.</param>
    /// <param name="replica">Its number, where the answer says that all this is on its disk; null where it is not
    /// known.</param>
    public void Acknowledge(object follower, long term, long index, int? replica = null)
    {
        lock (_gate)
        {
            _rule.Acknowledge(follower, term, index);
            if (replica is { } number && _rule.LeadTerm == term)
            {
                ref var known = ref _acknowledged[number];
                known = known.With(term, index, _rule.FirstOfTerm, CommitIndex);
            }
        }
    }

    /// <summary>What another replica has acknowledged to this one.</summary>
    public Acknowledgement AcknowledgedBy(int replica)
    {
        lock (_gate)
        {
            return _acknowledged[replica];
        }
    }

    /// <summary>
    /// Commits as much as is safe of the entries up to an index, once this replica's own sync, which may still run, is
    /// done. Returns how many entries more are committed.
    /// </summary>
    public async Task<long> CommitAsync(long index)
    {
        Task sync;
        lock (_gate)
        {
            sync = _sync;
        }

        if (Log.DurableIndex < index && !sync.IsCompleted)
        {
            await sync;
        }

        lock (_gate)
        {
            var before = CommitIndex;
            CommitUpTo(index);
            return CommitIndex - before;
        }
    }

    /// <summary>Votes for itself in the next term, and returns it.</summary>
    public long Stand(MemberId self)
    {
        lock (_gate)
        {
            var term = Ballot.State.Term + 1;
            Promise(Ballot.State with { Term = term, Vote = self });
            return term;
        }
    }

    /// <summary>Reaches a later term.</summary>
    public void ReachTerm(long term, bool keepVote)
    {
        lock (_gate)
        {
            if (term > Ballot.State.Term)
            {
                Promise(Ballot.State with { Term = term, Vote = keepVote ? Ballot.State.Vote : null });
            }
        }
    }

    /// <summary>Votes in the present term.</summary>
    public void Vote(MemberId candidate)
    {
        lock (_gate)
        {
            Promise(Ballot.State with { Vote = candidate });
        }
    }

    public void Dispose()
    {
        Log.Dispose();
        Ballot.Dispose();
    }

    // Two replicas that hold different entries as committed were in two groups at some time, or one of them lost what
    // it had promised. This one can no longer prove that its history is the group's.
    private void ThrowIfDiverged(long first, ReadOnlySpan<LogRecord> committed, long leaderTerm)
    {
        for (var i = 0; i < committed.Length; i++)
        {
            var own = Log.TermAt(first + i);
            if (own >= 0 && own != committed[i].Term)
            {
                throw new ReplicaDamagedException(
                    Log.Location,
                    $"entry {first + i}, which is committed here, is of term {own}, and the leader of term "
                        + $"{leaderTerm} has one of term {committed[i].Term} there: the two are not of one history"
                );
            }
        }
    }

    private void CommitUpTo(long index)
    {
        if (_rule.Commit(index, Log.DurableIndex))
        {
            Publish();
            Apply(atOnce: _isAlone || _rule.LeadTerm is not null);
        }
    }

    private void Apply(bool atOnce) => _applier.Commit(Log, CommitIndex, atOnce);

    private void Promise(BallotState state)
    {
        try
        {
            if (state.Term > Ballot.State.Term)
            {
                _rule.StepDown();
            }

            Ballot.Write(state);
            Publish();
        }
        catch (IOException e)
        {
            _failed.TrySetException(e);
            throw;
        }
    }

    private void Publish()
    {
        var report = _rule.Report(Ballot.State.Term);
        if (report != _report.Value)
        {
            _report = new PublishedReport(report);
        }
    }

    private void Sync()
    {
        try
        {
            Log.Sync();
        }
        catch (IOException e)
        {
            _failed.TrySetException(e);
        }
    }

    /// <summary>A report that readers take without the lock: the reference is replaced, never the content.</summary>
    private sealed record PublishedReport(TermReport Value);
}
