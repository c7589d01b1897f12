using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Security.Cryptography;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Hosting;

/// <summary>
/// The one thread that owns the protocol core and the socket. Each round it drains the socket and the queues that other
/// threads fill, lets the core act once, sends the resulting datagrams (the next sequencer first), and only then hands
/// deliveries to the application's thread and records to the journal's.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop's own thread disposes of what it owns when it ends.")]
internal sealed partial class MemberLoop
{
    /// <summary>Most datagrams received before the core acts, so that a flood cannot keep it from acting.</summary>
    private const int MaxDatagramsPerRound = 128;

    /// <summary>
    /// About how many bytes of payloads share a Request, and so a number, under load: each number takes a hop.
    /// </summary>
    private const int MaxBody = 16_384;

    private const int MaxSleep = 1_000_000;

    /// <summary>
    /// How long deliveries that nobody waits for here may wait for the application: as long as claims that nobody waits
    /// for, so that both wake the loop once.
    /// </summary>
    private const long MaxHandOverDelay = 2_000;

    private readonly MemberOptions _options;
    private readonly IDeliveryHandler _handler;
    private readonly CoreOptions _coreOptions;
    private readonly CancellationTokenSource _stop = new();
    private readonly StateCopy _copy;
    private readonly Socket _socket;
    private readonly Sleeper _sleeper;
    private readonly Func<bool> _hasWork;
    private readonly MemberAddresses _addresses;
    private readonly OtherVersions _otherVersions;
    private readonly Seal _seal;
    private readonly DatagramSender _sender;
    private readonly JournalThread? _journal;
    private readonly long _started;
    private readonly byte[] _receiveBuffer = new byte[65_536];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MemberMetrics _metrics;
    private readonly MemberLog _log;
    private readonly Thread _thread;
    private readonly ConcurrentQueue<PendingBroadcast> _submissions = new();
    private readonly ConcurrentQueue<TaskCompletionSource> _barriers = new();
    private readonly List<TaskCompletionSource> _barrierRound = [];
    private readonly ArrayBufferWriter<byte> _checkpoint = new();

    /// <summary>It is replaced once: when this member has copied the application's state.</summary>
    private BroadcastCore _core;

    /// <summary>Null until the application's state is there.</summary>
    private volatile ApplicationThread? _application;

    private MemberStatus _status;
    private readonly Lock _statusLock = new();
    private long _flushAt;

    /// <summary>The epoch in which what readers wait for was found.</summary>
    private long _epoch;
    private long _handOverAt = long.MaxValue;
    private long _waitingBytes;
    private int _waiting;
    private volatile bool _stopping;
    private Exception? _failure;

    private MemberLoop(
        MemberOptions options,
        IDeliveryHandler handler,
        long applied,
        JournalState state,
        JournalFile? journal
    )
    {
        _options = options;
        _handler = handler;
        _started = options.TimeProvider.GetTimestamp();
        _seal = new Seal(options.GroupKey);
        // A member that joins gets the state that belongs to its journal from another member.
        var lastNumber = state.LastNumber;
        var stateLost = state.Epoch.Number == 0 && (applied < state.Position || applied > lastNumber);
        _coreOptions = new CoreOptions
        {
            Self = options.Id,
            Members = options.Members.Count,
            MaxDatagram = options.MaxDatagram,
            MaxBody = MaxBody,
            Window = options.Window,
            Journal = journal is not null,
            Life = RandomNumber() | 1,
            StateLost = stateLost,
            Counters = new CoreCounters(),
            Seed = (ulong)state.Incarnation,
            FirstToken = Random.Shared.NextInt64(1L << 61),
        };
        _core = new BroadcastCore(_coreOptions, state, now: 0);
        _copy = new StateCopy(options.FetchState, () => _sleeper!.Wake(), _stop.Token);
        if (stateLost)
        {
            if (!_copy.IsPossible)
            {
                throw new JournalLostException(
                    $"The application has applied up to {applied}, but the journal is new: it was lost, and this "
                        + "application cannot be copied from another member."
                );
            }
        }
        else if (applied < state.Position)
        {
            throw new JournalLostException(
                $"The application has applied only up to {applied}, but the journal begins after {state.Position}: "
                    + "the application's state was lost or belongs elsewhere."
            );
        }
        else if (applied > _core.Received)
        {
            throw new JournalLostException(
                $"The application has applied up to {applied}, but the journal holds only up to {_core.Received}: "
                    + "the journal was lost or damaged, or one of them belongs elsewhere."
            );
        }

        _flushAt = options.MaxJournalGrowth;
        _socket = UdpSocket.Bind(options.Own);
        _sleeper = new Sleeper(_socket, options.Own.Serialize());
        _otherVersions = new OtherVersions(options.Id, options.Members.Count);
        _log = new MemberLog(options, applied, state.Epoch.Number, returns: state.Returns || stateLost);
        _addresses = new MemberAddresses(
            options,
            member => _core.KnownOf(member).LastHeard,
            _log,
            _sleeper.Wake,
            _stop.Token
        );
        _sender = new DatagramSender(_socket, _seal, options.Id, _addresses.All, _core.Counters);
        _hasWork = HasWork;
        _application = stateLost ? null : NewApplication(applied, state);
        _status = ReadStatus(now: 0);
        _journal = journal is null ? null : new JournalThread(journal, _sleeper.Wake);
        _metrics = new MemberMetrics(options.Id, _core.Counters, () => Status);
        _thread = new Thread(Run) { Name = $"rotating-sequencer {options.Id}", IsBackground = true };
    }

    public Task Completion => _completion.Task;

    public static MemberLoop Start(
        MemberOptions options,
        IDeliveryHandler handler,
        long applied,
        JournalState state,
        JournalFile? journal
    )
    {
        var loop = new MemberLoop(options, handler, applied, state, journal);
        loop._application?.Start();
        loop._journal?.Start();
        loop._thread.Start();
        return loop;
    }

    public Task<ReadOnlyMemory<byte>> Broadcast(ReadOnlyMemory<byte> payload)
    {
        if (_stopping)
        {
            return Task.FromException<ReadOnlyMemory<byte>>(Stopped());
        }

        var waiting = Interlocked.Increment(ref _waiting);
        var waitingBytes = Interlocked.Add(ref _waitingBytes, payload.Length);
        if (waiting > _options.MaxWaiting || waitingBytes > _options.MaxWaitingBytes)
        {
            StopCounting(payload);
            return Task.FromException<ReadOnlyMemory<byte>>(
                new OverloadedException(
                    "Too many requests wait to be ordered: a member of the group is slow or down. Try again later."
                )
            );
        }

        var pending = new PendingBroadcast(payload, this);
        _submissions.Enqueue(pending);
        _sleeper.Wake();
        // The loop may have ended meanwhile. It empties the queue when it ends, but only once.
        FailIfStopped();
        return pending.Task;
    }

    public Task ReadBarrier()
    {
        if (_stopping)
        {
            return Task.FromException(Stopped());
        }

        var barrier = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _barriers.Enqueue(barrier);
        _sleeper.Wake();
        FailIfStopped();
        return barrier.Task;
    }

    public async ValueTask StopAsync()
    {
        _stopping = true;
        _sleeper.Wake();
        await _completion.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A broadcast has ended, with or without a result; it no longer counts as waiting.</summary>
    internal void StopCounting(ReadOnlyMemory<byte> payload)
    {
        Interlocked.Decrement(ref _waiting);
        Interlocked.Add(ref _waitingBytes, -payload.Length);
    }

    private long Now => (long)_options.TimeProvider.GetElapsedTime(_started).TotalMicroseconds;

    private void Run()
    {
        try
        {
            _log.Started();
            while (!_stopping)
            {
                var now = Now;
                var drained = ReceiveAll(now);
                _addresses.Look(now);
                CopyState(now);
                TakeSubmissions();
                TakeCompletions(now);
                _core.Act(now);
                Send();
                HandOver(now);
                Publish(now);
                // The poll sees datagrams that were not drained or have arrived meanwhile.
                if (drained < MaxDatagramsPerRound)
                {
                    Sleep();
                }
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
        }

        End();
    }

    private int ReceiveAll(long now)
    {
        var drained = 0;
        for (; drained < MaxDatagramsPerRound; drained++)
        {
            var length = _socket.Receive(_receiveBuffer, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                break;
            }

            if (
                error
                is not (
                    SocketError.Success
                    or SocketError.MessageSize
                    or SocketError.ConnectionReset
                    or SocketError.ConnectionRefused
                )
            )
            {
                throw new SocketException((int)error);
            }

            // The length is checked before the hash: no member sends longer ones, and to hash them would be wasted
            // work.
            if (length > _options.MaxDatagram)
            {
                _core.Counters.Oversized++;
            }
            else if (OtherVersions.Is(_receiveBuffer.AsSpan(0, length)))
            {
                _core.Counters.OtherVersion++;
                _otherVersions.Note(_receiveBuffer.AsSpan(0, length), now);
            }
            else if (length > Sleeper.WakeLength)
            {
                if (_seal.TryOpen(_receiveBuffer.AsSpan(0, length), out var datagram))
                {
                    _core.Receive(datagram, now);
                }
                else
                {
                    _core.Counters.Unauthentic++;
                }
            }
        }

        return drained;
    }

    private void TakeSubmissions()
    {
        if (!IsOpen)
        {
            return;
        }

        _application!.FirstLocal = _core.FirstLocal;
        while (_submissions.TryDequeue(out var pending))
        {
            // In this order: the application's thread must find the caller when the payload is delivered.
            _application.AddPending(pending);
            _core.Submit(pending.Payload);
        }
    }

    private void TakeCompletions(long now)
    {
        if (_application?.Failure is { } applicationFailure)
        {
            throw applicationFailure;
        }

        if (_journal is not null)
        {
            if (_journal.Failure is { } journalFailure)
            {
                throw journalFailure;
            }

            if (_journal.TakeCompleted())
            {
                _core.SyncCompleted();
            }

            if (_application is not null && _journal.IsIdle && _journal.Growth > _flushAt)
            {
                // If the application cannot flush now, it is asked again after some more growth.
                _flushAt = _journal.Growth + (_options.MaxJournalGrowth / 4);
                _application.RequestFlush();
            }
        }

        // While a checkpoint waits for the journal's thread, the core must not learn that more is applied: it would
        // drop what the checkpoint needs. Applied is read first, since the application continues as soon as it has
        // flushed.
        if (_application is null)
        {
            return;
        }

        var applied = _application.Applied;
        if (_application.Flushed is not { } flushed)
        {
            _core.OnApplied(applied);
        }
        else if (_journal!.IsIdle)
        {
            _core.OnApplied(flushed.Number);
            _checkpoint.ResetWrittenCount();
            _core.BeginCheckpoint(_checkpoint, flushed.Position, flushed.Partial);
            _journal.Replace(_checkpoint);
            _flushAt = _options.MaxJournalGrowth;
            _application.ResumeAfterFlush();
            _log.JournalBegins(flushed.Number);
        }

        if (IsOpen && _core.CanRead && !_core.BarrierUnderWay && !_barriers.IsEmpty)
        {
            while (_barriers.TryDequeue(out var barrier))
            {
                _barrierRound.Add(barrier);
            }

            _core.StartBarrier(now);
        }
    }

    private void Send()
    {
        _sender.Send(_core.Outbox.Close());
        _core.Outbox.Clear();
    }

    private void HandOver(long now)
    {
        if (_core.EpochNumber != _epoch)
        {
            _epoch = _core.EpochNumber;
            _application?.LowerBarriers(_core.Cut);
        }

        if (_core.Deliveries.Count > 0 && _application is not null)
        {
            _handOverAt = _application.Deliver(_core.Deliveries)
                ? long.MaxValue
                : Math.Min(_handOverAt, now + MaxHandOverDelay);
        }

        if (now >= _handOverAt || (_handOverAt != long.MaxValue && _core.WaitsForRoom))
        {
            _application!.WakeForDeliveries();
            _handOverAt = long.MaxValue;
        }

        if (_journal is { IsIdle: true } && _core.WantsSync)
        {
            _journal.Append(_core.Records.WrittenSpan);
            _core.BeginSync();
        }

        if (_core.TryFinishBarrier(out var target))
        {
            _application!.CompleteWhenApplied(target, _barrierRound);
            _barrierRound.Clear();
        }
    }

    private void Sleep()
    {
        _application?.WakeWhenApplied = _core.WaitsForRoom;
        _sleeper.Sleep(Math.Min(Math.Min(_core.WakeAt, _handOverAt) - Now, MaxSleep), _hasWork);
    }

    /// <summary>Whether another thread has added something since the last round.</summary>
    private bool HasWork() =>
        _stopping
        || (IsOpen && !_submissions.IsEmpty)
        || (IsOpen && !_barriers.IsEmpty && !_core.BarrierUnderWay && _core.CanRead)
        || (_application?.HasWorkForLoop(_core.Applied, takesFlush: _journal is { IsIdle: true }) ?? false)
        || _copy.HasWorkForLoop
        || _addresses.HasWorkForLoop
        || (_journal?.HasWorkForLoop ?? false);

    private static long RandomNumber() =>
        BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(long)));
}
