using System.Globalization;
using RotatingSequencer.Simulation;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>
/// A group in one state of a search. An explored state never changes: a step makes another state, which shares
/// everything that the step does not touch. Only timers take time, and applications apply at once.
/// </summary>
internal sealed class SmallWorld
{
    private const int MaxDatagram = 250;

    /// <summary>Timers end at whole multiples of this, a little late, so that many states become one.</summary>
    private const long Tick = 1_000;

    private const long CalmHop = 50;
    private const long CalmSync = 20;

    /// <summary>Longer timers are heartbeats, which only repeat what was sent before.</summary>
    private const long MaxTimer = 100_000;

    /// <summary>Simulated time in which a group without faults must settle.</summary>
    private const long SettlesWithin = 3_000_000;

    private readonly SearchBounds _bounds;
    private readonly RuleObserver _observer;
    private readonly SmallMember[] _members;
    private readonly ulong[] _prints;
    private readonly List<Flight> _underWay;
    private readonly List<Flight> _sent = [];
    private long _now;
    private int _submitted;
    private Faults _faults;

    /// <summary>A group that has started and whose members know each other.</summary>
    public SmallWorld(SearchBounds bounds)
    {
        _bounds = bounds;
        _observer = new RuleObserver(Setup.Small(bounds.Members, bounds.Journal, bounds.Window, MaxDatagram));
        _members =
        [
            .. Enumerable.Range(0, bounds.Members).Select(id => new SmallMember(id, bounds, MaxDatagram, _observer)),
        ];
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

    /// <summary>
    /// The same state with copies of what a step of a member changes; of all members if none is named.
    /// </summary>
    private SmallWorld(SmallWorld from, int? member)
        : this(from)
    {
        _observer = ObjectGraph.Copy(_observer);
        _members = [.. _members.Select(m => member is null || m.Id == member ? ObjectGraph.Copy(m) : m)];
        _prints = [.. _prints];
    }

    /// <summary>The faults so far.</summary>
    public Faults Faults => _faults;

    private bool IsQuiet => _underWay.Count == 0 && !_members.Any(m => m.IsWriting || m.Core.Records.WrittenCount > 0);

    private bool IsSettled =>
        IsQuiet
        && _observer.History.WithoutNumber == 0
        && _members.All(m =>
            m.Core.Operates
            && !_observer.HasLost(m.Id)
            && m.Core.WaitingBytes == 0
            && !m.Core.BarrierUnderWay
            && m.Core.Dropped == _observer.History.Numbers - 1
            && m.Core.Claims.Locals[m.Id] == _observer.History.RequestsOf(m.Id) - 1
        );

    /// <summary>
    /// Everything that can happen next. What the network does then is decided in <see cref="Fates"/>.
    /// </summary>
    public List<SearchStep> Steps()
    {
        var steps = new List<SearchStep>();
        var mayDelay = _bounds.Delays is not { } delays || _faults.Delays < delays;
        var (due, writing) = Due();
        for (var i = 0; i < _underWay.Count; i++)
        {
            // Of two equal ones it does not matter which arrives.
            if (
                _underWay.FindIndex(flight => flight.Hash == _underWay[i].Hash) == i
                && (mayDelay || i == due || _underWay[i].IsLate)
            )
            {
                steps.Add(new(Happening.Arrives, _underWay[i].To, i));
            }
        }

        foreach (var member in _members)
        {
            Add(member.IsWriting && (mayDelay || member.Id == writing), Happening.Syncs);
            Add(_submitted < _bounds.Requests && !member.Core.IsJoining, Happening.Submits);
            Add(_faults.Reads < _bounds.Reads && !member.Core.BarrierUnderWay && member.Core.CanRead, Happening.Reads);
            Add(_faults.Timers < _bounds.Timers && member.Core.WakeAt <= _now + MaxTimer, Happening.TimerRunsOut);
            Add(_faults.Crashes < _bounds.Crashes, Happening.Dies);
            Add(_faults.Crashes < _bounds.Crashes && member.IsWriting, Happening.DiesWithTheWriteDone);
            AddLosses(steps, member.Id);
            steps.AddRange(
                _members.Where(member.CanCopy).Select(holder => new SearchStep(Happening.Copies, member.Id, holder.Id))
            );

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

    /// <summary>What happens next without a delay: the write of a member ends, or else a datagram arrives; −1 for
    /// neither.</summary>
    private (int Flight, int Writing) Due()
    {
        var writing = Array.FindIndex(_members, m => m.IsWriting);
        return (writing >= 0 ? -1 : _underWay.FindIndex(f => !f.IsLate), writing);
    }

    /// <summary>
    /// A member loses its disk. Of what it has sent, and what is under way to it, at most one datagram arrives later:
    /// any, or none. All would make far more states, and each is dropped for reasons of its own.
    /// </summary>
    private void AddLosses(List<SearchStep> steps, int member)
    {
        if (_faults.LostDisks >= _bounds.LostDisks)
        {
            return;
        }

        steps.Add(new(Happening.LosesDisk, member, -1));
        for (var i = 0; i < _underWay.Count; i++)
        {
            var flight = _underWay[i];
            if ((flight.From == member || flight.To == member) && _underWay.FindIndex(f => f.Hash == flight.Hash) == i)
            {
                steps.Add(new(Happening.LosesDisk, member, i));
            }
        }
    }

    /// <summary>
    /// The state after a step, before the network takes what it sent; see <see cref="Fates"/>.
    /// </summary>
    public SmallWorld After(SearchStep step)
    {
        var next = new SmallWorld(this, step.Member);
        next.Take(step);
        next._prints[step.Member] = ObjectGraph.FingerprintOf(next._members[step.Member]);
        return next;
    }

    /// <summary>
    /// Everything that the network can do with the datagrams of a step: each passes, is lost, or passes twice. A lost
    /// one never arrives, so it can be lost at once. Each copy of a doubled one arrives at any time.
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

    /// <summary>The same for equal states, whatever faults led to them.</summary>
    public ulong Fingerprint()
    {
        var network = 0UL;
        for (var i = 0; i < _underWay.Count; i++)
        {
            // The order in which they were sent is not part of the state, unless it says which is due.
            network += _underWay[i].Hash * (_bounds.Delays is null ? 1 : 1 + (2 * (ulong)i));
        }

        return ObjectGraph.FingerprintOf(
            (ulong[])[.. _prints, network, (ulong)_now, (ulong)_submitted, ObjectGraph.FingerprintOf(_observer)]
        );
    }

    /// <summary>Without further faults everything must be delivered everywhere, and all members must know it.</summary>
    public void CheckThatItSettles()
    {
        var calm = new SmallWorld(this, member: null);
        calm.RunCalmly(() => calm.IsSettled, CalmHop);
        calm._observer.CheckAllDelivered();
    }

    public string Describe(SearchStep step)
    {
        var what = step.Happening switch
        {
            Happening.Arrives => $"m{step.Member} ← m{_underWay[step.What].From}: "
                + DatagramText.Describe(_underWay[step.What].Bytes, _members.Length),
            Happening.Submits => $"m{step.Member} gets a request",
            Happening.Syncs => $"m{step.Member} has synced",
            Happening.Reads => $"m{step.Member} begins a read barrier",
            Happening.TimerRunsOut => $"m{step.Member} wakes up",
            Happening.Dies => $"m{step.Member} dies and restarts",
            Happening.LosesDisk => $"m{step.Member} dies and restarts with an empty disk",
            Happening.Copies => $"m{step.Member} has copied the state of m{step.What}",
            _ => $"m{step.Member} dies and restarts, what it was writing is on disk",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{_now, 8} µs  {what}");
    }

    /// <summary>Which datagrams of the last step were lost or doubled.</summary>
    public string DescribeFate(SmallWorld after) =>
        (after._faults.Losses - _faults.Losses, after._faults.Duplicates - _faults.Duplicates) switch
        {
            (0, 0) => "",
            var (lost, doubled) => $"  (then {lost} lost, {doubled} doubled; under way to "
                + $"{string.Join(", ", after._underWay.Select(f => $"m{f.To}"))})",
        };

    private void Take(SearchStep step)
    {
        var member = _members[step.Member];
        var (due, writing) = Due();
        _faults.Delays += step.Happening switch
        {
            _ when _bounds.Delays is null => 0,
            Happening.Arrives => step.What == due || _underWay[step.What].IsLate ? 0 : 1,
            Happening.Syncs => step.Member == writing ? 0 : 1,
            _ => 0,
        };
        switch (step.Happening)
        {
            case Happening.Arrives:
                var bytes = _underWay[step.What].Bytes;
                _underWay.RemoveAt(step.What);
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
            case Happening.LosesDisk:
                _faults.LostDisks++;
                var late = step.What < 0 ? null : _underWay[step.What];
                _underWay.RemoveAll(f => f.From == member.Id || f.To == member.Id);
                if (late is not null)
                {
                    _underWay.Add(new Flight(late.From, late.To, late.Bytes, isLate: true));
                }

                member.LoseDisk(_now, _observer);
                break;
            case Happening.Copies:
                member.Copy(_members[step.What], _now, _observer);
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
        // No two are equal, so that none can be mistaken for another.
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
            member.BeginCopy();
            member.Act(_now);
            Send(member);
            _observer.Acted(member.Id, member.Core);
            applied = member.Apply(_observer);
            if (_bounds.Journal && !member.IsWriting && member.Core.WantsSync)
            {
                member.BeginWrite();
            }

            member.FinishBarrier();
            _observer.Check(member.Id, member.Core);
            BrokenRule.Unless(
                member.Core.WakeAt > _now,
                "a member sleeps until something is due",
                $"member {member.Id} wants to act at {member.Core.WakeAt}"
            );
        } while (applied && member.Core.WaitsForRoom);
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

    /// <summary>Everything that is sent arrives soon and in order; every member wakes up in time.</summary>
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
                syncs[member.Id] =
                    !member.IsWriting ? long.MaxValue
                    : syncs[member.Id] is var at && at > _now && at != long.MaxValue ? at
                    : _now + CalmSync;
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
                throw new BrokenRule(
                    "without faults the group settles",
                    "it has not: " + string.Join("; ", _members.Select(State))
                );
            }

            SmallMember who;
            if (_members.FirstOrDefault(m => _members.Any(m.CanCopy)) is { } copying)
            {
                who = copying;
                who.Copy(_members.First(who.CanCopy), _now, _observer);
            }
            else if (arrival <= _now)
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
        $"m{member.Id} dropped {member.Core.Dropped}, delivered {member.Core.Delivered}, stable {member.Core.Stable}, "
        + $"received {member.Core.Received}, known {member.Core.Known}";
}
