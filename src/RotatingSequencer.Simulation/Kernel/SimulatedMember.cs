using System.Buffers;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Simulation;

/// <summary>
/// Drives one core as <see cref="Hosting.MemberLoop"/> does, in virtual time. A step receives what waits, lets the core
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
    private long _epoch;
    private readonly ArrayBufferWriter<byte> _checkpoint = new();
    private BroadcastCore? _core;
    private CoreOptions? _options;
    private bool _copying;
    private (byte[] Journal, long Position)? _copy;
    private int _life;
    private long _stepAt = long.MaxValue;
    private long _pausedUntil;
    private long _flushAt;
    private bool _applying;
    private bool _barrierWanted;
    private long _barrierFloor;
    private bool _calm;

    public SimulatedMember(World world, int id)
        : this(world, id, process: id) => BeginJournal(returns: false);

    private SimulatedMember(World world, int id, int process)
    {
        _world = world;
        _setup = world.Setup;
        _random = world.Random;
        _id = id;
        Process = process;
        _application = new SimulatedApplication(process, _setup.Members, world.Observer, world.Defect);
    }

    /// <summary>Whether this member has entered an epoch, on its disk.</summary>
    public bool HasJoined => JournalFormat.Read(_disk.Content, out _)?.Epoch.Number > 0;

    public bool Operates => _core is { Operates: true };

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
        _core is { Operates: true } core
        && !_world.Observer.HasLost(_id)
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
            ? (core.WaitingBytes + _submitted.Sum(p => (long)p.Length)) / (_setup.LongestBody - 4) + 1
            : 0;

    public string State =>
        _core is not { } core
            ? "down"
            : $"dropped {core.Dropped}, applied {core.Applied}, delivered {core.Delivered}, stable {core.Stable}, "
                + $"received {core.Received}, known {core.Known}, "
                + $"claims {core.Claims.Held}/{core.Claims.Sequences}/{string.Join(' ', core.Claims.Locals)}, "
                + $"waiting {core.WaitingBytes} B and {_submitted.Count}, "
                + $"epoch {core.EpochNumber}, {(core.Operates ? "operates, " : "")}"
                + $"waits for {string.Join(' ', core.WaitsFor)}, lost {string.Join(' ', core.LostForGood)}, "
                + $"barriers {_barriers.Count}, {(_disk.IsIdle ? "" : "syncing, ")}wakes at {core.WakeAt}";

    public void Start()
    {
        if (_core is not null || _isOver)
        {
            return;
        }

        var state = _disk.Open();
        if (state.Self != _id)
        {
            LoseJournal($"it is of member {state.Self}");
            state = _disk.Open();
        }

        if (
            state.Epoch.Number > 0
            && (_application.Position < state.Position || _application.Position > state.LastNumber)
        )
        {
            // As the host finds before it starts.
            LoseJournal("the application has another state");
            state = _disk.Open();
        }

        _options = new CoreOptions
        {
            Self = _id,
            Members = _setup.Members,
            MaxDatagram = _setup.MaxDatagram,
            MaxBody = _setup.MaxBody,
            Window = _setup.Window,
            Pipeline = _setup.Pipeline,
            Journal = _setup.Journal,
            Seed = (ulong)_random.NextInt64(),
            Life = _setup.Formed && _life == 0 ? World.FormedLife(_id) : _random.NextInt64() | 1,
            Formed = _setup.Formed && _life == 0 ? World.FormedLives(_setup.Members) : null,
            StateLost = LacksState(state),
            FirstToken = _random.NextInt64(1L << 61),
        };
        var held = $"{state.Requests.Count} Requests, {state.Sequences.Count} Sequences";
        _world.Trace?.Add($"m{_id} begins: dropped {state.Dropped}, applied {state.Applied}, {held}");
        try
        {
            Begin(state);
        }
        catch (JournalLostException lost)
        {
            LoseJournal(lost.Message);
            Start();
            return;
        }

        _world.Recording?.Happens(_id, MemberEvent.Starts);
        Wake(_world.Now);
    }

    private bool LacksState(JournalState state) =>
        state.Epoch.Number == 0 && (_application.Position < state.Position || _application.Position > state.LastNumber);

    private void Begin(JournalState state)
    {
        _core = new BroadcastCore(_options!, state, _world.Now);
        _flushAt = _setup.MaxJournalGrowth;
        _world.Observer.Begins(Process, state, _core);
        if (!_options!.StateLost)
        {
            _application.Begin(state);
        }
    }

    private void BeginJournal(bool returns)
    {
        var fresh = JournalState.Fresh(_id, _setup.Members, _random.NextInt64() | 1, returns);
        if (_setup.Formed && !returns)
        {
            fresh = JournalState.Fresh(_id, _setup.Members, World.FormedIncarnation(_id));
            fresh.Enter(World.FormedEpoch(_setup.Members));
        }

        var checkpoint = new ArrayBufferWriter<byte>();
        JournalFormat.WriteCheckpoint(checkpoint, fresh);
        _disk.Put(checkpoint.WrittenSpan);
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
        _world.Statistics.PayloadsCut += payload.Length > _setup.LongestBody ? 1 : 0;
        _world.Observer.History.Submit(Process, payload);
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
        _barrierWanted = _applying = _copying = false;
        _stepAt = long.MaxValue;
        _world.Observer.History.Crash(Process);
        _world.Statistics.TornWrites += _disk.Crash(_random, _world.Defect) ? 1 : 0;
        _application.Crash(powerLoss, _random);
        _world.Recording?.Happens(_id, MemberEvent.Dies);
        if (!staysDown)
        {
            _world.At(_world.Now + _random.Between(1, _setup.Outage), Start);
        }
    }

    /// <summary>Keeps a copy of the disk as it is now, as a backup would.</summary>
    public void KeepCopy() => _copy = (_disk.Copy(), _application.Position);

    /// <summary>Dies, and comes back with a disk that has lost something.</summary>
    public void LoseDisk()
    {
        if (_core is null)
        {
            return;
        }

        Crash(powerLoss: false, staysDown: true);
        _world.Observer.Loses(_id);
        switch (_random.Next(6))
        {
            case 0:
                _world.Trace?.Add($"m{_id} has lost its disk");
                _world.Statistics.DisksLost++;
                BeginJournal(returns: false);
                _application.Put(-1);
                break;
            case 1:
                _world.Trace?.Add($"m{_id} has lost its state");
                _world.Statistics.StatesLost++;
                _application.Put(-1);
                break;
            case 2 when _copy is { } copy:
                _world.Trace?.Add($"m{_id} has an older copy of its disk");
                _world.Statistics.OlderCopies++;
                _disk.Put(copy.Journal);
                _application.Put(copy.Position);
                break;
            case 3 when _copy is { } copy:
                _world.Trace?.Add($"m{_id} has an older copy of its journal");
                _world.Statistics.OlderCopies++;
                _disk.Put(copy.Journal);
                break;
            case 4 when _setup.Members > 1:
                var other = _world.Members[(_id + _random.Next(1, _setup.Members)) % _setup.Members];
                _world.Trace?.Add($"m{_id} has a copy of the disk of m{other._id}");
                _world.Statistics.OthersDisks++;
                _disk.Put(other._disk.Copy());
                _application.Put(other._application.Position);
                break;
            default:
                _world.Trace?.Add($"m{_id} has lost the end of its journal");
                _world.Statistics.JournalsCutShort++;
                var kept = _disk.Copy();
                _disk.Put(kept.AsSpan(0, kept.Length - _random.Next(Math.Min(kept.Length, 400))));
                if (!_disk.HasCheckpoint)
                {
                    BeginJournal(returns: true);
                }

                break;
        }

        _world.At(_world.Now + _random.Between(1, _setup.Outage), Start);
    }

    /// <summary>What this member has is not what the others know of it: it joins as a new one.</summary>
    private void LoseJournal(string why)
    {
        BrokenRule.Unless(
            _world.Observer.MayLack(_id) || _world.Observer.HasAnyCopied,
            "a member finds something lost only when something is",
            $"member {_id}: {why}"
        );
        _world.Trace?.Add($"m{_id} sets its journal aside: {why}");
        _world.Statistics.LossesNoticed++;
        _world.Observer.Loses(_id);
        BeginJournal(returns: true);
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
