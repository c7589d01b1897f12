using System.Buffers;
using System.Runtime.CompilerServices;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Simulation;

namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>
/// One member of a <see cref="SmallWorld"/>: its core, its disk with the current write, and its application's position.
/// </summary>
internal sealed class SmallMember
{
    private readonly ArrayBufferWriter<byte> _synced = new(64);
    private CoreOptions _options;
    private readonly int _members;
    private byte[]? _writing;
    private int _lives;
    private long _barrierFloor;

    /// <summary>Whose state it may copy, a bit for each member; 0 unless it copies.</summary>
    private ulong _holders;

    /// <summary>The highest local number of each member among what was applied.</summary>
    private long[] _locals = [];

    /// <summary>
    /// The last number that the application has applied. It is stored with the effects, so it survives.
    /// </summary>
    private long _position = -1;

    public SmallMember(int id, SearchBounds bounds, int maxDatagram, RuleObserver observer)
    {
        _members = bounds.Members;
        _options = new CoreOptions
        {
            Self = id,
            Members = bounds.Members,
            MaxDatagram = maxDatagram,
            Window = bounds.Window,
            Journal = bounds.Journal,
            // A life keeps its name over restarts, so that equal states stay equal: greetings are not searched.
            Life = World.FormedLife(id),
            Formed = World.FormedLives(bounds.Members),
            Seed = (ulong)id,
            FirstToken = 0,
        };
        var formed = JournalState.Fresh(id, bounds.Members, World.FormedIncarnation(id));
        formed.Enter(World.FormedEpoch(bounds.Members));
        JournalFormat.WriteCheckpoint(_synced, formed);
        Core = Begin(now: 0, observer);
    }

    public int Id => _options.Self;

    public BroadcastCore Core { get; private set; }

    public bool IsWriting => _writing is not null;

    public bool IsCopying => _holders != 0;

    public void BeginWrite()
    {
        _writing = Core.Records.WrittenSpan.ToArray();
        Core.BeginSync();
    }

    public void CompleteWrite(RuleObserver observer)
    {
        _synced.Write(_writing);
        observer.Synced(Id, _writing, replaces: false, _synced.WrittenSpan);
        _writing = null;
        Core.SyncCompleted();
    }

    /// <summary>
    /// Acts, always with the same jitter: otherwise equal states would differ in how often it was drawn.
    /// </summary>
    public void Act(long now)
    {
        RandomOf(ScheduleOf(Core)) = (ulong)Id;
        Core.Act(now);
    }

    /// <summary>Hands all deliveries to the application, which applies them at once.</summary>
    public bool Apply(RuleObserver observer)
    {
        var any = false;
        while (Core.Deliveries.TryDequeue(out var request))
        {
            any = true;
            observer.Delivers(Id, request);
            _locals[request.Id.Sender] = request.Id.Local;
            if (request.Number > _position)
            {
                var payloads = new List<ReadOnlyMemory<byte>>();
                new Assembler(_members).Take(request.Id.Sender, request.Body, payloads);
                foreach (var payload in payloads)
                {
                    observer.Applies(Id, request.Number, request.Id.Sender, payload.Span);
                }

                _position = request.Number;
            }

            Core.OnApplied(request.Number);
        }

        return any;
    }

    /// <summary>
    /// Dies, and starts again from its journal, with or without the current write.
    /// </summary>
    public void Restart(bool keepsWriting, long now, RuleObserver observer)
    {
        if (keepsWriting)
        {
            _synced.Write(_writing);
        }

        _writing = null;
        observer.History.Crash(Id);
        Core = Begin(now, observer);
    }

    /// <summary>Dies, and starts again with an empty disk: as another incarnation.</summary>
    public void LoseDisk(long now, RuleObserver observer)
    {
        const int Another = 100;
        observer.History.Crash(Id);
        observer.Loses(Id);
        _writing = null;
        _holders = 0;
        _position = -1;
        _options = _options with { Formed = null, Life = World.FormedLife(Id) + Another };
        Put(JournalState.Fresh(Id, _members, World.FormedIncarnation(Id) + Another));
        Core = Begin(now, observer);
    }

    /// <summary>Begins to copy a state, if it needs one.</summary>
    public void BeginCopy()
    {
        if (!IsCopying && Core.StateHolders is { Count: > 0 } holders)
        {
            Core.BeginCopy();
            _holders = holders.Aggregate(0UL, (bits, member) => bits | (1UL << member));
        }
    }

    /// <summary>Whether the copy can be complete now, from another member.</summary>
    public bool CanCopy(SmallMember holder) =>
        (_holders & (1UL << holder.Id)) != 0 && !IsWriting && !holder.Core.IsJoining;

    /// <summary>Has another member's state as that has it now, and goes on from it.</summary>
    public void Copy(SmallMember holder, long now, RuleObserver observer)
    {
        JournalState copied = new(Id, _members)
        {
            Dropped = holder.Core.Applied,
            Applied = holder.Core.Applied,
            Position = holder._position,
            Partial = new Assembler(_members).Partial,
        };
        holder._locals.CopyTo(copied.DroppedLocals, 0);
        _holders = 0;
        _position = copied.Position;
        var state = Core.WithCopy(copied);
        Put(state);
        Core = Begin(state, now, observer);
    }

    public void StartBarrier(long now, RuleObserver observer)
    {
        _barrierFloor = observer.DeliveredAnywhere;
        Core.StartBarrier(now);
    }

    public void FinishBarrier()
    {
        if (Core.TryFinishBarrier(out var target))
        {
            BrokenRule.Unless(
                target >= _barrierFloor,
                "a read sees what was delivered before it began",
                $"member {Id} would read at {target}, not {_barrierFloor}"
            );
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_schedule")]
    private static extern ref Schedule ScheduleOf(BroadcastCore core);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_random")]
    private static extern ref ulong RandomOf(Schedule schedule);

    private BroadcastCore Begin(long now, RuleObserver observer)
    {
        var state = JournalFormat.Read(_synced.WrittenSpan, out _)!;
        return Begin(state, now, observer);
    }

    private BroadcastCore Begin(JournalState state, long now, RuleObserver observer)
    {
        _locals = [.. state.DroppedLocals];
        foreach (var (_, id) in state.Sequences.Where(sequence => sequence.Number <= state.Applied))
        {
            _locals[id.Sender] = Math.Max(_locals[id.Sender], id.Local);
        }

        var core = new BroadcastCore(_options with { FirstToken = 1_000 * ++_lives }, state, now);
        observer.Begins(Id, state, core);
        observer.ApplicationGoesOn(Id, _position);
        return core;
    }

    private void Put(JournalState state)
    {
        _synced.Clear();
        JournalFormat.WriteCheckpoint(_synced, state);
    }
}
