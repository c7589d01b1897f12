using System.Buffers;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// Drives one core as <see cref="Hosting.MemberLoop"/> does, in virtual time. A step receives what waits, lets the
/// core
/// act once, sends, and hands over deliveries and records. Between any two of these the member may die.
/// </summary>
internal sealed partial class SimulatedMember
{
    private const long MaxSleep = 1_000_000;

    /// <summary>Most Requests without a number that <see cref="Look"/> looks for.</summary>
    private const int MaxShownRequests = 8;

    private readonly World _world;
    private readonly Setup _setup;
    private readonly Random _random;
    private readonly int _id;
    private readonly SimulatedDisk _disk = new();
    private readonly SimulatedApplication _application;
    private readonly Queue<(byte[] Bytes, SentDatagram? Record)> _socket = new();
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

    /// <summary>What can be seen of this member: what it knows, and what the observer's books say that it
    /// holds.</summary>
    public MemberState Look()
    {
        var history = _world.Observer.History;
        var holdings = _world.Observer.HoldingsOf(_id);
        return new MemberState
        {
            IsUp = IsUp,
            IsPaused = IsUp && _world.Now < _pausedUntil,
            Held = holdings.Held,
            Stable = _core?.Stable ?? -1,
            Delivered = Delivered,
            Dropped = _core?.Dropped ?? -1,
            Numbers = Recording.HoldingsOf(holdings, history.Numbers),
            Waiting =
            [
                .. history
                    .WithoutNumberYet(MaxShownRequests)
                    .Where(id => holdings.Requests[id.Sender].Contains(id.Local)),
            ],
        };
    }

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
        _world.Recording?.Happens(_id, MemberEvent.Starts);
        Wake(_world.Now);
    }

    public void Calm()
    {
        _calm = true;
        _pausedUntil = _world.Now;
        Start();
    }

    public void Arrives(byte[] datagram, SentDatagram? record = null)
    {
        if (_core is null)
        {
            record?.IsMissed = true;
            return;
        }

        if (_socket.Count >= _setup.SocketBuffer)
        {
            _world.Statistics.LostAtFullBuffer++;
            record?.IsMissed = true;
            return;
        }

        _socket.Enqueue((datagram, record));
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
        _world.Recording?.Happens(_id, MemberEvent.Submits);
        Wake(_world.Now + Scheduling());
    }

    public void ReadBarrier()
    {
        _barrierWanted = _core is not null;
        if (_barrierWanted)
        {
            _world.Recording?.Happens(_id, MemberEvent.BeginsToRead);
        }

        Wake(_world.Now + Scheduling());
    }

    public void Pause(long duration)
    {
        _world.Trace?.Add($"m{_id} pauses for {duration} µs");
        _pausedUntil = Math.Max(_pausedUntil, _world.Now + duration);
        if (_world.Recording is { } recording && _core is not null)
        {
            recording.Happens(_id, MemberEvent.Pauses);
            _world.At(_pausedUntil, GoOn);
        }
    }

    /// <summary>Dies, and starts again after a while, unless it <paramref name="staysDown"/>.</summary>
    public void Crash(bool powerLoss, bool staysDown = false)
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
        _world.Recording?.Happens(_id, MemberEvent.Dies);
        if (!staysDown)
        {
            _world.At(_world.Now + _random.Between(1, _setup.Outage), Start);
        }
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

    /// <summary>Begins a new journal soon, from where the member is.</summary>
    public void CutJournal()
    {
        _flushAt = 0;
        Wake(_world.Now);
    }

    private void GoOn()
    {
        if (_core is not null && _world.Now >= _pausedUntil)
        {
            _world.Recording?.Happens(_id, MemberEvent.GoesOn);
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

    private long Scheduling() => _random.NextInt64(_calm ? 30 : _setup.Scheduling);

    private long Slowly(long usual) =>
        _calm
            ? _random.NextInt64(Math.Min(usual, 1_000))
            : _random.NextInt64(2 * usual) * (_random.Chance(_setup.Slow) ? _random.Next(2, 100) : 1);
}
