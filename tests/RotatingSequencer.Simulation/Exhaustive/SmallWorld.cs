using System.Globalization;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation.Exhaustive;

/// <summary>
/// A group in one state of a search. A state is not changed once it was explored: a step makes another, which shares with it what the step
/// does not touch. Nothing takes time but waiting for a timer, and applications apply at once.
/// </summary>
internal sealed class SmallWorld
{
    private const int MaximumDatagram = 250;

    /// <summary>Timers run out at whole multiples of this, up to so much late: many states become one.</summary>
    private const long Tick = 1_000;

    private const long HopInTheCalm = 50;
    private const long SyncInTheCalm = 20;

    /// <summary>Timers that take longer are heartbeats, which only repeat what was said before.</summary>
    private const long LongestTimer = 100_000;

    /// <summary>Simulated time in which a group without faults must settle.</summary>
    private const long SettlesWithin = 3_000_000;

    private readonly Bounds _bounds;
    private readonly Observer _observer;
    private readonly SmallMember[] _members;
    private readonly ulong[] _prints;
    private readonly List<Flight> _underWay;
    private readonly List<Flight> _sent = [];
    private long _now;
    private int _submitted;
    private Faults _faults;

    /// <summary>A group that has started, and whose members know each other.</summary>
    public SmallWorld(Bounds bounds)
    {
        _bounds = bounds;
        _observer = new Observer(Setup.Small(bounds.Members, bounds.Journal, bounds.Window, MaximumDatagram));
        _members = [.. Enumerable.Range(0, bounds.Members).Select(id => new SmallMember(id, bounds, MaximumDatagram, _observer))];
        _prints = new ulong[_members.Length];
        _underWay = [];
        foreach (var member in _members)
        {
            Act(member);
        }

        RunCalmly(() => IsQuiet, hop: 0);
        for (var m = 0; m < _members.Length; m++)
        {
            _prints[m] = ObjectGraph.FingerprintOf(_members[m]);
        }
    }

    private SmallWorld(SmallWorld from)
    {
        (_bounds, _observer, _members, _prints) = (from._bounds, from._observer, from._members, from._prints);
        _underWay = [.. from._underWay];
        (_now, _submitted, _faults) = (from._now, from._submitted, from._faults);
    }

    /// <summary>The same, with copies of what a step of a member changes; with copies of all members when none is named.</summary>
    private SmallWorld(SmallWorld from, int? member)
        : this(from)
    {
        _observer = ObjectGraph.Copy(_observer);
        _members = [.. _members.Select(m => member is null || m.Id == member ? ObjectGraph.Copy(m) : m)];
        _prints = [.. _prints];
    }

    /// <summary>What has happened so far, of what the bounds count.</summary>
    public Faults Faults => _faults;

    private bool IsQuiet => _underWay.Count == 0 && !_members.Any(m => m.IsWriting || m.Core.Records.WrittenCount > 0);

    private bool IsSettled =>
        IsQuiet && _observer.History.WithoutNumber == 0 && _members.All(m =>
            m.Core.WaitingBytes == 0 && !m.Core.BarrierUnderWay
            && m.Core.Dropped == _observer.History.Numbers - 1 && m.Core.Claims.Locals[m.Id] == _observer.History.RequestsOf(m.Id) - 1);

    /// <summary>All that can happen next, but for what the network does with what that sends.</summary>
    public List<Step> Steps()
    {
        var steps = new List<Step>();
        for (var i = 0; i < _underWay.Count; i++)
        {
            // Of two that are alike it does not matter which.
            if (_underWay.FindIndex(flight => flight.Hash == _underWay[i].Hash) == i)
            {
                steps.Add(new(Happening.Arrives, _underWay[i].To, i));
            }
        }

        foreach (var member in _members)
        {
            Add(member.IsWriting, Happening.Syncs);
            Add(_submitted < _bounds.Requests, Happening.Submits);
            Add(_faults.Reads < _bounds.Reads && !member.Core.BarrierUnderWay, Happening.Reads);
            Add(_faults.Timers < _bounds.Timers && member.Core.WakeAt <= _now + LongestTimer, Happening.TimerRunsOut);
            Add(_faults.Crashes < _bounds.Crashes, Happening.Dies);
            Add(_faults.Crashes < _bounds.Crashes && member.IsWriting, Happening.DiesWithTheWriteDone);

            void Add(bool possible, Happening happening)
            {
                if (possible)
                {
                    steps.Add(new(happening, member.Id, 0));
                }
            }
        }

        return steps;
    }

    /// <summary>The state after a step, but that what it sent is in nobody's hands yet: see <see cref="Fates"/>.</summary>
    public SmallWorld After(Step step)
    {
        var next = new SmallWorld(this, step.Member);
        next.Take(step);
        next._prints[step.Member] = ObjectGraph.FingerprintOf(next._members[step.Member]);
        return next;
    }

    /// <summary>
    /// What the network can do with what a step has sent: each datagram goes, is lost, or goes twice. When it is lost does not matter, since it
    /// never arrives; so it is enough to lose it at once. One that goes twice comes whenever it likes, and once more whenever it likes.
    /// </summary>
    public IEnumerable<SmallWorld> Fates()
    {
        var fates = new Stack<(SmallWorld World, int Decided)>();
        fates.Push((this, 0));
        while (fates.TryPop(out var fate))
        {
            var (world, decided) = fate;
            if (decided == _sent.Count)
            {
                yield return world;
                continue;
            }

            if (world._faults.Duplicates < _bounds.Duplicates)
            {
                var twice = new SmallWorld(world);
                twice._faults.Duplicates++;
                twice._underWay.Add(_sent[decided]);
                twice._underWay.Add(_sent[decided]);
                fates.Push((twice, decided + 1));
            }

            if (world._faults.Losses < _bounds.Losses)
            {
                var lost = new SmallWorld(world);
                lost._faults.Losses++;
                fates.Push((lost, decided + 1));
            }

            var arrives = new SmallWorld(world);
            arrives._underWay.Add(_sent[decided]);
            fates.Push((arrives, decided + 1));
        }
    }

    /// <summary>The same for states that are alike, whatever faults led to them.</summary>
    public ulong Fingerprint()
    {
        var network = 0UL;
        foreach (var flight in _underWay)
        {
            // The order in which they were sent is no part of the state.
            network += flight.Hash;
        }

        return ObjectGraph.FingerprintOf((ulong[])[.. _prints, network, (ulong)_now, (ulong)_submitted, ObjectGraph.FingerprintOf(_observer)]);
    }

    /// <summary>From here on no faults: everything must be delivered everywhere, and be known to be.</summary>
    public void CheckThatItSettles()
    {
        var calm = new SmallWorld(this, member: null);
        calm.RunCalmly(() => calm.IsSettled, HopInTheCalm);
        calm._observer.CheckAllDelivered();
    }

    public string Describe(Step step)
    {
        var what = step.Happening switch
        {
            Happening.Arrives => $"m{step.Member} ← m{_underWay[step.Flight].From}: {DatagramText.Describe(_underWay[step.Flight].Bytes, _members.Length)}",
            Happening.Submits => $"m{step.Member} is handed a request",
            Happening.Syncs => $"m{step.Member} has synced",
            Happening.Reads => $"m{step.Member} begins a read barrier",
            Happening.TimerRunsOut => $"m{step.Member} wakes up",
            Happening.Dies => $"m{step.Member} dies and restarts",
            _ => $"m{step.Member} dies and restarts, what it was writing is on disk",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{_now,8} µs  {what}");
    }

    /// <summary>What this state lost and doubled of what the last step sent.</summary>
    public string DescribeFate(SmallWorld after) =>
        (after._faults.Losses - _faults.Losses, after._faults.Duplicates - _faults.Duplicates) switch
        {
            (0, 0) => "",
            var (lost, doubled) => $"  (then {lost} lost, {doubled} doubled; under way to {string.Join(", ", after._underWay.Select(f => $"m{f.To}"))})",
        };

    private void Take(Step step)
    {
        var member = _members[step.Member];
        switch (step.Happening)
        {
            case Happening.Arrives:
                var bytes = _underWay[step.Flight].Bytes;
                _underWay.RemoveAt(step.Flight);
                Receive(member, bytes);
                break;
            case Happening.Submits:
                Submit(member);
                break;
            case Happening.Syncs:
                member.CompleteWrite(_observer);
                break;
            case Happening.Reads:
                _faults.Reads++;
                member.StartBarrier(_now, _observer);
                break;
            case Happening.TimerRunsOut:
                _faults.Timers++;
                _now = Math.Max(_now, (member.Core.WakeAt + Tick - 1) / Tick * Tick);
                break;
            default:
                _faults.Crashes++;
                member.Restart(keepsWriting: step.Happening == Happening.DiesWithTheWriteDone, _now, _observer);
                break;
        }

        Act(member);
    }

    private void Submit(SmallMember member)
    {
        // No two alike, so that none can be taken for another.
        byte[] payload = [(byte)'r', (byte)_submitted++];
        _observer.History.Submit(member.Id, payload);
        member.Core.Submit(payload);
    }

    private void Receive(SmallMember member, byte[] datagram)
    {
        _observer.Receives(member.Id, datagram, _now);
        member.Core.Receive(datagram, _now);
    }

    private void Act(SmallMember member)
    {
        bool applied;
        do
        {
            member.Act(_now);
            Send(member);
            applied = member.Apply(_observer);
            if (_bounds.Journal && !member.IsWriting && member.Core.WantsSync)
            {
                member.BeginWrite();
            }

            member.FinishBarrier();
            _observer.Check(member.Id, member.Core);
            BrokenRule.Unless(member.Core.WakeAt > _now, "a member sleeps until something is due", $"member {member.Id} wants to act at {member.Core.WakeAt}");
        }
        while (applied && member.Core.WaitsForRoom);
    }

    private void Send(SmallMember member)
    {
        var datagrams = member.Core.Outbox.Close();
        foreach (var datagram in datagrams)
        {
            _observer.Sends(member.Id, datagram.Destination, datagram.Bytes, _now);
        }

        foreach (var datagram in datagrams)
        {
            var bytes = datagram.Bytes.ToArray();
            _observer.CheckClaims(member.Id, bytes);
            for (var to = 0; to < _members.Length; to++)
            {
                if (to != member.Id && (datagram.Destination == to || datagram.Destination == Outbox.All))
                {
                    _sent.Add(new(member.Id, to, bytes));
                }
            }
        }

        member.Core.Outbox.Clear();
    }

    /// <summary>Everything that is sent arrives soon, in order; whoever wants to wake up does so in time.</summary>
    private void RunCalmly(Func<bool> until, long hop)
    {
        var events = new PriorityQueue<(SmallMember Member, byte[]? Datagram), (long At, int Order)>();
        var deadline = _now + SettlesWithin;
        var order = 0;
        _sent.AddRange(_underWay);
        _underWay.Clear();
        var syncs = new long[_members.Length];
        while (true)
        {
            foreach (var flight in _sent)
            {
                events.Enqueue((_members[flight.To], flight.Bytes), (_now + hop, order++));
            }

            _sent.Clear();
            foreach (var member in _members)
            {
                syncs[member.Id] = !member.IsWriting ? long.MaxValue : syncs[member.Id] is var at && at > _now && at != long.MaxValue ? at : _now + SyncInTheCalm;
            }

            if (events.Count == 0 && until())
            {
                return;
            }

            var arrival = events.TryPeek(out _, out var next) ? next.At : long.MaxValue;
            var sync = syncs.Min();
            var wake = _members.Min(m => m.Core.WakeAt);
            _now = Math.Max(_now, Math.Min(Math.Min(arrival, sync), wake));
            if (_now >= deadline)
            {
                throw new BrokenRule("without faults the group settles", "it has not: " + string.Join("; ", _members.Select(State)));
            }

            SmallMember who;
            if (arrival <= _now)
            {
                (who, var datagram) = events.Dequeue();
                Receive(who, datagram!);
            }
            else if (sync <= _now)
            {
                who = _members[Array.IndexOf(syncs, sync)];
                who.CompleteWrite(_observer);
            }
            else
            {
                who = _members.First(m => m.Core.WakeAt <= _now);
            }

            Act(who);
        }
    }

    private static string State(SmallMember member) =>
        $"m{member.Id} dropped {member.Core.Dropped}, delivered {member.Core.Delivered}, stable {member.Core.Stable}, received {member.Core.Received}, known {member.Core.Known}";
}

internal enum Happening
{
    Arrives,
    Submits,
    Syncs,
    Reads,
    TimerRunsOut,
    Dies,
    DiesWithTheWriteDone,
}

/// <summary>One thing that happens to one member; <paramref name="Flight"/> is the place of the datagram that arrives.</summary>
internal readonly record struct Step(Happening Happening, int Member, int Flight);

/// <summary>A datagram on its way.</summary>
internal sealed class Flight(int from, int to, byte[] bytes)
{
    public int From => from;

    public int To => to;

    public byte[] Bytes => bytes;

    public ulong Hash { get; } = ObjectGraph.FingerprintOf((byte[])[(byte)to, .. bytes]);
}
