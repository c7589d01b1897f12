using System.Buffers;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// Drives one core as <see cref="Hosting.MemberLoop"/> does, in virtual time. A step receives what waits, lets the core
/// act once, sends, and hands over deliveries and records. Between any two of these the member may die.
/// </summary>
internal sealed class SimulatedMember
{
    private const long MaxSleep = 1_000_000;

    private readonly World _world;
    private readonly Setup _setup;
    private readonly Random _random;
    private readonly int _id;
    private readonly SimulatedDisk _disk = new();
    private readonly SimulatedApplication _application;
    private readonly Queue<byte[]> _socket = new();
    private readonly Queue<byte[]> _submitted = new();
    private readonly List<long> _barriers = [];
    private readonly ArrayBufferWriter<byte> _checkpoint = new();
    private BroadcastCore? _core;
    private int _life;
    private long _stepAt = long.MaxValue;
    private long _pausedUntil;
    private long _flushAt;
    private bool _applying;
    private bool _barrierWanted;
    private long _barrierFloor;
    private bool _calm;

    public SimulatedMember(World world, int id)
    {
        _world = world;
        _setup = world.Setup;
        _random = world.Random;
        _id = id;
        _application = new SimulatedApplication(id, _setup.Members, world.Observer, world.Defect);
        var fresh = JournalState.Fresh(id, _setup.Members, _random.NextInt64() | 1);
        var checkpoint = new ArrayBufferWriter<byte>();
        JournalFormat.WriteCheckpoint(checkpoint, fresh);
        _disk.Begin(checkpoint.WrittenSpan, replaces: true);
        _disk.Complete();
    }

    public bool IsUp => _core is not null;

    public int Steps { get; private set; }

    public CoreCounters? Counters => _core?.Counters;

    /// <summary>Whether this member has nothing left to do but heartbeats.</summary>
    public bool IsSettled =>
        _core is { } core
        && _submitted.Count == 0
        && core.WaitingBytes == 0
        && !core.BarrierUnderWay
        && _barriers.Count == 0
        && !_barrierWanted
        && (!_setup.Journal || (_disk.IsIdle && core.Records.WrittenCount == 0))
        && core.Dropped == core.Known
        && core.Known == _world.Observer.History.Numbers - 1
        && core.Claims.Locals[_id] == _world.Observer.History.NumberedUpTo(_id, core.Known) - 1;

    public long Delivered => _core?.Delivered ?? -1;

    /// <summary>Whether something submitted here is not yet in a Request that others can know.</summary>
    public bool Waits =>
        _submitted.Count > 0
        || _core is not { WaitingBytes: 0 } core
        || core.Claims.Locals[_id] < _world.Observer.History.RequestsOf(_id) - 1;

    /// <summary>An upper bound of the Requests that this member still has to make.</summary>
    public long Waiting =>
        _core is { } core
            ? (core.WaitingBytes + _submitted.Sum(p => (long)p.Length))
                / (_setup.MaxDatagram - Datagram.OverheadOf(_setup.Members) - 4)
                + 1
            : 0;

    public string State =>
        _core is not { } core
            ? "down"
            : $"dropped {core.Dropped}, applied {core.Applied}, delivered {core.Delivered}, stable {core.Stable}, "
                + $"received {core.Received}, known {core.Known}, "
                + $"claims {core.Claims.Held}/{core.Claims.Sequences}/{string.Join(' ', core.Claims.Locals)}, "
                + $"waiting {core.WaitingBytes} B and {_submitted.Count}, "
                + $"barriers {_barriers.Count}, {(_disk.IsIdle ? "" : "syncing, ")}wakes at {core.WakeAt}";

    public void Start()
    {
        if (_core is not null)
        {
            return;
        }

        var state = _disk.Open();
        var options = new CoreOptions
        {
            Self = _id,
            Members = _setup.Members,
            MaxDatagram = _setup.MaxDatagram,
            Window = _setup.Window,
            Pipeline = _setup.Pipeline,
            Journal = _setup.Journal,
            Seed = (ulong)_random.NextInt64(),
            FirstToken = _random.NextInt64(1L << 61),
        };
        var held = $"{state.Requests.Count} Requests, {state.Sequences.Count} Sequences";
        _world.Trace?.Add($"m{_id} begins: dropped {state.Dropped}, applied {state.Applied}, {held}");
        _core = new BroadcastCore(options, state, _world.Now);
        _flushAt = _setup.MaxJournalGrowth;
        _world.Observer.Begins(_id, state, _core);
        _application.Begin(state);
        Wake(_world.Now);
    }

    public void Calm()
    {
        _calm = true;
        _pausedUntil = _world.Now;
        Start();
    }

    public void Arrives(byte[] datagram)
    {
        if (_core is null)
        {
            return;
        }

        if (_socket.Count >= _setup.SocketBuffer)
        {
            _world.Statistics.LostAtFullBuffer++;
            return;
        }

        _socket.Enqueue(datagram);
        Wake(_world.Now + Scheduling());
    }

    public void Submit(byte[] payload)
    {
        if (
            _core is null
            || _core.WaitingBytes + _submitted.Sum(p => (long)p.Length) > 64 * (_setup.MaxDatagram + _setup.MaxPayload)
        )
        {
            _world.Statistics.SubmissionsRefused++;
            return;
        }

        _world.Statistics.Submissions++;
        _world.Statistics.PayloadsCut +=
            payload.Length > _setup.MaxDatagram - Datagram.OverheadOf(_setup.Members) ? 1 : 0;
        _world.Observer.History.Submit(_id, payload);
        _submitted.Enqueue(payload);
        Wake(_world.Now + Scheduling());
    }

    public void ReadBarrier()
    {
        _barrierWanted = _core is not null;
        Wake(_world.Now + Scheduling());
    }

    public void Pause(long duration)
    {
        _world.Trace?.Add($"m{_id} pauses for {duration} µs");
        _pausedUntil = Math.Max(_pausedUntil, _world.Now + duration);
    }

    public void Crash(bool powerLoss)
    {
        if (_core is null)
        {
            return;
        }

        _world.Trace?.Add(
            $"m{_id} {(powerLoss ? "loses power" : "is killed")}{(_disk.IsIdle ? "" : " while it writes")}"
        );
        _ = powerLoss ? _world.Statistics.PowerLosses++ : _world.Statistics.Kills++;
        CountCore(_core);
        _core = null;
        _life++;
        _socket.Clear();
        _submitted.Clear();
        _barriers.Clear();
        _barrierWanted = _applying = false;
        _stepAt = long.MaxValue;
        _world.Observer.History.Crash(_id);
        _world.Statistics.TornWrites += _disk.Crash(_random, _world.Defect) ? 1 : 0;
        _application.Crash(powerLoss, _random);
        _world.At(_world.Now + _random.Between(1, _setup.Outage), Start);
    }

    public void CountCore(BroadcastCore? core = null)
    {
        if ((core ?? _core)?.Counters is { } counters)
        {
            _world.Statistics.Asked += counters.Asked;
            _world.Statistics.AnsweredMessages += counters.AnsweredMessages;
            _world.Statistics.IgnoredBeyondWindow += counters.Ignored;
        }
    }

    private void Wake(long at)
    {
        at = Math.Max(at, _pausedUntil);
        if (_core is null || at >= _stepAt)
        {
            return;
        }

        _stepAt = at;
        _world.At(
            at,
            () =>
            {
                if (_stepAt == at)
                {
                    _stepAt = long.MaxValue;
                    Step();
                }
            }
        );
    }

    private void Step()
    {
        if (_core is not { } core || _world.Now < _pausedUntil)
        {
            Wake(_pausedUntil);
            return;
        }

        Steps++;
        var now = _world.Now;
        var dies = !_calm && _random.Chance(_setup.DeathWithinStep) ? _random.Next(1, 6) : 0;
        ReceiveSome(core, now);
        while (_submitted.TryDequeue(out var payload))
        {
            core.Submit(payload);
        }

        TakeCompletions(core, now);
        core.Act(now);
        if (dies == 1)
        {
            DieWithinStep();
            return;
        }

        Send(core, stopMidway: dies == 2);
        if (dies is 2 or 3)
        {
            DieWithinStep();
            return;
        }

        HandOver(core);
        CheckNothingIsLeft(core, now);
        _world.Observer.Check(_id, core);
        if (dies > 3)
        {
            DieWithinStep();
            return;
        }

        BrokenRule.Unless(
            core.WakeAt > now,
            "a member sleeps until something is due",
            $"member {_id} wants to act at {core.WakeAt}"
        );
        Wake(_socket.Count > 0 ? now + 1 : Math.Min(core.WakeAt, now + MaxSleep));
    }

    private void DieWithinStep()
    {
        _world.Statistics.DeathsWithinStep++;
        Crash(_random.Chance(_setup.PowerLoss));
    }

    private void ReceiveSome(BroadcastCore core, long now)
    {
        for (
            var drain = _random.Chance(0.9) ? 128 : _random.Next(1, 4);
            drain > 0 && _socket.TryDequeue(out var datagram);
            drain--
        )
        {
            _world.Trace?.Add($"m{_id} ← {DatagramText.Describe(datagram, _setup.Members)}");
            _world.Observer.Receives(_id, datagram, now);
            core.Receive(_world.Defect == Defect.BelievesTooMuch ? ExaggeratedClaims.Of(datagram) : datagram, now);
        }
    }

    private void TakeCompletions(BroadcastCore core, long now)
    {
        if (_disk.IsIdle && _setup.Journal && _disk.Growth > _flushAt)
        {
            _flushAt = _disk.Growth + (_setup.MaxJournalGrowth / 4);
            _application.FlushRequested = true;
            Apply();
        }

        if (_application.Flushed is not { } flushed)
        {
            core.OnApplied(_world.Defect == Defect.AppliedTooEarly ? core.Delivered : _application.Applied);
        }
        else if (_disk.IsIdle)
        {
            core.OnApplied(flushed.Number);
            _checkpoint.ResetWrittenCount();
            core.BeginCheckpoint(_checkpoint, flushed.Position, flushed.Partial);
            _flushAt = _setup.MaxJournalGrowth;
            BeginWrite(_checkpoint.WrittenSpan, replaces: true);
            _application.ResumeAfterFlush();
            Apply();
        }

        if (!core.BarrierUnderWay && _barrierWanted)
        {
            _barrierWanted = false;
            _barrierFloor = _world.Observer.DeliveredAnywhere;
            core.StartBarrier(now);
        }
    }

    /// <summary>Sends all copies of all datagrams; only some when the member dies meanwhile.</summary>
    private void Send(BroadcastCore core, bool stopMidway)
    {
        var datagrams = core.Outbox.Close();
        foreach (var datagram in datagrams)
        {
            _world.Observer.Sends(_id, datagram.Destination, datagram.Bytes, _world.Now);
        }

        foreach (var datagram in datagrams)
        {
            var bytes =
                _world.Defect == Defect.ClaimsTooMuch ? ExaggeratedClaims.Of(datagram.Bytes) : datagram.Bytes.ToArray();
            _world.Observer.CheckClaims(_id, bytes);
            var destination = datagram.Destination < 0 ? "all" : $"{datagram.Destination}";
            _world.Trace?.Add($"m{_id} → {destination}: {DatagramText.Describe(bytes, _setup.Members)}");
            for (var i = 1; i < _setup.Members; i++)
            {
                var to = (_id + i) % _setup.Members;
                if (datagram.Destination == to || datagram.Destination == Outbox.All)
                {
                    if (stopMidway && _random.Chance(0.3))
                    {
                        return;
                    }

                    _world.Network.Send(_id, to, bytes);
                }
            }
        }

        core.Outbox.Clear();
    }

    private void HandOver(BroadcastCore core)
    {
        foreach (var request in core.Deliveries)
        {
            _world.Trace?.Add($"m{_id} delivers {request.Number} = {request.Id}");
            _world.Observer.Delivers(_id, request);
        }

        _application.Deliver(core.Deliveries);
        Apply();
        if (_setup.Journal && _disk.IsIdle && core.WantsSync)
        {
            _disk.Begin(core.Records.WrittenSpan, replaces: false);
            core.BeginSync();
            CompleteWrite();
            if (_world.Defect == Defect.SaysSyncedTooEarly)
            {
                core.SyncCompleted();
            }
        }

        if (core.TryFinishBarrier(out var target))
        {
            _world.Statistics.Barriers++;
            BrokenRule.Unless(
                target >= _barrierFloor,
                "a read sees what was delivered before it began",
                $"member {_id} would read at {target}, not {_barrierFloor}"
            );
            _barriers.Add(target);
        }

        _barriers.RemoveAll(target => target <= _application.Applied);
    }

    /// <summary>Checks that nothing waits that could be done now.</summary>
    private void CheckNothingIsLeft(BroadcastCore core, long now)
    {
        if (!_random.Chance(0.1))
        {
            return;
        }

        var records = core.Records.WrittenCount;
        core.Act(now);
        var datagrams = core.Outbox.Close();
        BrokenRule.Unless(
            datagrams.Count == 0 && core.Deliveries.Count == 0 && core.Records.WrittenCount == records,
            "a member does at once what it can",
            $"member {_id} sends {datagrams.Count} and delivers {core.Deliveries.Count} more when it acts again"
        );
    }

    private void BeginWrite(ReadOnlySpan<byte> bytes, bool replaces)
    {
        _disk.Begin(bytes, replaces);
        CompleteWrite();
    }

    private void CompleteWrite()
    {
        var life = _life;
        _world.At(
            _world.Now + Slowly(_setup.Sync),
            () =>
            {
                if (_life != life)
                {
                    return;
                }

                var (bytes, replaces) = _disk.Writing;
                _ = replaces ? _world.Statistics.Checkpoints++ : _world.Statistics.Syncs++;
                _disk.Complete();
                _world.Observer.Synced(_id, bytes, replaces);
                _core!.SyncCompleted();
                Wake(_world.Now + Scheduling());
            }
        );
    }

    private void Apply()
    {
        if (_applying || !_application.HasWork)
        {
            return;
        }

        var life = _life;
        _applying = true;
        _world.At(
            _world.Now + Slowly(_setup.Apply),
            () =>
            {
                if (_life != life)
                {
                    return;
                }

                _applying = false;
                _application.Work(_random.Chance(0.5) ? 256 : _random.Next(1, 20), _calm || _random.Chance(0.7));
                if (_core!.WaitsForRoom || _application.Flushed is not null || _barriers.Count > 0)
                {
                    Wake(_world.Now + Scheduling());
                }

                Apply();
            }
        );
    }

    private long Scheduling() => _random.NextInt64(_calm ? 30 : _setup.Scheduling);

    private long Slowly(long usual) =>
        _calm
            ? _random.NextInt64(Math.Min(usual, 1_000))
            : _random.NextInt64(2 * usual) * (_random.Chance(_setup.Slow) ? _random.Next(2, 100) : 1);
}
