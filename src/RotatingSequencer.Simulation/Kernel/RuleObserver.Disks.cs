using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <content>What the disks hold: journals at a start, writes, losses, and epochs that are entered.</content>
internal sealed partial class RuleObserver
{
    /// <summary>Whether a member's disk has lost something that is not made good yet.</summary>
    public bool HasLost(int member) => _lost[member] is not null;

    /// <summary>
    /// Whether a member is behind a state that another one has copied: it may find what it lacks nowhere, and has to
    /// copy it too. Then its disk is as good as lost.
    /// </summary>
    public bool IsAnyBehindACopy
    {
        get
        {
            var copied = _present.Max(process => _copied[process]);
            return _present.Any(process => _holdings[process].Held < copied);
        }
    }

    /// <summary>A member's disk loses something.</summary>
    public void Loses(int member)
    {
        _lost[member] = Math.Max(_lost[member] ?? -1, MostHeldBy(member));
        _claimed[_present[member]].Clear();
    }

    /// <summary>A member starts with the content of its journal.</summary>
    public void Begins(int member, JournalState state, BroadcastCore core)
    {
        if (_incarnations[member] != state.Incarnation)
        {
            _claimed[member].Clear();
            _sentToAll[member].Clear();
        }

        _operates[member] = false;
        if (_yetTo[IdOf(member)] == YetTo.StartAndTakePart)
        {
            _yetTo[IdOf(member)] = YetTo.TakePart;
        }

        _incarnations[member] = state.Incarnation;
        if (state.Epoch.Number > (History.Epoch?.Number ?? 0))
        {
            // A write that was under way when it died is on disk all the same.
            Enters(member, state.Epoch);
        }

        _epoch[member] = state.Epoch.Number;
        if (state.Epoch.Number > 0)
        {
            _entered.Add(state.Incarnation);
        }

        _copied[member] = state.AllHeld < state.Dropped ? state.Dropped : _copied[member];
        Restore(member, state);
        _delivered[member] = _restored[member] = state.Applied;
        _stable[member] = -1;
        _firstQuestion[member] = long.MaxValue;
        _lastQuestion[member] = 0;
        Array.Fill(_answered[member], long.MaxValue);
        ForgetQuestions(member);
        BrokenRule.Unless(
            !_claimed[member].ExceedsAnyOf(core.Claims),
            "what is claimed survives",
            $"member {member} claimed more before its crash than it claims after"
        );
    }

    /// <summary>A write of the journal is on disk; the content is that of the whole journal.</summary>
    public void Synced(int member, ReadOnlySpan<byte> bytes, bool replaces, ReadOnlySpan<byte> content)
    {
        if (replaces)
        {
            var state = JournalFormat.Read(bytes, out _)!;
            if (state.Epoch.Number > _epoch[member])
            {
                Enters(member, state.Epoch);
            }

            Restore(member, state);
            if (state.Epoch.Number == (History.Epoch?.Number ?? 0) && !IsPast(member))
            {
                CheckClaims(member, _claimed[member]);
            }

            return;
        }

        var written = JournalFormat.Read([.. _anyCheckpoint, .. bytes], out _)!;
        if (written.Epoch.Number > 0 || written.Joins > 0)
        {
            if (written.Epoch.Number > 0)
            {
                Enters(member, written.Epoch);
            }

            Restore(member, JournalFormat.Read(content, out _)!);
            return;
        }

        Add(member, written);
    }

    private void Enters(int member, Epoch epoch)
    {
        var everywhere = ulong.MaxValue;
        var before = History.Epoch;
        History.Enter(epoch, DeliveredAnywhere);
        _epoch[member] = epoch.Number;
        _entered.Add(_incarnations[member]);
        _past.Remove((member, _incarnations[member]));
        _claimed[member].Lower(epoch.Cut, epoch.Locals, everywhere);
        _sentToAll[member].Lower(epoch.Cut, epoch.Locals, 0);
        if (before?.Number >= epoch.Number)
        {
            return;
        }

        foreach (var incarnation in epoch.Incarnations)
        {
            _heldBy[incarnation] = Math.Min(_heldBy.GetValueOrDefault(incarnation, -1), epoch.Cut);
        }

        for (var m = 0; m < _lost.Length; m++)
        {
            _lost[m] = _lost[m] is { } lost ? Math.Min(lost, epoch.Cut) : null;
            _couldBeServedFrom[m] = epoch.Cut + 1;
        }
    }

    private void Restore(int member, JournalState state)
    {
        for (var s = 0; s < _setup.Members; s++)
        {
            BrokenRule.Unless(
                state.DroppedLocals[s] == History.NumberedUpTo(s, state.Dropped) - 1,
                "a checkpoint records what was dropped",
                $"member {member} dropped {state.Dropped}, and of {s} up to {state.DroppedLocals[s]}"
            );
        }

        _holdings[member].Begin(state.Dropped, state.DroppedLocals);
        if (History.Epoch is { } latest && state.Epoch.Number < latest.Number)
        {
            AddWhatIsValid(member, state, latest);
        }
        else
        {
            Add(member, state);
        }
    }

    /// <summary>A member that is still in an earlier epoch holds things that a later one has made void.</summary>
    private void AddWhatIsValid(int member, JournalState state, Epoch latest)
    {
        foreach (var (id, _) in state.Requests)
        {
            var stays =
                state.Epoch.Number > 0
                    ? state.Epoch.Incarnations[id.Sender] == latest.Incarnations[id.Sender]
                    : state.Joins >= latest.Number;
            if (stays || id.Local <= latest.Locals[id.Sender])
            {
                _holdings[member].Requests[id.Sender].Add(id.Local);
            }
        }

        foreach (var (number, _) in state.Sequences)
        {
            if (number <= latest.Cut)
            {
                _holdings[member].Sequences.Add(number);
            }
        }

        Advance(member);
    }

    private void Add(int member, JournalState state)
    {
        if (IsPast(member))
        {
            AddWhatIsTrue(member, state);
            return;
        }

        var holdings = _holdings[member];
        foreach (var (id, body) in state.Requests)
        {
            if (id.Sender == IdOf(member))
            {
                History.OwnRequest(id.Sender, id.Local, body);
            }
            else
            {
                History.CheckBody(id, body);
            }

            holdings.Requests[id.Sender].Add(id.Local);
        }

        foreach (var (number, id) in state.Sequences)
        {
            if (number < History.Numbers || number % _setup.Members != IdOf(member))
            {
                History.CheckSequence(number, id);
            }
            else
            {
                History.OwnSequence(IdOf(member), number, id);
                CheckFairness(number, id.Sender);
            }

            holdings.Sequences.Add(number);
        }

        Advance(member);
    }
}
