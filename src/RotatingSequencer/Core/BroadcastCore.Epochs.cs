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
/// epoch holds everything. It records the epoch and sends it (Install). 4. A member enters when the epoch is on its
/// disk; one that joins first copies the state, and fetches everything up to the cut by the ordinary repair.
/// 5. When all have entered, each member records that, and Requests and numbers are sent again.
/// </para>
/// <para>
/// Why nothing is lost. What was delivered is on the disks of a majority. Fewer disks than a majority are lost from one
/// epoch to the next, or no epoch is proposed. So a member that promises has it, and the cut is not below it. A
/// member's own numbers are never above the cut: it holds everything below them. So what the cut makes void are numbers
/// of lost incarnations that no majority held, and Requests of these that have no number.
/// </para>
/// <para>
/// Why all have the same cut. An epoch's number has one coordinator, which records its decision before it sends it. A
/// later proposal hears from all, so also from a member that entered: its cut then is the one that counts. What a
/// member holds of an earlier epoch above that cut is void. Nothing can have been assigned above it: that takes all to
/// have entered.
/// </para>
/// </content>
internal sealed partial class BroadcastCore
{
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
        _isComplete = true;
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

        DropParts();
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
