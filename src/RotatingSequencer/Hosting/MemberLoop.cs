using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using RotatingSequencer.Journal;
using RotatingSequencer.Protocol;
using RotatingSequencer.Wire;
using Core = RotatingSequencer.Protocol.Protocol;

namespace RotatingSequencer.Hosting;

/// <summary>
/// The one thread that owns the protocol core and the socket. Each round it drains the socket and what other threads left in its
/// queues, lets the core act once, sends what that gave (the next sequencer first), and only then hands on deliveries and records, to the
/// threads of the application and of the journal.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop's own thread disposes of what it owns when it ends.")]
internal sealed class MemberLoop
{
    /// <summary>Datagrams taken in before the core acts: bounded, so that a flood cannot keep it from acting.</summary>
    private const int MaximumDrain = 128;

    private const int SocketBuffer = 4 << 20;
    private const long ReachableWithin = 3_000_000;
    private const int LongestSleep = 1_000_000;

    /// <summary>Until deliveries that nobody waits for here reach the application: as long as claims that nobody waits for, so that both wake the loop once.</summary>
    private const long LongestHandOver = 2_000;

    private readonly MemberOptions _options;
    private readonly Core _core;
    private readonly Socket _socket;
    private readonly Sleeper _sleeper;
    private readonly Func<bool> _hasWork;
    private readonly SocketAddress[] _addresses;
    private readonly Seal _seal;
    private readonly ApplicationThread _application;
    private readonly JournalThread? _journal;
    private readonly long _started;
    private readonly byte[] _receiveBuffer = new byte[65_536];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MemberMetrics _metrics;
    private readonly Thread _thread;

    private readonly ConcurrentQueue<PendingBroadcast> _submissions = new();
    private readonly ConcurrentQueue<TaskCompletionSource> _barriers = new();
    private readonly List<TaskCompletionSource> _barrierRound = [];
    private readonly ArrayBufferWriter<byte> _checkpoint = new();
    private MemberStatus _status;
    private readonly Lock _statusLock = new();
    private long _flushAt;
    private long _hastenAt = long.MaxValue;
    private long _waitingBytes;
    private int _waiting;
    private volatile bool _stopping;
    private Exception? _failure;

    private MemberLoop(MemberOptions options, IDeliveryHandler handler, JournalState state, JournalFile? journal)
    {
        _options = options;
        _started = options.TimeProvider.GetTimestamp();
        _seal = new Seal(options.GroupKey);
        _core = new Core(
            new ProtocolOptions
            {
                Self = options.Id,
                Members = options.Members.Count,
                MaximumDatagram = options.MaximumDatagram,
                Window = options.Window,
                Journal = journal is not null,
                Seed = (ulong)state.Incarnations[options.Id],
                FirstToken = Random.Shared.NextInt64(1L << 61),
            },
            state,
            now: 0);
        if (handler.Applied < state.Position)
        {
            throw new JournalLostException(
                $"The application has applied only up to {handler.Applied}, but the journal begins behind {state.Position}: "
                + "the application's state was lost or belongs elsewhere.");
        }

        if (handler.Applied > _core.Received)
        {
            throw new JournalLostException(
                $"The application has applied up to {handler.Applied}, but the journal holds only up to {_core.Received}: "
                + "the journal was lost or damaged, or one of them belongs elsewhere.");
        }

        _flushAt = options.MaximumJournal;
        _status = ReadStatus(now: 0);
        _socket = Bind(options.Members[options.Id]);
        _addresses = [.. options.Members.Select(member => member.Serialize())];
        _sleeper = new Sleeper(_socket, _addresses[options.Id]);
        _hasWork = HasWork;
        _application = new ApplicationThread(handler, options.Members.Count, options.Id, state, _core.FirstLocal, _sleeper.Wake);
        _journal = journal is null ? null : new JournalThread(journal, _sleeper.Wake);
        _metrics = new MemberMetrics(options.Id, _core.Counters, () => Status);
        _thread = new Thread(Run) { Name = $"rotating-sequencer {options.Id}", IsBackground = true };
    }

    public Task Completion => _completion.Task;

    public MemberStatus Status
    {
        get
        {
            lock (_statusLock)
            {
                return _status;
            }
        }
    }

    public static MemberLoop Start(MemberOptions options, IDeliveryHandler handler, JournalState state, JournalFile? journal)
    {
        var loop = new MemberLoop(options, handler, state, journal);
        loop._application.Start();
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
        if (waiting > _options.MaximumWaiting || waitingBytes > _options.MaximumWaitingBytes)
        {
            Forget(payload);
            return Task.FromException<ReadOnlyMemory<byte>>(
                new OverloadedException("Too many requests wait to be ordered: a member of the group is slow or away. Try again later."));
        }

        var pending = new PendingBroadcast(payload, this);
        _submissions.Enqueue(pending);
        _sleeper.Wake();
        // The loop may have ended since; it empties the queue when it does, but not twice.
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

    /// <summary>A broadcast is done with, however it ended.</summary>
    internal void Forget(ReadOnlyMemory<byte> payload)
    {
        Interlocked.Decrement(ref _waiting);
        Interlocked.Add(ref _waitingBytes, -payload.Length);
    }

    private static Socket Bind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(address);
            socket.Blocking = false;
            socket.ReceiveBufferSize = SocketBuffer;
            socket.SendBufferSize = SocketBuffer;
            if (OperatingSystem.IsLinux() && socket.ReceiveBufferSize < SocketBuffer)
            {
                ForceReceiveBuffer(socket);
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The system's usual limit is lower than a busy group needs; a privileged process may pass it.</summary>
    private static void ForceReceiveBuffer(Socket socket)
    {
        const int SolSocket = 1;
        const int ReceiveBufferForce = 33;
        try
        {
            socket.SetRawSocketOption(SolSocket, ReceiveBufferForce, BitConverter.GetBytes(SocketBuffer));
        }
        catch (SocketException)
        {
            // Not privileged: a smaller buffer loses more datagrams under load, which are repaired.
        }
    }

    private long Now => (long)_options.TimeProvider.GetElapsedTime(_started).TotalMicroseconds;

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                var now = Now;
                var drained = ReceiveAll(now);
                TakeSubmissions();
                TakeCompletions(now);
                _core.Act(now);
                Send();
                HandOn(now);
                Publish(now);
                // Whatever was not drained, or has arrived meanwhile, is seen by the poll.
                if (drained < MaximumDrain)
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
        for (; drained < MaximumDrain; drained++)
        {
            var length = _socket.Receive(_receiveBuffer, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                break;
            }

            if (error is not (SocketError.Success or SocketError.MessageSize or SocketError.ConnectionReset or SocketError.ConnectionRefused))
            {
                throw new SocketException((int)error);
            }

            // Looked at before its hash: no member sends longer ones, and hashing what a stranger sends is work for nothing.
            if (length > _options.MaximumDatagram)
            {
                _core.Counters.Oversized++;
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
        while (_submissions.TryDequeue(out var pending))
        {
            // In this order: the application thread must find the waiter when the payload is delivered.
            _application.Expect(pending);
            _core.Submit(pending.Payload);
        }
    }

    private void TakeCompletions(long now)
    {
        if (_application.Failure is { } applicationFailure)
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

            if (_journal.IsIdle && _journal.Growth > _flushAt)
            {
                // If the application cannot flush now, it is asked again a little later.
                _flushAt = _journal.Growth + (_options.MaximumJournal / 4);
                _application.RequestFlush();
            }
        }

        // While a checkpoint waits for the journal thread, the core must not learn of more: it would drop what the checkpoint still needs.
        // Read in this order, since the application goes on as soon as it has flushed.
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
            _flushAt = _options.MaximumJournal;
            _application.ResumeAfterFlush();
        }

        if (!_core.BarrierUnderWay && !_barriers.IsEmpty)
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
        foreach (var datagram in _core.Outbox.Close())
        {
            var length = _seal.Close(datagram.Buffer, datagram.Offset, datagram.Length);
            var bytes = datagram.Buffer.AsSpan(datagram.Offset, length);
            if (datagram.Destination != Outbox.All)
            {
                SendTo(datagram.Destination, bytes);
                continue;
            }

            for (var i = 1; i < _addresses.Length; i++)
            {
                SendTo((_options.Id + i) % _addresses.Length, bytes);
            }
        }

        _core.Outbox.Clear();
    }

    private void SendTo(int member, ReadOnlySpan<byte> bytes)
    {
        try
        {
            _socket.SendTo(bytes, SocketFlags.None, _addresses[member]);
            _core.Counters.Sent++;
            _core.Counters.SentBytes += bytes.Length;
        }
        catch (SocketException)
        {
            // A full send buffer or an unreachable host is a lost datagram like any other; the protocol repairs it.
            _core.Counters.SendFailures++;
        }
    }

    private void HandOn(long now)
    {
        if (_core.Deliveries.Count > 0)
        {
            _hastenAt = _application.Deliver(_core.Deliveries) ? long.MaxValue : Math.Min(_hastenAt, now + LongestHandOver);
        }

        if (now >= _hastenAt || (_hastenAt != long.MaxValue && _core.WaitsForRoom))
        {
            _application.Hasten();
            _hastenAt = long.MaxValue;
        }

        if (_journal is { IsIdle: true } && _core.WantsSync)
        {
            _journal.Append(_core.Records.WrittenSpan);
            _core.BeginSync();
        }

        if (_core.TryFinishBarrier(out var target))
        {
            _application.CompleteWhenApplied(target, _barrierRound);
            _barrierRound.Clear();
        }
    }

    private void Sleep()
    {
        _application.WakeWhenApplied = _core.WaitsForRoom;
        _sleeper.Sleep(Math.Min(Math.Min(_core.WakeAt, _hastenAt) - Now, LongestSleep), _hasWork);
    }

    /// <summary>Whether another thread has left something since the last round.</summary>
    private bool HasWork() =>
        _stopping || !_submissions.IsEmpty || (!_barriers.IsEmpty && !_core.BarrierUnderWay)
        || _application.HasNews(_core.Applied, takesFlush: _journal is { IsIdle: true }) || (_journal?.HasNews ?? false);

    private MemberStatus ReadStatus(long now) => new(
        _core.Applied, _core.Stable, _core.Received, _core.Known, _core.IsNextSequencer, _core.HeardSince(now - ReachableWithin));

    private void Publish(long now)
    {
        var status = ReadStatus(now);
        lock (_statusLock)
        {
            _status = status;
        }
    }

    private MemberStoppedException Stopped() =>
        new("This member of the group has stopped.", _failure);

    private void FailIfStopped()
    {
        if (!_completion.Task.IsCompleted)
        {
            return;
        }

        while (_submissions.TryDequeue(out var pending))
        {
            pending.Fail(Stopped());
        }

        while (_barriers.TryDequeue(out var barrier))
        {
            barrier.TrySetException(Stopped());
        }
    }

    private void End()
    {
        _stopping = true;
        _journal?.Dispose();
        _application.Dispose();
        _sleeper.Dispose();
        _socket.Dispose();
        _metrics.Dispose();
        var stopped = Stopped();
        _application.FailWaiters(stopped);
        foreach (var barrier in _barrierRound)
        {
            barrier.TrySetException(stopped);
        }

        if (_failure is null)
        {
            _completion.SetResult();
        }
        else
        {
            _completion.SetException(_failure);
        }

        FailIfStopped();
    }
}
