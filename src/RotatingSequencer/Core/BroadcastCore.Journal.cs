using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// The journal. One write at a time is under way; what is recorded meanwhile goes with the next (group commit). A
/// member that dies at any instant finds in its journal at least what the last completed sync covered, and it never
/// claimed more.
/// </content>
internal sealed partial class BroadcastCore
{
    /// <summary>
    /// This many own Requests keep the sequencers busy until this member's turn comes, unless no other member has any.
    /// </summary>
    private const int EnoughUnnumbered = 2;

    private bool _syncDue;
    private long _syncAt;

    /// <summary>
    /// Whether the waiting records are due for a sync. Records that somebody waits for go to the disk at once. Others
    /// join such a sync, or wait for a while: disks are shared, and each needless sync slows a needed one.
    /// </summary>
    public bool WantsSync => Records.WrittenCount > 0 && !_syncUnderWay && _syncDue;

    /// <summary>The caller has copied <see cref="Records"/> and begins to write and sync them.</summary>
    public void BeginSync()
    {
        RecordHeld(_syncing);
        _syncingEpoch = _epoch.Number;
        _syncingPromised = _promised;
        _syncingOperation = _operated;
        Records.ResetWrittenCount();
        Counters.Syncs++;
        _syncUnderWay = true;
        _syncDue = false;
        _syncAt = 0;
    }

    /// <summary>The records of <see cref="BeginSync"/> or <see cref="BeginCheckpoint"/> are on disk.</summary>
    public void SyncCompleted()
    {
        _claims.Raise(_syncing);
        _durableEpoch = _syncingEpoch;
        _durablePromised = _syncingPromised;
        _durableOperation = _syncingOperation && _operated;
        _lifeDurable = true;
        _syncUnderWay = false;
    }

    /// <summary>
    /// Writes everything that a new journal begins with, in place of the waiting records; then does the same as
    /// <see cref="BeginSync"/>. The application must have made everything up to <see cref="Applied"/> durable. There,
    /// <paramref name="partial"/> is its assembler's state, and <paramref name="position"/> the last number that had
    /// effects.
    /// </summary>
    public void BeginCheckpoint(IBufferWriter<byte> journal, long position, byte[][] partial)
    {
        var state = new JournalState(_self, _members, _epoch)
        {
            Dropped = Dropped,
            AllHeld = _allHeld,
            Applied = Applied,
            Position = position,
            Incarnation = _incarnation,
            LifeNumber = _lifeNumber,
            Returns = _returns,
            Operated = _operated,
            Promised = _promised,
            Partial = partial,
        };
        for (var s = 0; s < _members; s++)
        {
            state.DroppedLocals[s] = _requests[s].First - 1;
        }

        JournalFormat.WriteCheckpoint(journal, state);
        for (var s = 0; s < _members; s++)
        {
            for (var q = _requests[s].First; q < _requests[s].HeldEnd; q++)
            {
                if (_requests[s].Holds(q))
                {
                    JournalFormat.WriteRequest(journal, new(s, q), _requests[s][q].Body);
                }
            }
        }

        for (var k = _sequences.First; k < _sequences.HeldEnd; k++)
        {
            if (_sequences.Holds(k))
            {
                JournalFormat.WriteSequence(journal, k, _sequences[k].Id);
            }
        }

        BeginSync();
    }

    /// <summary>
    /// The journal with which this member goes on once it has copied the application's state, and the position that
    /// belongs to it, from another member.
    /// </summary>
    public JournalState WithCopy(JournalState copied)
    {
        JournalState state = new(_self, _members)
        {
            Dropped = copied.Applied,
            Applied = copied.Applied,
            Position = copied.Position,
            Partial = copied.Partial,
            Incarnation = _incarnation,
            LifeNumber = _lifeNumber - 1,
            Returns = _returns,
            Promised = _promised,
        };
        copied.DroppedLocals.CopyTo(state.DroppedLocals, 0);
        return state;
    }

    /// <summary>Decides whether the waiting records can wait longer.</summary>
    private void ScheduleSync(long now)
    {
        if (Records.WrittenCount == 0 || _syncUnderWay)
        {
            return;
        }

        if (_syncAt == 0)
        {
            _syncAt = now + _options.AcknowledgeDelay;
        }

        _syncDue |=
            now >= _syncAt
            || _durablePromised < _promised
            || _durableEpoch < _epoch.Number
            || _durableOperation != _operated
            || IsJoining
            || HoldsBackSequence
            || HoldsBackRequests
            || (!AnyWaitsForNumber && IsAnyAwaited(Math.Max(_syncing.Held, _claims.Held), Received));
        if (!_syncDue)
        {
            Wake(_syncAt);
        }
    }

    /// <summary>
    /// Whether the chain of numbers waits for this disk: the highest number of this member is not durable.
    /// </summary>
    private bool HoldsBackSequence =>
        _sequences.Contiguous - ((_sequences.Contiguous - _self + _members) % _members) > _claims.Sequences;

    /// <summary>
    /// Whether own Requests that are not durable could get numbers soon. While enough that were sent wait for numbers,
    /// the sync of this member's next turn comes early enough for the rest.
    /// </summary>
    private bool HoldsBackRequests =>
        _requests[_self].Contiguous > _claims.Locals[_self]
        && _claims.Locals[_self] - _numbered[_self] < EnoughUnnumbered;

    private void RecordHeld(Claims claims)
    {
        claims.Held = Received;
        claims.Sequences = _sequences.Contiguous;
        for (var s = 0; s < _members; s++)
        {
            claims.Locals[s] = _requests[s].Contiguous;
        }
    }
}
