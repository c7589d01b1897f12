using System.Buffers;
using System.Numerics;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// Epochs: how a group forms, and how a member joins that has no journal, or cannot rely on it.
/// <para>
/// 1. The coordinator is the member with the lowest id that is in an epoch; while a group forms, member 0. Once all
/// have answered it, it proposes an epoch with the incarnations that answered (Prepare).
/// 2. Each member records its promise, takes nothing in from then on, and sends the promise with what it holds.
/// 3. When all have promised, the coordinator decides the cut: the highest number up to which a member that is in an
/// epoch holds everything. It records the epoch and sends it (Install).
/// 4. A member enters when the epoch is on its disk; one that joins first copies the state, and fetches everything up
/// to
/// the cut by the ordinary repair.
/// 5. When all have entered, each member records that, and Requests and numbers are sent again.
/// </para>
/// <para>
/// Why nothing is lost. What was delivered is on the disks of a majority. Fewer disks than a majority are lost from one
/// epoch to the next, or no epoch is proposed. So a member that promises has it, and the cut is not below it. A
/// member's own numbers are never above the cut: it holds everything below them. So what the cut makes void are numbers
/// of lost incarnations that no majority held, and Requests of these that have no number.
/// </para>
/// <para>
/// Why all have the same cut. An epoch's number has one coordinator, which records its decision before it sends it.
/// A later proposal hears from all, so also from a member that entered: its cut then is the one that counts. What a
/// member holds of an earlier epoch above that cut is void. Nothing can have been assigned above it: that takes all to
/// have entered.
/// </para>
/// </content>
internal sealed partial class BroadcastCore
{
    private readonly Promise?[] _promises;

    /// <summary>The epoch that this member is in; its number is 0 while it joins.</summary>
    private Epoch _epoch;

    /// <summary>The epoch whose datagrams are taken in: that of the member, or the one that it joins.</summary>
    private Epoch _view;

    /// <summary>The highest epoch that this member has promised. Above its view's it takes nothing in.</summary>
    private long _promised;

    // What is on disk of these, and what will be once the current write completes.
    private long _durableEpoch;
    private long _durablePromised;
    private long _syncingEpoch;
    private long _syncingPromised;
    private bool _durableOperation;
    private bool _syncingOperation;

    /// <summary>
    /// Whether this member knew that all have entered its epoch. A member that says it has yet to enter has then lost
    /// the end of its journal.
    /// </summary>
    private bool _operated;

    /// <summary>As coordinator: the epoch that promises are collected for.</summary>
    private Epoch? _proposal;

    private bool _promiseDue;
    private bool _installDue;

    /// <summary>Whether all agree on the epoch, so that Requests and numbers may be sent.</summary>
    private bool _operates;

    /// <summary>Whether nothing is left to do about epochs until something is heard of them.</summary>
    private bool _settled;

    /// <summary>Whether the application's state has to be copied; nothing is delivered, or entered, before.</summary>
    private bool _stateLost;

    /// <summary>Whether this member is not yet, or no longer, in an epoch.</summary>
    public bool IsJoining => _epoch.Number == 0;

    /// <summary>Whether this member takes part: its group has formed, and all members agree.</summary>
    public bool Operates => _operates;

    /// <summary>The number of the epoch that this member is in, 0 while it joins.</summary>
    public long EpochNumber => _epoch.Number;

    /// <summary>The incarnation of each member in the epoch that this member is in, or joins.</summary>
    public IReadOnlyList<long> Incarnations => _view.Incarnations;

    /// <summary>How many members may have lost their disks at once.</summary>
    public int MaxLost => _majority - 1;

    private bool IsFrozen => _promised > _view.Number;

    /// <summary>
    /// Members that have the state which this one needs to join; none when it needs none, or does not know yet.
    /// </summary>
    public IReadOnlyList<int> StateHolders
    {
        get
        {
            if (!IsJoining || _view.Number == 0 || IsFrozen)
            {
                return [];
            }

            var holders = new List<int>();
            var knowsAll = true;
            var lacksNothing = false;
            for (var m = 0; m < _members; m++)
            {
                if (m == _self || !IsOfView(m) || _lives[m].Epoch == 0)
                {
                    continue;
                }

                if (_lives[m].Epoch != _view.Number)
                {
                    knowsAll = false;
                    continue;
                }

                holders.Add(m);
                lacksNothing |= _lives[m].Dropped <= Received;
            }

            return _stateLost || (knowsAll && !lacksNothing) ? holders : [];
        }
    }

    /// <summary>Members that this one waits for before it can take part; none when it takes part.</summary>
    public IReadOnlyList<int> WaitsFor =>
        _operates
            ? []
            :
            [
                .. Enumerable
                    .Range(0, _members)
                    .Where(m => m != _self && !(IsJoining ? _lives[m].Met : _lives[m].Agrees)),
            ];

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

    /// <summary>
    /// The caller begins to copy the application's state from one of <see cref="StateHolders"/>. Another core goes on
    /// from <see cref="WithCopy"/>; this one never enters.
    /// </summary>
    public void BeginCopy() => _stateLost = true;

    /// <summary>What is due about lives and epochs.</summary>
    private void Reform(long now)
    {
        NoteDurable();
        if (_settled)
        {
            return;
        }

        bool again;
        do
        {
            again = EnterWhenComplete() | SendPromise() | Coordinate(now);
            NoteDurable();
        } while (again);

        if (_installDue && _durableEpoch == _epoch.Number)
        {
            _installDue = false;
            for (var m = 0; m < _members; m++)
            {
                if (m != _self)
                {
                    Outbox.AddInstall(m, _epoch);
                }
            }
        }

        Outbox.Joins = _durableEpoch == 0;
        if (!_operates && !IsJoining && !IsFrozen && _durableEpoch == _epoch.Number && AllAgree)
        {
            Operate();
        }

        _settled = _operates && AllMet && AllEntered && _proposal is null && !_promiseDue;
    }

    private void Operate()
    {
        if (!_operated)
        {
            _operated = true;
            if (_options.Journal)
            {
                JournalFormat.WriteOperation(Records, _epoch.Number);
            }
        }

        NoteDurable();
        _operates = _durableOperation;
        _hasOperated |= _operates;
        if (_operates)
        {
            CheckThatSomebodyHasWhatItLacks();
        }
    }

    /// <summary>
    /// Members that have copied a state have nothing from before it. When all others have, a member that is behind
    /// finds what it lacks nowhere: it has to copy as well.
    /// </summary>
    private void CheckThatSomebodyHasWhatItLacks()
    {
        if (_members == 1)
        {
            return;
        }

        for (var m = 0; m < _members; m++)
        {
            if (m != _self && _lives[m].Dropped <= Received)
            {
                return;
            }
        }

        throw new JournalLostException(
            $"This member holds everything up to {Received}, and no other member still has what follows."
        );
    }

    /// <summary>Without a journal everything counts as durable at once.</summary>
    private void NoteDurable()
    {
        if (!_options.Journal)
        {
            (_durableEpoch, _durablePromised, _durableOperation) = (_epoch.Number, _promised, _operated);
        }
    }

    /// <summary>Whether the present lives of all are of this epoch.</summary>
    private bool AllEntered
    {
        get
        {
            for (var m = 0; m < _members; m++)
            {
                if (m != _self && (!IsOfView(m) || _lives[m].Epoch != _epoch.Number))
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>A member that joins enters once everything up to the cut is on its disk.</summary>
    private bool EnterWhenComplete()
    {
        if (!IsJoining || _view.Number == 0 || IsFrozen)
        {
            return false;
        }

        CheckThatItNeverEntered();
        if (_stateLost || _claims.Held < _view.Cut)
        {
            return false;
        }

        Enter(_view);
        return true;
    }

    /// <summary>
    /// A member that has lost the end of its journal may have entered this epoch before, and have forgotten it.
    /// </summary>
    private void CheckThatItNeverEntered()
    {
        for (var m = 0; m < _members; m++)
        {
            ref readonly var life = ref _lives[m];
            if (
                m != _self
                && IsOfView(m)
                && life.Epoch == _view.Number
                && (life.Operated || life.MyLocal > _view.Locals[_self] || life.MyNumber > _view.Cut)
            )
            {
                throw new JournalLostException(
                    $"Member {m} has heard this member in epoch {_view.Number}, which its journal does not know: "
                        + "the end of the journal was lost, or it is an older copy."
                );
            }
        }
    }

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

    private void Enter(Epoch epoch)
    {
        var joined = IsJoining;
        if (epoch.Number != _view.Number)
        {
            View(epoch);
        }

        _epoch = epoch;
        _operated = _durableOperation = _syncingOperation = false;
        _settled = false;
        for (var m = 0; m < _members; m++)
        {
            _lives[m].Due = 0;
        }

        if (_options.Journal)
        {
            JournalFormat.WriteEpoch(Records, epoch);
        }

        if (!joined)
        {
            return;
        }

        if (!_numbered.AsSpan().SequenceEqual(epoch.Locals) || Received != epoch.Cut)
        {
            throw new ProtocolViolationException(
                $"The state that this member has copied does not fit the cut at {epoch.Cut} of epoch {epoch.Number}."
            );
        }

        _sentOwn = _claims.Locals[_self];
        _sentSequence = _claims.Sequences;
        FirstLocal = _requests[_self].Contiguous + 1;
    }

    /// <summary>Takes in the datagrams of another epoch from now on, and forgets what that makes void.</summary>
    private void View(Epoch epoch)
    {
        if (Stable > epoch.Cut)
        {
            throw new ProtocolViolationException(
                $"A majority held {Stable}, but the cut of epoch {epoch.Number} is at {epoch.Cut}."
            );
        }

        var replaced = 0UL;
        for (var m = 0; m < _members; m++)
        {
            var stays = !IsJoining && _view.Incarnations[m] == epoch.Incarnations[m];
            replaced |= stays ? 0 : 1UL << m;
        }

        if (IsJoining && _options.Journal)
        {
            JournalFormat.WriteJoin(Records, epoch);
        }

        Forget(epoch, replaced);
        if (IsJoining)
        {
            MakeRoom(epoch);
        }

        _view = epoch;
        Outbox.Epoch = epoch.Number;
        Outbox.LastToAll.Clear();
        _operates = false;
        _settled = false;
        _floor = -1;
        if (BarrierUnderWay)
        {
            // Answers from before say nothing about this epoch.
            _barrier.Answered = 0;
            _barrier.Token = _token + 1;
            _barrier.Due = 0;
        }

        _turn = default;
        for (var m = 0; m < _members; m++)
        {
            _lives[m].Agrees = false;
            _lives[m].Due = 0;
            _lives[m].Attempts = 0;
            _repairs[m] = new Repair();
            _probes[m].Due = 0;
            _probes[m].Attempts = 0;
            if (IsJoining || (replaced & (1UL << m)) != 0)
            {
                _peers[m].Clear();
            }
        }
    }

    /// <summary>
    /// What this member lacks up to the cut is in the windows of others, which may have grown with their journals.
    /// </summary>
    private void MakeRoom(Epoch epoch)
    {
        var ahead = 4 * _options.Window;
        _sequences.MakeRoom(epoch.Cut + (ahead * _members));
        for (var m = 0; m < _members; m++)
        {
            _requests[m].MakeRoom(epoch.Locals[m] + ahead);
        }
    }

    private void Forget(Epoch epoch, ulong replaced)
    {
        if (_sequences.Contiguous >= epoch.Cut)
        {
            epoch.Locals.CopyTo(_numbered, 0);
        }

        _sequences.RemoveAbove(epoch.Cut);
        for (var rest = replaced; rest != 0; rest &= rest - 1)
        {
            var m = BitOperations.TrailingZeroCount(rest);
            _requests[m].RemoveAbove(epoch.Locals[m], request => ArrayPool<byte>.Shared.Return(request.Buffer));
        }

        Received = Math.Min(Received, epoch.Cut);
        _sentSequence = Math.Min(_sentSequence, epoch.Cut);
        _acknowledged = Math.Min(_acknowledged, epoch.Cut);
        _claims.Lower(epoch.Cut, epoch.Locals, replaced);
        _syncing.Lower(epoch.Cut, epoch.Locals, replaced);
        _seen.Lower(epoch.Cut, epoch.Locals, replaced);
        foreach (var peer in _peers)
        {
            peer.Lower(epoch.Cut, epoch.Locals, replaced);
        }
    }
}
