using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// How the members agree on a new epoch: the coordinator's proposal, the promises of all, the decision of the cut, and
/// what each member does when it hears of these.
/// </content>
internal sealed partial class BroadcastCore
{
    private readonly Promise?[] _promises;

    /// <summary>As coordinator: the epoch that promises are collected for.</summary>
    private Epoch? _proposal;

    private bool _promiseDue;
    private bool _installDue;

    /// <summary>How many members may have lost their disks at once.</summary>
    public int MaxLost => _majority - 1;

    /// <summary>
    /// Members that lost their disks, when these are more than the group can do without; otherwise none.
    /// </summary>
    public IReadOnlyList<int> LostForGood
    {
        get
        {
            int[] joining = [.. Enumerable.Range(0, _members).Where(Joins)];
            var isNewGroup = joining.Length == _members && !joining.Any(m => m == _self ? _returns : _lives[m].Returns);
            return AllMet && joining.Length > MaxLost && !isNewGroup && !IsForming ? joining : [];
        }
    }

    /// <summary>
    /// Whether the first epoch of the group is known, and some have not entered it: nothing was ever delivered.
    /// </summary>
    private bool IsForming
    {
        get
        {
            var someoneJoins = IsJoining;
            for (var m = 0; m < _members; m++)
            {
                if (m != _self && IsOfView(m))
                {
                    someoneJoins |= _lives[m].Epoch == 0;
                    if (_lives[m].Operated)
                    {
                        return false;
                    }
                }
            }

            return someoneJoins && !_operated && _view.Number > 0 && _view.Cut < 0;
        }
    }

    private bool Joins(int member) => member == _self ? IsJoining : _lives[member].Epoch == 0;

    private bool SendPromise()
    {
        if (!_promiseDue || _durablePromised != _promised)
        {
            return false;
        }

        _promiseDue = false;
        var coordinator = (int)(_promised % Epoch.Coordinators);
        if (coordinator == _self)
        {
            _promises[_self] = OwnPromise();
            return true;
        }

        Outbox.AddPromise(coordinator, OwnPromise());
        return false;
    }

    private Promise OwnPromise()
    {
        Promise promise = new(_members)
        {
            Number = _promised,
            Epoch = _epoch.Number,
            Returns = _returns,
            Held = _claims.Held,
            Cut = _epoch.Cut,
        };
        _numbered.CopyTo(promise.Locals, 0);
        _epoch.Locals.CopyTo(promise.CutLocals, 0);
        for (var k = _sequences.Contiguous; k > promise.Held; k--)
        {
            var id = _sequences[k].Id;
            promise.Locals[id.Sender] = id.Local - 1;
        }

        return promise;
    }

    private bool Coordinate(long now)
    {
        if (_proposal is { } proposal)
        {
            if (_promised > proposal.Number || !AllMet || HighestPromise > proposal.Number)
            {
                _proposal = null;
            }
            else if (Array.TrueForAll(_promises, promise => promise is not null))
            {
                _proposal = null;
                return Decide(proposal);
            }
        }

        if (_proposal is null && ShouldPropose(now))
        {
            Propose();
            return true;
        }

        return false;
    }

    private long HighestPromise
    {
        get
        {
            var highest = _promised;
            for (var m = 0; m < _members; m++)
            {
                highest = m == _self ? highest : Math.Max(highest, _lives[m].Promised);
            }

            return highest;
        }
    }

    private bool ShouldPropose(long now)
    {
        if (!AllMet)
        {
            return false;
        }

        // A proposal that a member cannot promise now would only hold up the reads of the others.
        for (var m = 0; m < _members; m++)
        {
            if (m != _self && _lastHeard[m] < now - (2 * _options.Heartbeat))
            {
                return false;
            }
        }

        var lowest = -1;
        var anyNew = false;
        for (var m = _members - 1; m >= 0; m--)
        {
            lowest = Joins(m) ? lowest : m;
            var incarnation = m == _self ? _incarnation : _lives[m].Incarnation;
            var isMember = incarnation == _epoch.Incarnations[m];
            if (!isMember && !Joins(m) && _lives[m].Epoch <= _epoch.Number)
            {
                // A replaced incarnation that still runs. It stops once it has learned of this epoch.
                return false;
            }

            anyNew |= !isMember;
        }

        // A promise to an epoch that nobody completes holds everything up: a new proposal has to follow.
        var isHeldUp = HighestPromise > _epoch.Number;
        return (anyNew || isHeldUp) && (lowest < 0 ? _self == 0 : lowest == _self) && LostForGood.Count == 0;
    }

    private void Propose()
    {
        _proposal = new Epoch(_members) { Number = Epoch.NumberAbove(HighestPromise, _self) };
        for (var m = 0; m < _members; m++)
        {
            _proposal.Incarnations[m] = m == _self ? _incarnation : _lives[m].Incarnation;
            _lives[m].Due = 0;
            _lives[m].Attempts = 0;
        }

        Array.Clear(_promises);
        Promised(_proposal.Number);
    }

    private void Promised(long epoch)
    {
        _promised = epoch;
        _promiseDue = true;
        _settled = false;
        _operates = false;
        if (_options.Journal)
        {
            JournalFormat.WritePromise(Records, epoch);
        }
    }

    private bool Decide(Epoch proposal)
    {
        var members = _promises.Where(promise => promise!.Epoch > 0).ToArray();
        var (cut, locals) = (-1L, new Epoch(_members).Locals);
        if (members.Length > 0)
        {
            var latest = members.MaxBy(promise => promise!.Epoch)!;
            if (_members - members.Length > MaxLost && !(IsForming && latest.Epoch == _view.Number))
            {
                // More disks were lost meanwhile.
                return false;
            }

            foreach (var promise in members)
            {
                var isValid = promise!.Epoch == latest.Epoch || promise.Held <= latest.Cut;
                var (held, heldLocals) = isValid ? (promise.Held, promise.Locals) : (latest.Cut, latest.CutLocals);
                if (held >= cut)
                {
                    (cut, locals) = (held, heldLocals);
                }
            }
        }
        else if (Array.Exists(_promises, promise => promise!.Returns))
        {
            return false;
        }

        var epoch = new Epoch(_members) { Number = proposal.Number, Cut = cut };
        proposal.Incarnations.CopyTo(epoch.Incarnations, 0);
        locals.CopyTo(epoch.Locals, 0);
        Enter(epoch);
        _installDue = true;
        return true;
    }

    private void OnPrepare(int from, Epoch proposal, long now)
    {
        if (
            proposal.Coordinator != from
            || proposal.Incarnations[_self] != _incarnation
            || (!IsJoining && proposal.Incarnations[from] != _epoch.Incarnations[from])
        )
        {
            return;
        }

        if (proposal.Number < _promised)
        {
            // The coordinator does not know of a higher promise.
            Greet(from, asks: false, answer: 0, _lives[from].Incarnation, now);
            return;
        }

        if (proposal.Number == _promised)
        {
            _promiseDue = _view.Number < _promised;
            _settled &= !_promiseDue;
            return;
        }

        _proposal = null;
        Promised(proposal.Number);
    }

    private void OnPromise(int from, Promise promise)
    {
        if (_proposal?.Number == promise.Number)
        {
            _promises[from] = promise;
            _settled = false;
        }
    }

    private void OnInstall(Epoch epoch)
    {
        if (epoch.Number <= _view.Number || epoch.Number < _promised)
        {
            return;
        }

        if (epoch.Incarnations[_self] != _incarnation)
        {
            if (IsJoining && _promised == 0)
            {
                // Of an earlier incarnation of this member.
                return;
            }

            const string Reason = "Another journal has taken the place of this member's.";
            throw _hasOperated
                ? new MemberReplacedException($"{Reason} Another process runs as this member: only one may.")
                : new JournalLostException($"{Reason} This one is an older copy.");
        }

        if (epoch.Number > _promised)
        {
            throw new JournalLostException(
                $"This member has promised to enter epoch {epoch.Number}, but its journal only knows of {_promised}: "
                    + "the end of the journal was lost, or it is an older copy."
            );
        }

        if (IsJoining)
        {
            View(epoch);
        }
        else
        {
            Enter(epoch);
        }
    }
}
