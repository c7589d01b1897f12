using System.Net;
using System.Runtime.CompilerServices;
using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using LibraryStateMachine = DotNext.Net.Cluster.Consensus.Raft.StateMachine.IStateMachine;

namespace Agora.Replication.Raft;

/// <summary>
/// <see cref="RaftState"/> as the library's cluster uses it. Everything that the leader sends and every answer that
/// counts passes through here, so the rules that the library itself does not keep can be kept behind it.
/// </summary>
/// <remarks>
/// What the library does, and what happens instead:
/// <list type="number">
/// <item>It proposes to commit the median of the answers that came. Where they end at different entries, the median is
/// lower or higher than what a majority holds. It is only a proposal: <see cref="CommitRule"/> decides.</item>
/// <item>It sends a backlog in one request. It gets it in parts.</item>
/// <item>It sends a follower that refused an entry the one before only with the next heartbeat. Here a round begins at
/// once.</item>
/// <item>It installs snapshots while writes go on. It gets a snapshot without content instead, which tells the follower
/// that what it needs was cut. The follower leaves the group, fetches the state from another replica and joins again
/// behind it.</item>
/// <item>It has a read barrier without proof of leadership. Reads ask a majority (<see cref="ReadPositions"/>).</item>
/// </list>
/// The base class is the library's own log, which stays empty. Only a class derived from it can implement the
/// interface, as that has a setter which is internal to the library.
/// </remarks>
internal sealed class LogAdapter : WriteAheadLog, IPersistentState
{
    private readonly RaftState _state;
    private readonly CommandApplier _applier;
    private readonly ConditionalWeakTable<object, object> _replicas = [];

    private LogAdapter(string unusedLog, RaftState state, CommandApplier applier)
        : base(
            new Options { Location = unusedLog, MemoryManagement = MemoryManagementStrategy.PrivateMemory },
            new UnusedStateMachine()
        ) => (_state, _applier) = (state, applier);

    /// <summary>
    /// Called on the leader when a follower must be sent more than it was: another part, or what comes before.
    /// </summary>
    public Action? MoreToSend { get; set; }

    /// <summary>The number of the replica at an address; −1 for none.</summary>
    public Func<EndPoint?, int> ReplicaAt { get; set; } = _ => -1;

    bool IAuditTrail.IsLogEntryLengthAlwaysPresented => true;

    long IAuditTrail.LastCommittedEntryIndex => _state.CommitIndex;

    long IAuditTrail.LastEntryIndex => _state.Log.LastIndex;

    long IPersistentState.Term => _state.Ballot.State.Term;

    int IPersistentState.Version => 0;

    /// <summary>Puts a state behind the library's interface; it belongs to the result.</summary>
    public static LogAdapter Create(string directory, RaftState state, CommandApplier applier) =>
        new(UnusedLogIn(directory), state, applier);

    /// <summary>Where the library's own log is, which stays empty. The name is part of the data directory.</summary>
    public static string UnusedLogIn(string directory) => Path.Combine(directory, "idle");

    Task IAuditTrail.InitializeAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    ValueTask IAuditTrail.WaitForApplyAsync(long index, CancellationToken cancellationToken) =>
        new(_applier.WaitAsync(index, cancellationToken));

    ValueTask IAuditTrail.WaitForApplyAsync(CancellationToken cancellationToken) =>
        new(_applier.WaitAsync(_state.CommitIndex + 1, cancellationToken));

    /// <summary>How a leader appends: an entry without content begins its term, the others are batches.</summary>
    async ValueTask<long> IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        TEntry entry,
        CancellationToken cancellationToken
    )
    {
        var batch = (entry as BatchEntry)?.Batch;
        var payload = batch?.Payload ?? await entry.ToByteArrayAsync(token: cancellationToken);
        return _state.Append(entry.Term, payload, batch) ?? throw new NotLeaderException();
    }

    /// <summary>How a follower takes the leader's entries.</summary>
    async ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        ILogEntryProducer<TEntry> entries,
        long startIndex,
        bool skipCommitted,
        CancellationToken cancellationToken
    )
    {
        List<LogRecord> records = [];
        while (await entries.MoveNextAsync())
        {
            var entry = entries.Current;
            if (entry.IsSnapshot)
            {
                throw new InvalidDataException("A snapshot came where entries belong.");
            }

            records.Add(new LogRecord(entry.Term, await entry.ToByteArrayAsync(token: cancellationToken)));
        }

        _state.Follow(startIndex, [.. records]);
    }

    /// <summary>How a follower learns that what it needs was cut.</summary>
    ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        TEntry entry,
        long startIndex,
        CancellationToken cancellationToken
    )
    {
        if (!entry.IsSnapshot)
        {
            throw new InvalidOperationException("The library appends entries of a leader as a list.");
        }

        return _state.ReachesTo(startIndex, entry.Term)
            ? ValueTask.CompletedTask
            : throw new IOException(
                $"The leader's log begins behind entry {startIndex}, this replica's ends at {_state.Log.LastIndex}: "
                    + "it fetches the state."
            );
    }

    /// <summary>How a leader reads what it sends to a follower, and gets the answer.</summary>
    async ValueTask<TResult> IAuditTrail<IRaftLogEntry>.ReadAsync<TResult>(
        ILogEntryConsumer<IRaftLogEntry, TResult> reader,
        long startIndex,
        long endIndex,
        CancellationToken cancellationToken
    )
    {
        if (reader.LogEntryMetadataOnly)
        {
            return await reader.ReadAsync<SentEntry, SentEntry[]>(
                [new SentEntry(_state.Log.TermAt(startIndex), [])],
                null,
                cancellationToken
            );
        }

        var term = _state.LeadTerm;

        // Read once: the log may be cut meanwhile.
        var cut = _state.Log.BaseIndex;
        if (startIndex <= cut)
        {
            var offered = await reader.ReadAsync<SentEntry, SentEntry[]>(
                [new SentEntry(_state.Log.TermAt(cut), [], IsSnapshot: true)],
                cut,
                cancellationToken
            );
            return Take(offered, reader, term, new Sent(cut, IsLast: false, IsSnapshot: true));
        }

        SentEntry[] part = [.. _state.ReadPart(startIndex, endIndex).Select(r => new SentEntry(r.Term, r.Payload))];
        Sent sent = new(
            startIndex + part.Length - 1,
            IsLast: startIndex + part.Length - 1 >= endIndex,
            IsSnapshot: false
        );
        return Take(await reader.ReadAsync<SentEntry, SentEntry[]>(part, null, cancellationToken), reader, term, sent);
    }

    ValueTask<long> IAuditTrail.CommitAsync(long endIndex, CancellationToken cancellationToken) =>
        new(_state.CommitAsync(endIndex));

    bool IPersistentState.IsVotedFor(in ClusterMemberId id) =>
        _state.Ballot.State.Vote is not { } vote || vote == LibraryMembers.IdOf(id);

    ValueTask<long> IPersistentState.IncrementTermAsync(ClusterMemberId member, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_state.Stand(LibraryMembers.IdOf(member)));

    ValueTask IPersistentState.UpdateTermAsync(long term, bool resetLastVote, CancellationToken cancellationToken)
    {
        _state.ReachTerm(term, keepVote: !resetLastVote);
        return ValueTask.CompletedTask;
    }

    ValueTask IPersistentState.UpdateVotedForAsync(ClusterMemberId member, CancellationToken cancellationToken)
    {
        _state.Vote(LibraryMembers.IdOf(member));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    protected override async ValueTask DisposeAsyncCore()
    {
        await base.DisposeAsyncCore();
        _state.Dispose();
    }

    /// <summary>Takes note of a follower's answer, and passes on what the library may make of it.</summary>
    /// <remarks>
    /// The library sends within our read: it hands us the consumer that sends, and gets back what the consumer
    /// returned. So a follower's answer passes here, but only as the consumer's type parameter. The consumer of a
    /// leader returns <see cref="Result{T}"/> of <see cref="ReplicationStatus"/>; any other result is of a read that
    /// sends nothing, such as one of metadata, and passes as it is. This is the only place that looks into a result.
    /// Should a version of the library return another type, no follower would count any more, and the tests of whole
    /// groups would commit nothing.
    /// </remarks>
    private TResult Take<TResult>(TResult result, object follower, long? term, in Sent sent)
    {
        if (result is not Result<ReplicationStatus> answer || term is not { } leadTerm)
        {
            return result;
        }

        var refuses = answer.Value.Result == HeartbeatResult.Rejected && answer.Term <= leadTerm;

        // A member refuses a snapshot when it knows these entries to be committed: so it holds them too.
        var holds =
            answer.Value.Result is HeartbeatResult.Replicated or HeartbeatResult.ReplicatedWithLeaderTerm
            || (refuses && sent.IsSnapshot);
        if (holds)
        {
            // One that refuses a snapshot holds these entries, perhaps not on its disk yet. They are committed.
            _state.Acknowledge(follower, leadTerm, sent.End, sent.IsSnapshot ? null : ReplicaOf(follower));
        }

        // Refused entries: the follower misses what goes before. The library moves the follower's next index back with
        // each such answer, so this ends. A new leader begins with it, at the end of its own log, and serves no calls
        // before it has sent more: the library would wait for the next heartbeat.
        if (!sent.IsSnapshot && (!sent.IsLast || refuses))
        {
            MoreToSend?.Invoke();
        }

        // The library takes all answers to end at the same entry. An answer to a part, which ends earlier, must move
        // the follower's next index on and count for nothing else. "Replicated" without the leader's term does that.
        return holds && !sent.IsLast
            ? (TResult)(object)(answer with { Value = answer.Value with { Result = HeartbeatResult.Replicated } })
            : result;
    }

    // Found once for each follower and leadership.
    private int? ReplicaOf(object follower)
    {
        var number = (int)_replicas.GetValue(follower, f => ReplicaAt(LibraryFollowers.AddressOf(f)));
        return number < 0 ? null : number;
    }

    /// <summary>What a follower was sent.</summary>
    /// <param name="End">The last of its entries, or where the snapshot ends.</param>
    /// <param name="IsLast">It reaches to where the library wanted.</param>
    /// <param name="IsSnapshot">It says that what the follower needs was cut.</param>
    private readonly record struct Sent(long End, bool IsLast, bool IsSnapshot);

    /// <summary>What the library's own log applies to: nothing ever comes.</summary>
    private sealed class UnusedStateMachine : LibraryStateMachine
    {
        public ISnapshot? Snapshot => null;

        public ValueTask ReclaimGarbageAsync(long watermark, CancellationToken cancellationToken) =>
            ValueTask.CompletedTask;

        public ValueTask<long> ApplyAsync(LogEntry entry, CancellationToken cancellationToken) =>
            ValueTask.FromResult(entry.Index);
    }
}
