using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Hosting;

/// <summary>
/// The thread on which the application applies deliveries. It is apart from the loop, so that a slow application never
/// delays the protocol. The protocol's window bounds what waits here: the loop drops nothing before it is applied.
/// </summary>
internal sealed class ApplicationThread : IDisposable
{
    /// <summary>Most Requests in one call of the application.</summary>
    private const int MaxBatch = 256;

    private readonly IDeliveryHandler _handler;
    private readonly int _self;
    private readonly int _members;
    private readonly ConcurrentQueue<Action<ReadOnlyMemory<byte>>> _captures = new();

    /// <summary>For each member, the highest local number among what was applied.</summary>
    private readonly long[] _locals;

    private long _firstLocal;
    private readonly Action _wakeLoop;
    private readonly Assembler _assembler;
    private readonly Thread _thread;

    private readonly object _gate = new();
    private readonly Queue<DeliveredRequest> _queue = new();
    private readonly List<(long Target, TaskCompletionSource Waiter)> _barriers = [];
    private readonly ConcurrentQueue<PendingBroadcast> _pending = new();

    // The current batch; kept so that a batch allocates nothing.
    private readonly List<DeliveredRequest> _batch = [];
    private readonly List<ReadOnlyMemory<byte>> _payloads = [];
    private readonly List<Delivery> _deliveries = [];
    private readonly List<bool> _own = [];
    private ReadOnlyMemory<byte>[] _results = [];

    private long _applied;

    /// <summary>The last number that had effects in the application.</summary>
    private long _position;
    private bool _wakeWhenApplied;
    private bool _flushRequested;
    private volatile FlushResult? _flushed;
    private volatile Exception? _failure;
    private volatile bool _stopping;

    public ApplicationThread(
        IDeliveryHandler handler,
        long position,
        int members,
        int self,
        JournalState state,
        long firstLocal,
        Action wakeLoop
    )
    {
        _handler = handler;
        _position = position;
        _self = self;
        _firstLocal = firstLocal;
        _members = members;
        _locals = [.. state.DroppedLocals];
        foreach (var (number, id) in state.Sequences)
        {
            if (number <= state.Applied)
            {
                _locals[id.Sender] = Math.Max(_locals[id.Sender], id.Local);
            }
        }

        _wakeLoop = wakeLoop;
        _assembler = new Assembler(members);
        _assembler.Restore(state.Partial);
        _applied = state.Applied;
        _thread = new Thread(Run) { Name = $"rotating-sequencer {self} application", IsBackground = true };
    }

    /// <summary>Everything up to this global number has been applied.</summary>
    public long Applied => Volatile.Read(ref _applied);

    /// <summary>Not null from the end of a flush until <see cref="ResumeAfterFlush"/>.</summary>
    public FlushResult? Flushed => _flushed;

    public Exception? Failure => _failure;

    public void Start() => _thread.Start();

    /// <summary>Requests of this member from this local number on may be awaited here.</summary>
    public long FirstLocal
    {
        get => Volatile.Read(ref _firstLocal);
        set => Volatile.Write(ref _firstLocal, value);
    }

    /// <summary>
    /// Calls back between two batches, on the application's thread, with the header of the state at that moment.
    /// </summary>
    public void Capture(Action<ReadOnlyMemory<byte>> capture)
    {
        _captures.Enqueue(capture);
        WakeForDeliveries();
    }

    /// <summary>
    /// Whether to wake the loop when more was applied. Otherwise the loop notices at its next round, which is early
    /// enough to drop what all hold.
    /// </summary>
    public bool WakeWhenApplied
    {
        get => Volatile.Read(ref _wakeWhenApplied);
        set => Volatile.Write(ref _wakeWhenApplied, value);
    }

    /// <summary>
    /// Whether there is something for the loop: a failure; or a flush is done, if the loop can take it; or, if no flush
    /// waits and the loop wants to know, more is applied than <paramref name="applied"/>.
    /// </summary>
    public bool HasWorkForLoop(long applied, bool takesFlush) =>
        _failure is not null || (_flushed is null ? WakeWhenApplied && Applied != applied : takesFlush);

    /// <summary>Adds a broadcast of this member; they are delivered in the order in which they were added.</summary>
    public void AddPending(PendingBroadcast pending) => _pending.Enqueue(pending);

    /// <summary>
    /// Takes deliveries. False when nobody here waits for them: then the thread still sleeps, and the caller calls
    /// <see cref="WakeForDeliveries"/> after a while. So a member that only follows wakes its application once for
    /// several deliveries.
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

            urgent |= _queue.Count >= MaxBatch;
            if (urgent)
            {
                Monitor.Pulse(_gate);
            }

            return urgent;
        }
    }

    /// <summary>Wakes the thread for deliveries that it has taken.</summary>
    public void WakeForDeliveries()
    {
        lock (_gate)
        {
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>
    /// Completes the waiters once everything up to <paramref name="target"/> is applied, perhaps at once.
    /// </summary>
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

    /// <summary>A new epoch begins: numbers above its cut may never come, and nothing waits for them.</summary>
    public void LowerBarriers(long cut)
    {
        lock (_gate)
        {
            for (var i = 0; i < _barriers.Count; i++)
            {
                _barriers[i] = _barriers[i] with { Target = Math.Min(_barriers[i].Target, cut) };
            }
        }

        CompleteBarriers();
    }

    /// <summary>Asks for a flush before the next batch; does nothing when one is requested already.</summary>
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

    /// <summary>Ends the thread after the current batch.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
    }

    /// <summary>Fails all that still wait, after <see cref="Dispose"/>.</summary>
    public void FailWaiters(Exception exception)
    {
        while (_pending.TryDequeue(out var pending))
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
            // The application may be ahead of the journal's checkpoint: it must see nothing twice.
            var appliedBefore = _position;
            while (TakeBatch(out var flush))
            {
                if (!_captures.IsEmpty)
                {
                    CallBack();
                }

                if (flush)
                {
                    Flush();
                    continue;
                }

                if (_batch.Count == 0)
                {
                    continue;
                }

                ApplyBatch(appliedBefore);
                Volatile.Write(ref _applied, _batch[^1].Number);
                CompleteBarriers();
                // Pairs with the loop's barrier between its write of WakeWhenApplied and its read of what is applied.
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

    /// <summary>
    /// Waits for the next batch or a flush. A flush goes first, so that a busy application cannot delay it for ever.
    /// False at the end.
    /// </summary>
    private bool TakeBatch(out bool flush)
    {
        _batch.Clear();
        lock (_gate)
        {
            while (!_stopping)
            {
                flush = _flushRequested && _flushed is null;
                while (!flush && _batch.Count < MaxBatch && _queue.TryDequeue(out var request))
                {
                    _batch.Add(request);
                }

                if (flush || _batch.Count > 0 || !_captures.IsEmpty)
                {
                    return true;
                }

                Monitor.Wait(_gate);
            }
        }

        flush = false;
        return false;
    }

    private void CallBack()
    {
        JournalState position = new(_self, _members)
        {
            Dropped = Applied,
            Applied = Applied,
            Position = _position,
            Partial = _assembler.Partial,
        };
        _locals.CopyTo(position.DroppedLocals, 0);
        ArrayBufferWriter<byte> header = new();
        JournalFormat.WriteCheckpoint(header, position);
        while (_captures.TryDequeue(out var capture))
        {
            capture(header.WrittenMemory);
        }
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

    private void ApplyBatch(long appliedBefore)
    {
        _deliveries.Clear();
        _own.Clear();
        foreach (var request in _batch)
        {
            _payloads.Clear();
            _locals[request.Id.Sender] = request.Id.Local;
            _assembler.Take(request.Id.Sender, request.Body, _payloads);
            if (request.Number <= appliedBefore)
            {
                continue;
            }

            foreach (var payload in _payloads)
            {
                _deliveries.Add(new Delivery(request.Number, request.Id.Sender, payload));
                // Nobody here waits for what this member sent before its restart.
                _own.Add(request.Id.Sender == _self && request.Id.Local >= FirstLocal);
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
            if (_own[i] && _pending.TryDequeue(out var pending))
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

/// <summary>What a flush made durable: everything up to <paramref name="Number"/>.</summary>
/// <param name="Number">A global number.</param>
/// <param name="Position">The last number up to there that had effects in the application.</param>
/// <param name="Partial">For each member, the pieces of a payload that was not complete by then.</param>
internal sealed record FlushResult(long Number, long Position, byte[][] Partial);
