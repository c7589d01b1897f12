using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using DotNext.IO;
using DotNext.Net.Cluster.Consensus.Raft;

namespace Agora.Replication.Raft;

/// <summary>
/// Applies committed entries to the store, in order, as many as there are in one transaction. Hands the replies to the submissions that wait
/// for them here.
/// </summary>
/// <remarks>
/// A leader applies at once, as its callers wait for it. A follower lets entries gather for a moment, unless somebody waits to read: each transaction
/// has its price, and writes every page that it touches, whether for one command or for a hundred.
/// </remarks>
internal sealed class CommandApplier(ReplicatedStore store) : IThreadPoolWorkItem
{
    // A follower that becomes the leader has so much to catch up with; it is little beside an election.
    private static readonly TimeSpan GatheringTime = TimeSpan.FromMilliseconds(20);

    // Of one transaction, so that a replica that catches up is seen to move, and its WAL stays short.
    private const int MostEntries = 256;
    private const long MostBytes = 1 << 20;

    private readonly ConcurrentDictionary<long, CommandBatch> _waiting = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<LogRecord> _entries = [];
    private readonly List<Command> _commands = [];
    private ReadOnlyMemory<byte>[] _replies = [];
    private RaftLog? _log;
    private long _committed = -1;
    private long _wanted;       // Highest position that anybody waited for.
    private int _running;
    private int _gathering;

    /// <summary>Faults when an entry could not be applied; nothing more is applied then.</summary>
    public Task Failed => _failed.Task;

    /// <summary>
    /// Makes known who waits for an entry, before anybody can commit it. Should another leader's entry take the index, its term is another, and the
    /// submissions are left to whoever gave them.
    /// </summary>
    public void Expect(long index, CommandBatch batch) => _waiting[index] = batch;

    /// <summary>Nobody waits for the batch any more.</summary>
    public void Forget(CommandBatch batch)
    {
        foreach (var waiting in _waiting)
        {
            if (waiting.Value == batch)
            {
                _waiting.TryRemove(waiting);
            }
        }
    }

    /// <summary>Entries of the log up to an index may be applied, soon or at once. Returns at once.</summary>
    public void Commit(RaftLog log, long index, bool atOnce)
    {
        Volatile.Write(ref _log, log);
        Interlocked.Exchange(ref _committed, index);

        // Whoever begins to wait after this look sees the index.
        if (atOnce || Volatile.Read(ref _wanted) > store.Applied)
        {
            Run();
        }
        else if (Interlocked.Exchange(ref _gathering, 1) == 0)
        {
            _ = GatherAsync();
        }
    }

    /// <summary>Completes when an entry is applied.</summary>
    public Task WaitAsync(long index, CancellationToken cancellationToken)
    {
        for (var wanted = Volatile.Read(ref _wanted); wanted < index;)
        {
            var before = Interlocked.CompareExchange(ref _wanted, index, wanted);
            wanted = before == wanted ? index : before;
        }

        if (store.Applied < Volatile.Read(ref _committed))
        {
            Run();
        }

        return store.WaitUntilAppliedAsync(index, cancellationToken);
    }

    /// <summary>Completes when all that was committed is applied, or cannot be; nothing more may be committed meanwhile.</summary>
    public async Task DrainAsync()
    {
        Run();
        while ((Volatile.Read(ref _running) != 0 || store.Applied < Volatile.Read(ref _committed)) && !_failed.Task.IsCompleted)
        {
            await Task.Delay(5, CancellationToken.None);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            do
            {
                while (store.Applied < Volatile.Read(ref _committed))
                {
                    ApplyNext();
                }

                // Whoever commits after the look above and before this line starts nothing: hence the second look.
                Volatile.Write(ref _running, 0);
                Interlocked.MemoryBarrier();
            }
            while (store.Applied < Volatile.Read(ref _committed) && Interlocked.Exchange(ref _running, 1) == 0);
        }
        catch (Exception e)
        {
            // Stays running: nothing is applied behind what could not be.
            _failed.TrySetException(e);
        }
    }

    private void Run()
    {
        if (Interlocked.Exchange(ref _running, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private async Task GatherAsync()
    {
        await Task.Delay(GatheringTime, CancellationToken.None);
        Volatile.Write(ref _gathering, 0);
        Run();
    }

    private void ApplyNext()
    {
        var first = Math.Max(store.Applied, 0) + 1;
        _entries.Clear();
        _commands.Clear();
        _log!.Read(first, _committed, MostEntries, MostBytes, _entries);
        foreach (var entry in _entries)
        {
            Command.DecodeBatch(entry.Payload, _commands);
        }

        if (_replies.Length < _commands.Count)
        {
            _replies = new ReadOnlyMemory<byte>[Math.Max(_commands.Count, 64)];
        }

        store.Apply(first + _entries.Count - 1, CollectionsMarshal.AsSpan(_commands), _replies);
        var reply = 0;
        for (var i = 0; i < _entries.Count; i++)
        {
            if (_waiting.TryRemove(first + i, out var batch) && batch.Term == _entries[i].Term)
            {
                foreach (var submission in batch.Submissions)
                {
                    submission.TrySetResult(_replies[reply++]);
                }
            }
            else
            {
                reply += CommandsIn(_entries[i].Payload);
            }
        }

        Array.Clear(_replies, 0, _commands.Count);
    }

    private static int CommandsIn(ReadOnlySpan<byte> payload)
    {
        var count = 0;
        for (; !payload.IsEmpty; payload = payload[(sizeof(int) + MemoryMarshal.Read<int>(payload))..])
        {
            count++;
        }

        return count;
    }
}

/// <summary>A command that waits for its reply.</summary>
internal sealed class Submission(Command command)
    : TaskCompletionSource<ReadOnlyMemory<byte>>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public Command Command { get; } = command;
}

/// <summary>What a leader appends: the commands of many submissions in one entry.</summary>
internal sealed class CommandBatch(long term, Submission[] submissions, byte[] payload) : IRaftLogEntry
{
    public long Term => term;

    public Submission[] Submissions => submissions;

    public byte[] Payload => payload;

    long? IDataTransferObject.Length => payload.Length;

    bool IDataTransferObject.IsReusable => true;

    public ValueTask WriteToAsync<TWriter>(TWriter writer, CancellationToken token)
        where TWriter : IAsyncBinaryWriter => writer.WriteAsync(payload, null, token);

    public static CommandBatch Encode(long term, Submission[] submissions, ArrayBufferWriter<byte> buffer)
    {
        buffer.ResetWrittenCount();
        foreach (var submission in submissions)
        {
            submission.Command.EncodeWithLength(buffer);
        }

        return new CommandBatch(term, submissions, buffer.WrittenSpan.ToArray());
    }
}
