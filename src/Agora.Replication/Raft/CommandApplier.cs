using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using IRaftStateMachine = DotNext.Net.Cluster.Consensus.Raft.StateMachine.IStateMachine;

namespace Agora.Replication.Raft;

/// <summary>
/// Applies the log's entries to the store, one transaction an entry: the leader's batcher has put many commands into it. Hands the replies to
/// the submissions that wait for them here.
/// </summary>
/// <remarks>
/// An entry is a batch's id (16 bytes), which finds the submissions, and the commands. The library's own way to carry the waiting caller
/// from append to apply goes by index, which another leader's entry may take.
/// </remarks>
internal sealed class CommandApplier(ReplicatedStore store) : IRaftStateMachine
{
    private const int BatchIdSize = 16;

    private readonly ConcurrentDictionary<Guid, Submission[]> _waiting = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Command> _commands = [];
    private ReadOnlyMemory<byte>[] _replies = [];

    /// <summary>Faults when an entry could not be applied; nothing more is applied then.</summary>
    public Task Failed => _failed.Task;

    /// <summary>Where the log begins, once it was cut.</summary>
    public LogCut? Cut
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <inheritdoc/>
    public ISnapshot? Snapshot => Cut;

    /// <inheritdoc/>
    public ValueTask ReclaimGarbageAsync(long watermark, CancellationToken token) => ValueTask.CompletedTask;

    /// <summary>Makes the batch known before it is appended, and encodes it.</summary>
    public Guid Expect(Submission[] batch, IBufferWriter<byte> entry)
    {
        var id = Guid.NewGuid();
        id.TryWriteBytes(entry.GetSpan(BatchIdSize));
        entry.Advance(BatchIdSize);
        foreach (var submission in batch)
        {
            submission.Command.EncodeWithLength(entry);
        }

        _waiting[id] = batch;
        return id;
    }

    /// <summary>Nobody waits for the batch any more.</summary>
    public void Forget(Guid batch) => _waiting.TryRemove(batch, out _);

    /// <inheritdoc/>
    public ValueTask<long> ApplyAsync(LogEntry entry, CancellationToken token)
    {
        try
        {
            if (entry.IsSnapshot)
            {
                throw new IOException(
                    "The leader no longer has the entries that this replica lacks: its disk was lost, or replaced by an older one. Bring its directory back from another replica's.");
            }

            // After a restart the log begins before what the store holds: go on behind that.
            if (entry.Index <= store.Applied)
            {
                return ValueTask.FromResult(store.Applied);
            }

            Apply(entry);
            return ValueTask.FromResult(entry.Index);
        }
        catch (Exception e)
        {
            _failed.TrySetException(e);
            throw;
        }
    }

    private void Apply(in LogEntry entry)
    {
        if (!entry.TryGetPayload(out var sequence) || sequence.Length < BatchIdSize)
        {
            throw new InvalidDataException($"Entry {entry.Index} of the Raft log is not a batch of commands.");
        }

        // A view of the log's page where the entry lies in one: it stays mapped until the entry is applied.
        var payload = sequence.IsSingleSegment ? sequence.First : sequence.ToArray();
        _commands.Clear();
        Command.DecodeBatch(payload[BatchIdSize..], _commands);
        if (_replies.Length < _commands.Count)
        {
            _replies = new ReadOnlyMemory<byte>[Math.Max(_commands.Count, 64)];
        }

        store.Apply(entry.Index, CollectionsMarshal.AsSpan(_commands), _replies);
        if (_waiting.TryRemove(new Guid(payload.Span[..BatchIdSize]), out var batch))
        {
            for (var i = 0; i < batch.Length; i++)
            {
                batch[i].TrySetResult(_replies[i]);
            }
        }

        Array.Clear(_replies, 0, _commands.Count);
    }
}

/// <summary>A command that waits for its reply.</summary>
internal sealed class Submission(Command command)
    : TaskCompletionSource<ReadOnlyMemory<byte>>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public Command Command { get; } = command;
}
