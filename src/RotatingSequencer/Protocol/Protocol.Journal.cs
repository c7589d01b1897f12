using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <content>
/// The journal's side. One write at a time is under way; what is recorded meanwhile goes with the next (group commit). A member that
/// dies at any instant finds in its journal at least what the last completed sync covered, and that is all it ever claimed.
/// </content>
internal sealed partial class Protocol
{
    /// <summary>So many own Requests keep the sequencers busy until this member's own turn comes, unless nobody else has any.</summary>
    private const int EnoughSent = 2;

    private bool _syncDue;
    private long _syncAt;

    /// <summary>
    /// Whether records wait to be synced now. Only what somebody waits for goes to the disk at once; the rest waits for such a sync, or a while:
    /// disks are shared, and each needless sync slows a needed one.
    /// </summary>
    public bool WantsSync => Records.WrittenCount > 0 && !_syncUnderWay && _syncDue;

    /// <summary>The caller has taken <see cref="Records"/> and begins to write and sync them.</summary>
    public void BeginSync()
    {
        RecordHeld(_syncing);
        Records.ResetWrittenCount();
        Counters.Syncs++;
        _syncUnderWay = true;
        _syncDue = false;
        _syncAt = 0;
    }

    /// <summary>What was taken at <see cref="BeginSync"/> or <see cref="BeginCheckpoint"/> is on disk.</summary>
    public void SyncCompleted()
    {
        _claims.Raise(_syncing);
        _syncUnderWay = false;
    }

    /// <summary>
    /// Writes all that a new journal needs to begin with, instead of the records that wait; then as <see cref="BeginSync"/>.
    /// The application must have made everything up to <see cref="Applied"/> durable, where
    /// <paramref name="partial"/> is its assembler's state and <paramref name="position"/> the last number that had effects.
    /// </summary>
    public void BeginCheckpoint(IBufferWriter<byte> journal, long position, byte[][] partial)
    {
        var state = new JournalState(_self, _members)
        {
            Dropped = Dropped,
            Applied = Applied,
            Position = position,
            Incarnations = _incarnations,
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

    /// <summary>Decides whether the records that wait can wait longer.</summary>
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

        _syncDue |= now >= _syncAt || HoldsBackSequence || HoldsBackRequests
            || (!AnyWaitsForNumber && IsAnyAwaited(Math.Max(_syncing.Held, _claims.Held), Received));
        if (!_syncDue)
        {
            Wake(_syncAt);
        }
    }

    /// <summary>Whether the chain of numbers waits for this member's disk: its highest number is not durable.</summary>
    private bool HoldsBackSequence => _sequences.Contiguous - ((_sequences.Contiguous - _self + _members) % _members) > _claims.Sequences;

    /// <summary>
    /// Whether own Requests that are not durable could be numbered soon. While enough that were sent wait for numbers, the next turn's sync
    /// comes early enough for the rest.
    /// </summary>
    private bool HoldsBackRequests =>
        _requests[_self].Contiguous > _claims.Locals[_self] && _claims.Locals[_self] - _numbered[_self] < EnoughSent;

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
