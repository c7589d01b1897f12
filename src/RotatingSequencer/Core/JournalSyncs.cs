using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// When the journal is written. One write at a time is under way; what is recorded meanwhile goes with the next (group
/// commit). A member that dies at any instant finds in its journal at least what the last completed sync covered, and
/// it never claimed more (rule 3).
/// </summary>
internal sealed class JournalSyncs(
    CoreOptions options,
    MessageLog log,
    Membership membership,
    Peers peers,
    Turns turns,
    Acknowledgements acknowledgements,
    JournalRecords records,
    Schedule schedule,
    CoreCounters counters
)
{
    /// <summary>
    /// This many own Requests keep the sequencers busy until this member's turn comes, unless no other member has any.
    /// </summary>
    private const int EnoughUnnumbered = 2;

    /// <summary>What will be durable once the current write completes.</summary>
    private readonly Claims _syncing = new(options.Members);

    private bool _underWay;
    private bool _isDue;

    /// <summary>When the waiting records are due at the latest, 0 when none wait.</summary>
    private long _dueAt;

    /// <summary>Whether this start is on disk, so that a copy of the journal can be told from it.</summary>
    public bool IsLifeDurable { get; private set; } = !options.Journal || options.Formed is not null;

    /// <summary>
    /// Whether the waiting records are due for a sync. Records that somebody waits for go to the disk at once. Others
    /// join such a sync, or wait for a while: disks are shared, and each needless sync slows a needed one.
    /// </summary>
    public bool IsWanted => records.Waiting.WrittenCount > 0 && !_underWay && _isDue;

    /// <summary>
    /// Whether the chain of numbers waits for this disk: the highest number of this member is not durable.
    /// </summary>
    private bool HoldsBackSequence => log.OwnNumberUpTo(log.Sequences.Contiguous) > log.Claims.Sequences;

    /// <summary>
    /// Whether own Requests that are not durable could get numbers soon. While enough that were sent wait for numbers,
    /// the sync of this member's next turn comes early enough for the rest.
    /// </summary>
    private bool HoldsBackRequests
    {
        get
        {
            var durable = log.Claims.Locals[options.Self];
            return log.OwnRequests.Contiguous > durable && durable - log.Numbered[options.Self] < EnoughUnnumbered;
        }
    }

    /// <summary>The waiting records are due now.</summary>
    public void SyncNow() => _isDue = true;

    /// <summary>Decides whether the waiting records can wait longer.</summary>
    public void ScheduleNext(long now)
    {
        if (records.Waiting.WrittenCount == 0 || _underWay)
        {
            return;
        }

        if (_dueAt == 0)
        {
            _dueAt = now + options.AcknowledgeDelay;
        }

        _isDue |=
            now >= _dueAt
            || membership.WaitsForDisk
            || !peers.AreOnDisk
            || membership.IsJoining
            || HoldsBackSequence
            || HoldsBackRequests
            || (
                !turns.AnyWaitsForNumber
                && acknowledgements.IsAnyAwaited(Math.Max(_syncing.Held, log.Claims.Held), log.Received)
            );
        if (!_isDue)
        {
            schedule.Wake(_dueAt);
        }
    }

    /// <summary>The records begin to be written and synced.</summary>
    public void Begin()
    {
        log.RecordHeld(_syncing);
        membership.BeginSync();
        peers.BeginSync();
        records.Waiting.ResetWrittenCount();
        counters.Syncs++;
        _underWay = true;
        _isDue = false;
        _dueAt = 0;
    }

    /// <summary>They are on disk.</summary>
    public void Completed()
    {
        log.Claims.Raise(_syncing);
        membership.SyncCompleted();
        peers.SyncCompleted();
        IsLifeDurable = true;
        _underWay = false;
    }

    /// <summary>Forgets what a new epoch makes void.</summary>
    public void Forget(Epoch epoch, ulong replaced) => _syncing.Lower(epoch.Cut, epoch.Locals, replaced);
}
