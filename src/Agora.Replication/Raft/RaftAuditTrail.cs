using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using IRaftStateMachine = DotNext.Net.Cluster.Consensus.Raft.StateMachine.IStateMachine;

namespace Agora.Replication.Raft;

/// <summary>
/// The replica's log and ballot as the library's cluster uses them, with the rules that the library itself does not keep. Everything that the leader
/// sends and every answer that counts comes through here, so what is committed is decided here.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>A follower acknowledges entries once they are on its disk, a leader counts itself once they are on its own: its sync runs beside its sends.</item>
/// <item>An entry is committed when a majority is known to hold it, by their answers in this term. The library proposes the median of the
/// answers that came, which is lower or higher than that where they end at different entries; it is never believed.</item>
/// <item>What a read must wait for is asked of a majority (<see cref="ReadPositions"/>), not taken from the library.</item>
/// <item>A follower that is far behind gets the log in parts, each small enough for one request's time.</item>
/// <item>A follower that needs what was cut is told so in the form of a snapshot without content. It takes no snapshot from the library, but
/// leaves the group, fetches the state from another replica and comes back behind it.</item>
/// </list>
/// The base class is the library's own log; it lies idle and empty. Only a class derived from it can implement the interface, which has a setter that is
/// internal to the library.
/// </remarks>
internal sealed class RaftAuditTrail : WriteAheadLog, IPersistentState
{
    // Together far below what a request's time allows for on a slow disk; a batch of commands is at most a quarter of this unless a single one is larger.
    private const int MaxPartBytes = 1 << 20;
    private const int MaxPartEntries = 512;

    private const long Follows = -1;

    private readonly int _majority;
    private readonly CommandApplier _applier;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _lacksState = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<object, long> _held = new(ReferenceEqualityComparer.Instance);

    private long _committed;
    private long _leads = Follows;      // The term in which this replica leads and appends.
    private long _agreed;               // A follower's log up to here is known to be that of the leader of _agreedTerm.
    private long _agreedTerm;
    private MemberView _heard;          // The latest that was heard of a leader's commit position.
    private Task _sync = Task.CompletedTask;

    private RaftAuditTrail(string idle, RaftLog log, Ballot ballot, CommandApplier applier, int members, long committed)
        : base(new Options { Location = idle, MemoryManagement = MemoryManagementStrategy.PrivateMemory }, new Idle())
    {
        (Log, Ballot, _applier, _majority, _committed, _agreed) = (log, ballot, applier, (members / 2) + 1, committed, committed);
    }

    public RaftLog Log { get; }

    public Ballot Ballot { get; }

    public long CommitIndex => Volatile.Read(ref _committed);

    /// <summary>Called on the leader when a follower must be sent more than it was: another part, or what comes before.</summary>
    public Action? MoreToSend { get; set; }

    /// <summary>Completes when the leader no longer has what this replica lacks; the ballot remembers it.</summary>
    public Task LacksState => _lacksState.Task;

    /// <summary>Faults when the disk failed; the process must end.</summary>
    public Task Failed => _failed.Task;

    bool IAuditTrail.IsLogEntryLengthAlwaysPresented => true;

    long IAuditTrail.LastCommittedEntryIndex => CommitIndex;

    long IAuditTrail.LastEntryIndex => Log.LastIndex;

    long IPersistentState.Term => Ballot.State.Term;

    int IPersistentState.Version => 0;

    /// <summary>Puts log and ballot behind the library's interface; both belong to the result.</summary>
    /// <param name="directory">Where the library's own log may lie idle.</param>
    /// <param name="log">The log.</param>
    /// <param name="ballot">The ballot.</param>
    /// <param name="applier">Gets what is committed.</param>
    /// <param name="members">How many replicas the group has.</param>
    /// <param name="applied">What the state holds, which is committed.</param>
    public static RaftAuditTrail Create(string directory, RaftLog log, Ballot ballot, CommandApplier applier, int members, long applied) =>
        new(IdleIn(directory), log, ballot, applier, members, Math.Max(applied, log.BaseIndex));

    /// <summary>Where the library's own log lies idle.</summary>
    public static string IdleIn(string directory) => Path.Combine(directory, "idle");

    /// <summary>What this replica knows now, for whoever wants to read.</summary>
    public MemberView View()
    {
        lock (_gate)
        {
            var term = Ballot.State.Term;
            if (_majority == 1)
            {
                // Whatever is on disk is held by all, also where this process has not appended anything yet.
                Commit(Log.DurableIndex, atOnce: true);
                return new MemberView(term, _committed);
            }

            // What earlier leaders acknowledged is known to be committed once an entry of this term is.
            return new MemberView(term, _leads == term && Log.TermAt(_committed) == term ? _committed : null);
        }
    }

    /// <summary>Commits, as a follower, what a leader says is committed, as far as it is here; the rest as soon as it comes.</summary>
    public void Learn(MemberView leader)
    {
        lock (_gate)
        {
            if (leader.Term > _heard.Term || (leader.Term == _heard.Term && leader.Position > _heard.Position))
            {
                _heard = leader;
                CommitHeard();
            }
        }
    }

    Task IAuditTrail.InitializeAsync(CancellationToken token) => Task.CompletedTask;

    ValueTask IAuditTrail.WaitForApplyAsync(long index, CancellationToken token) => new(_applier.WaitAsync(index, token));

    ValueTask IAuditTrail.WaitForApplyAsync(CancellationToken token) => new(_applier.WaitAsync(CommitIndex + 1, token));

    /// <summary>How a leader appends: an entry without content begins its term, the others are batches.</summary>
    async ValueTask<long> IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(TEntry entry, CancellationToken token)
    {
        var batch = entry as CommandBatch;
        var payload = batch?.Payload ?? await entry.ToByteArrayAsync(token: token);
        try
        {
            lock (_gate)
            {
                // The term may have moved on since the caller looked: then this would be an entry that no leader of its term made.
                if (entry.Term != Ballot.State.Term || (batch is not null && _leads != entry.Term && _majority > 1))
                {
                    throw new NotLeaderException();
                }

                if (_leads != entry.Term)
                {
                    _leads = entry.Term;
                    _held.Clear();
                }

                var index = Log.LastIndex + 1;
                if (batch is not null)
                {
                    _applier.Expect(index, batch);
                }

                Log.Append(index, [new LogRecord(entry.Term, payload)]);
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

    /// <summary>How a follower takes the leader's entries: when this completes, they and all before them are on disk.</summary>
    async ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        ILogEntryProducer<TEntry> entries, long startIndex, bool skipCommitted, CancellationToken token)
    {
        List<LogRecord> records = new((int)Math.Min(entries.RemainingCount, MaxPartEntries));
        while (await entries.MoveNextAsync())
        {
            var entry = entries.Current;
            if (entry.IsSnapshot)
            {
                throw new InvalidDataException("A snapshot came where entries belong.");
            }

            records.Add(new LogRecord(entry.Term, await entry.ToByteArrayAsync(token: token)));
        }

        Follow(startIndex, [.. records]);
    }

    /// <summary>How a follower learns that what it lacks was cut.</summary>
    ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(TEntry entry, long startIndex, CancellationToken token)
    {
        if (!entry.IsSnapshot)
        {
            throw new InvalidOperationException("The library appends entries of a leader as a list.");
        }

        lock (_gate)
        {
            _leads = Follows;
            if (entry.Term > 0 && Log.TermAt(startIndex) == entry.Term)
            {
                // It is all here, only not known to be committed.
                return ValueTask.CompletedTask;
            }

            Ballot.Write(Ballot.State with { LacksState = true });
        }

        _lacksState.TrySetResult();
        throw new IOException($"The leader's log begins behind entry {startIndex}, this replica's ends at {Log.LastIndex}: it fetches the state.");
    }

    /// <summary>How a leader reads what it sends to a follower, and gets its answer.</summary>
    async ValueTask<TResult> IAuditTrail<IRaftLogEntry>.ReadAsync<TResult>(
        ILogEntryConsumer<IRaftLogEntry, TResult> reader, long startIndex, long endIndex, CancellationToken token)
    {
        if (reader.LogEntryMetadataOnly)
        {
            return await reader.ReadAsync<Entry, Entry[]>([new Entry(Log.TermAt(startIndex), [])], null, token);
        }

        long term;
        lock (_gate)
        {
            term = _leads;
        }

        // Looked at once: the log may be cut beside this.
        var cut = Log.BaseIndex;
        if (startIndex <= cut)
        {
            var offer = await reader.ReadAsync<Entry, Entry[]>([new Entry(Log.TermAt(cut), [], IsSnapshot: true)], cut, token);
            return Answered(reader, offer, term, cut, last: false, offered: true);
        }

        var part = ReadPart(startIndex, endIndex);
        var partEnd = startIndex + part.Length - 1;
        var result = await reader.ReadAsync<Entry, Entry[]>(part, null, token);
        if (partEnd < endIndex || IsRefused(result, term))
        {
            MoreToSend?.Invoke();
        }

        return Answered(reader, result, term, partEnd, last: partEnd >= endIndex, offered: false);
    }

    /// <summary>Commits as much of what the library proposes as is known to be safe.</summary>
    async ValueTask<long> IAuditTrail.CommitAsync(long endIndex, CancellationToken token)
    {
        Task sync;
        lock (_gate)
        {
            sync = _sync;
        }

        if (Log.DurableIndex < endIndex && !sync.IsCompleted)
        {
            await sync;
        }

        lock (_gate)
        {
            var leads = _leads != Follows || _majority == 1;
            var index = Math.Min(endIndex, leads ? HeldByMajority() : _agreed);

            // A leader commits entries of earlier terms only with one of its own.
            return leads && _majority > 1 && Log.TermAt(index) != _leads ? 0 : Commit(index, atOnce: leads);
        }
    }

    bool IPersistentState.IsVotedFor(in ClusterMemberId id) => Ballot.State.Vote is not { } vote || vote == id;

    ValueTask<long> IPersistentState.IncrementTermAsync(ClusterMemberId member, CancellationToken token)
    {
        lock (_gate)
        {
            var term = Ballot.State.Term + 1;
            Promise(Ballot.State with { Term = term, Vote = member });
            return ValueTask.FromResult(term);
        }
    }

    ValueTask IPersistentState.UpdateTermAsync(long term, bool resetLastVote, CancellationToken token)
    {
        lock (_gate)
        {
            if (term > Ballot.State.Term)
            {
                Promise(Ballot.State with { Term = term, Vote = resetLastVote ? null : Ballot.State.Vote });
            }

            return ValueTask.CompletedTask;
        }
    }

    ValueTask IPersistentState.UpdateVotedForAsync(ClusterMemberId member, CancellationToken token)
    {
        lock (_gate)
        {
            Promise(Ballot.State with { Vote = member });
            return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc/>
    protected override async ValueTask DisposeAsyncCore()
    {
        await base.DisposeAsyncCore();
        Log.Dispose();
        Ballot.Dispose();
    }

    private void Follow(long first, ReadOnlySpan<LogRecord> records)
    {
        try
        {
            var end = first + records.Length - 1;
            long term;
            lock (_gate)
            {
                _leads = Follows;
                term = Ballot.State.Term;
                _agreed = Math.Min(_agreed, end);
                var committed = (int)Math.Clamp(_committed - first + 1, 0, records.Length);
                if (committed < records.Length)
                {
                    Log.Append(first + committed, records[committed..]);
                }
            }

            // Even without new entries: what this answer stands for may have been written for a request that was given up, or as a leader.
            Log.Sync();
            lock (_gate)
            {
                (_agreed, _agreedTerm) = (end, term);
                CommitHeard();
            }
        }
        catch (IOException e)
        {
            _failed.TrySetException(e);
            throw;
        }
    }

    private Entry[] ReadPart(long first, long last)
    {
        if (first > last)
        {
            return [];
        }

        List<LogRecord> records = [];
        Log.Read(first, last, MaxPartEntries, MaxPartBytes, records);
        return [.. records.Select(r => new Entry(r.Term, r.Payload))];
    }

    // The follower lacks what goes before; its place moves back with every such answer, so this ends. A new leader begins with it, at the end of its own log,
    // and serves nobody before it has sent more: the library would leave that to the next heartbeat.
    private static bool IsRefused<TResult>(TResult result, long term) =>
        term != Follows && result is Result<ReplicationStatus> answer && answer.Value.Result == HeartbeatResult.Rejected && answer.Term <= term;

    // Whoever answered in this term holds the log up to the end of what it was sent.
    private TResult Answered<TResult>(object member, TResult result, long term, long end, bool last, bool offered)
    {
        if (result is not Result<ReplicationStatus> answer)
        {
            return result;
        }

        var holds = answer.Value.Result is HeartbeatResult.Replicated or HeartbeatResult.ReplicatedWithLeaderTerm;

        // An offer of a snapshot is rejected by a member that knows these entries to be committed: so it holds them too.
        holds |= offered && answer.Value.Result == HeartbeatResult.Rejected && answer.Term <= term;
        lock (_gate)
        {
            if (term == Follows || term != _leads)
            {
                return result;
            }

            if (holds)
            {
                _held[member] = Math.Max(_held.GetValueOrDefault(member), end);
            }
        }

        // The library takes all answers to end at the same entry. One that ends earlier must move the member's place on and nothing else.
        return holds && !last
            ? (TResult)(object)(answer with { Value = answer.Value with { Result = HeartbeatResult.Replicated } })
            : result;
    }

    private long Commit(long index, bool atOnce)
    {
        if (index <= _committed)
        {
            return 0;
        }

        var count = index - _committed;
        Volatile.Write(ref _committed, index);
        _applier.Commit(Log, index, atOnce);
        return count;
    }

    // What a leader of this very term has committed, and is known to stand here as it stands there.
    private void CommitHeard()
    {
        if (_leads == Follows && _heard is { Position: { } position } && _heard.Term == Ballot.State.Term && _agreedTerm == _heard.Term)
        {
            Commit(Math.Min(position, _agreed), atOnce: false);
        }
    }

    private long HeldByMajority()
    {
        Span<long> held = stackalloc long[_held.Count + 1];
        var count = 0;
        foreach (var index in _held.Values)
        {
            held[count++] = index;
        }

        held[count] = Log.DurableIndex;
        held.Sort();
        return held.Length < _majority ? 0 : held[^_majority];
    }

    private void Promise(BallotState state)
    {
        try
        {
            if (state.Term > Ballot.State.Term)
            {
                _leads = Follows;
            }

            Ballot.Write(state);
        }
        catch (IOException e)
        {
            _failed.TrySetException(e);
            throw;
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

    /// <summary>An entry on its way to a follower.</summary>
    private readonly record struct Entry(long Term, byte[] Payload, bool IsSnapshot = false) : IRaftLogEntry
    {
        long? IDataTransferObject.Length => Payload.Length;

        bool IDataTransferObject.IsReusable => true;

        bool IDataTransferObject.TryGetMemory(out ReadOnlyMemory<byte> memory)
        {
            memory = Payload;
            return true;
        }

        public ValueTask WriteToAsync<TWriter>(TWriter writer, CancellationToken token)
            where TWriter : IAsyncBinaryWriter => writer.WriteAsync(Payload, null, token);
    }

    /// <summary>What the idle log of the library applies to.</summary>
    private sealed class Idle : IRaftStateMachine
    {
        public ISnapshot? Snapshot => null;

        public ValueTask ReclaimGarbageAsync(long watermark, CancellationToken token) => ValueTask.CompletedTask;

        public ValueTask<long> ApplyAsync(LogEntry entry, CancellationToken token) => ValueTask.FromResult(entry.Index);
    }
}
