using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using RotatingSequencer.Journal;
using RotatingSequencer.Protocol;

namespace RotatingSequencer.Hosting;

/// <summary>
/// The thread on which the application applies deliveries, apart from the loop so that a slow application never delays the protocol.
/// What waits here is bounded by the protocol's window: the loop drops nothing that was not applied.
/// </summary>
internal sealed class ApplicationThread : IDisposable
{
    /// <summary>Requests handed to the application at once.</summary>
    private const int MaximumBatch = 256;

    private readonly IDeliveryHandler _handler;
    private readonly int _self;
    private readonly long _firstLocal;
    private readonly Action _wakeLoop;
    private readonly Assembler _assembler;
    private readonly Thread _thread;

    private readonly object _gate = new();
    private readonly Queue<DeliveredRequest> _queue = new();
    private readonly List<(long Target, TaskCompletionSource Waiter)> _barriers = [];
    private readonly ConcurrentQueue<PendingBroadcast> _expected = new();

    // Of one batch; kept so that a batch allocates nothing of its own.
    private readonly List<DeliveredRequest> _batch = [];
    private readonly List<ReadOnlyMemory<byte>> _payloads = [];
    private readonly List<Delivery> _deliveries = [];
    private readonly List<bool> _own = [];
    private ReadOnlyMemory<byte>[] _results = [];

    private long _applied;
    private long _position;
    private bool _wakeWhenApplied;
    private bool _flushRequested;
    private volatile FlushResult? _flushed;
    private volatile Exception? _failure;
    private volatile bool _stopping;

    public ApplicationThread(IDeliveryHandler handler, int members, int self, JournalState state, long firstLocal, Action wakeLoop)
    {
        _handler = handler;
        _self = self;
        _firstLocal = firstLocal;
        _wakeLoop = wakeLoop;
        _assembler = new Assembler(members);
        _assembler.Restore(state.Partial);
        _applied = state.Applied;
        _thread = new Thread(Run) { Name = $"rotating-sequencer {self} application", IsBackground = true };
    }

    /// <summary>Everything up to this global number has been applied.</summary>
    public long Applied => Volatile.Read(ref _applied);

    /// <summary>Set from the end of a flush until <see cref="ResumeAfterFlush"/>.</summary>
    public FlushResult? Flushed => _flushed;

    public Exception? Failure => _failure;

    public void Start() => _thread.Start();

    /// <summary>Whether the loop waits to hear that more was applied. Otherwise it learns of it with whatever wakes it next: that is early enough to forget what is done with.</summary>
    public bool WakeWhenApplied
    {
        get => Volatile.Read(ref _wakeWhenApplied);
        set => Volatile.Write(ref _wakeWhenApplied, value);
    }

    /// <summary>
    /// Whether the loop has something to take: more is applied than it knows and it waits for that, a flush is done, or this thread has failed.
    /// Between a flush and its checkpoint only the latter two count.
    /// </summary>
    public bool HasNews(long applied, bool takesFlush) =>
        _failure is not null || (_flushed is null ? WakeWhenApplied && Applied != applied : takesFlush);

    /// <summary>A broadcast of this member; they are delivered in the order in which they are expected.</summary>
    public void Expect(PendingBroadcast pending) => _expected.Enqueue(pending);

    /// <summary>
    /// Takes deliveries over. False when nobody waits for them here: then the thread has not been woken, and the caller calls
    /// <see cref="Hasten"/> after a while, so that a member that only follows wakes its application once for several of them.
    /// </summary>
    public bool Deliver(Queue<DeliveredRequest> deliveries)
    {
        lock (_gate)
        {
            var urgent = _barriers.Count > 0;
            while (deliveries.TryDequeue(out var request))
            {
                urgent |= request.Id.Sender == _self;
                _queue.Enqueue(request);
            }

            urgent |= _queue.Count >= MaximumBatch;
            if (urgent)
            {
                Monitor.Pulse(_gate);
            }

            return urgent;
        }
    }

    /// <summary>Wakes the thread for what it was given.</summary>
    public void Hasten()
    {
        lock (_gate)
        {
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Completes the waiters once everything up to <paramref name="target"/> is applied, which may be so already.</summary>
    public void CompleteWhenApplied(long target, List<TaskCompletionSource> waiters)
    {
        lock (_gate)
        {
            if (Applied < target)
            {
                foreach (var waiter in waiters)
                {
                    _barriers.Add((target, waiter));
                }

                Monitor.Pulse(_gate);
                return;
            }
        }

        foreach (var waiter in waiters)
        {
            waiter.TrySetResult();
        }
    }

    /// <summary>Asks for a flush before the next batch; nothing when one is asked for already.</summary>
    public void RequestFlush()
    {
        lock (_gate)
        {
            _flushRequested = true;
            Monitor.Pulse(_gate);
        }
    }

    public void ResumeAfterFlush()
    {
        _flushed = null;
        lock (_gate)
        {
            _flushRequested = false;
        }
    }

    /// <summary>Ends the thread after the batch under way.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
    }

    /// <summary>Fails whatever still waits, after <see cref="Dispose"/>.</summary>
    public void FailWaiters(Exception exception)
    {
        while (_expected.TryDequeue(out var pending))
        {
            pending.Fail(exception);
        }

        foreach (var (_, waiter) in _barriers)
        {
            waiter.TrySetException(exception);
        }
    }

    private void Run()
    {
        try
        {
            // The application may be ahead of the journal's checkpoint: it sees nothing twice.
            var seen = _position = _handler.Applied;
            while (TakeBatch(out var flush))
            {
                if (flush)
                {
                    Flush();
                    continue;
                }

                ApplyBatch(seen);
                Volatile.Write(ref _applied, _batch[^1].Number);
                CompleteBarriers();
                // Pairs with the loop's barrier between saying that it waits and looking at what is applied.
                Interlocked.MemoryBarrier();
                if (WakeWhenApplied)
                {
                    _wakeLoop();
                }
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
            _wakeLoop();
        }
    }

    /// <summary>Waits for the next batch, or for a flush, which goes before it, so that a busy application cannot put it off for ever. False at the end.</summary>
    private bool TakeBatch(out bool flush)
    {
        _batch.Clear();
        lock (_gate)
        {
            while (!_stopping)
            {
                flush = _flushRequested && _flushed is null;
                while (!flush && _batch.Count < MaximumBatch && _queue.TryDequeue(out var request))
                {
                    _batch.Add(request);
                }

                if (flush || _batch.Count > 0)
                {
                    return true;
                }

                Monitor.Wait(_gate);
            }
        }

        flush = false;
        return false;
    }

    private void Flush()
    {
        if (_handler.TryFlush())
        {
            _flushed = new FlushResult(Applied, _position, _assembler.Partial);
            _wakeLoop();
        }
        else
        {
            ResumeAfterFlush();
        }
    }

    private void ApplyBatch(long seen)
    {
        _deliveries.Clear();
        _own.Clear();
        foreach (var request in _batch)
        {
            _payloads.Clear();
            _assembler.Take(request.Id.Sender, request.Body, _payloads);
            if (request.Number <= seen)
            {
                continue;
            }

            foreach (var payload in _payloads)
            {
                _deliveries.Add(new Delivery(request.Number, request.Id.Sender, payload));
                // What an earlier life of this member sent, nobody here waits for.
                _own.Add(request.Id.Sender == _self && request.Id.Local >= _firstLocal);
            }
        }

        if (_deliveries.Count == 0)
        {
            return;
        }

        if (_results.Length < _deliveries.Count)
        {
            _results = new ReadOnlyMemory<byte>[Math.Max(_deliveries.Count, 2 * _results.Length)];
        }

        var results = _results.AsSpan(0, _deliveries.Count);
        _handler.Deliver(CollectionsMarshal.AsSpan(_deliveries), results);
        _position = _deliveries[^1].Number;
        for (var i = 0; i < results.Length; i++)
        {
            if (_own[i] && _expected.TryDequeue(out var pending))
            {
                pending.Complete(results[i]);
            }
        }

        results.Clear();
    }

    private void CompleteBarriers()
    {
        lock (_gate)
        {
            for (var i = _barriers.Count - 1; i >= 0; i--)
            {
                if (_barriers[i].Target <= Applied)
                {
                    _barriers[i].Waiter.TrySetResult();
                    _barriers.RemoveAt(i);
                }
            }
        }
    }
}

/// <summary>The application's state up to <paramref name="Number"/> would survive a loss of power.</summary>
/// <param name="Number">A global number.</param>
/// <param name="Position">The last number up to there that had effects.</param>
/// <param name="Partial">By member, what had been delivered there of a payload that was cut.</param>
internal sealed record FlushResult(long Number, long Position, byte[][] Partial);
