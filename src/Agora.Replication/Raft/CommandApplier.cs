using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Agora.Replication.Raft;

/// <summary>
/// Applies committed entries to the store, in order, as many as there are in one transaction. Hands the replies to the
/// submissions that wait for them here.
/// </summary>
/// <remarks>
/// A leader applies at once, as its callers wait for it. A follower lets entries gather for a moment, unless a reader
/// waits: a transaction writes every page that it touches, whether for one command or for a hundred.
/// </remarks>
internal sealed class CommandApplier(ReplicatedStore store) : IThreadPoolWorkItem
{
    // A follower that becomes the leader has to catch up with this much; an election takes far longer.
    private static readonly TimeSpan s_gatheringTime = TimeSpan.FromMilliseconds(20);

    // Bounds of one transaction: the progress of a replica that catches up shows, and SQLite's WAL stays short.
    private const int MaxEntries = 256;
    private const long MaxBytes = 1 << 20;

    private readonly ConcurrentDictionary<long, CommandBatch> _waiting = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<LogRecord> _entries = [];
    private readonly List<Command> _commands = [];
    private readonly List<int> _ends = []; // Where the commands of each entry end.
    private ReadOnlyMemory<byte>[] _replies = [];
    private RaftLog? _log;
    private long _committed = -1;
    private long _wanted; // Highest position that a caller waited for.
    private int _running;
    private int _gathering;

    /// <summary>Faults when an entry could not be applied; nothing more is applied then.</summary>
    public Task Failed => _failed.Task;

    /// <summary>
    /// Registers the callers that wait for an entry, before the entry can be committed. If another leader's entry
    /// takes the index, its term differs, and the batcher answers the submissions.
    /// </summary>
    public void Expect(long index, CommandBatch batch) => _waiting[index] = batch;

    /// <summary>No caller waits for the batch any more.</summary>
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

        // A caller that begins to wait after this line sees the new index.
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
        for (var wanted = Volatile.Read(ref _wanted); wanted < index; )
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

    /// <summary>
    /// Completes when all that was committed is applied, or cannot be; nothing more may be committed meanwhile.
    /// </summary>
    public async Task DrainAsync()
    {
        Run();
        while (
            (Volatile.Read(ref _running) != 0 || store.Applied < Volatile.Read(ref _committed))
            && !_failed.Task.IsCompleted
        )
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

                // A commit between the loop's last check and this line starts nothing: hence the second check.
                Volatile.Write(ref _running, 0);
                Interlocked.MemoryBarrier();
            } while (store.Applied < Volatile.Read(ref _committed) && Interlocked.Exchange(ref _running, 1) == 0);
        }
        catch (Exception e)
        {
            // Stays running: nothing is applied behind an entry that could not be.
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
        await Task.Delay(s_gatheringTime, CancellationToken.None);
        Volatile.Write(ref _gathering, 0);
        Run();
    }

    private void ApplyNext()
    {
        var first = Math.Max(store.Applied, 0) + 1;
        _entries.Clear();
        _commands.Clear();
        _ends.Clear();
        _log!.Read(first, _committed, MaxEntries, MaxBytes, _entries);
        for (var (i, end) = (0, 0); i < _entries.Count; i++)
        {
            Command.DecodeBatch(_entries[i].Payload, _commands);
            _ends.Add(_commands.Count);

            // An entry with a scrub ends the batch, so that all replicas look at the state at its position.
            if (_commands.FindIndex(end, command => command.IsScrub) >= 0)
            {
                _entries.RemoveRange(i + 1, _entries.Count - i - 1);
            }

            end = _commands.Count;
        }

        if (_replies.Length < _commands.Count)
        {
            _replies = new ReadOnlyMemory<byte>[Math.Max(_commands.Count, 64)];
        }

        store.Apply(first + _entries.Count - 1, CollectionsMarshal.AsSpan(_commands), _replies);
        for (var i = 0; i < _entries.Count; i++)
        {
            if (_waiting.TryRemove(first + i, out var batch) && batch.Term == _entries[i].Term)
            {
                var reply = i == 0 ? 0 : _ends[i - 1];
                foreach (var submission in batch.Submissions)
                {
                    submission.TrySetResult(_replies[reply++]);
                }
            }
        }

        Array.Clear(_replies, 0, _commands.Count);
    }
}
