using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Where this member stands among the epochs: what it has promised, which epoch it is in, and what of that is on its
/// disk. The parts of the core share it: <see cref="Proposals"/> promises, <see cref="Epochs"/> enters.
/// <para>
/// Epoch.Number ≤ View.Number. While the member is in an epoch, both are the same. While it joins, Epoch.Number is 0,
/// and View is the epoch that it joins, if it knows one.
/// </para>
/// </summary>
internal sealed class Membership
{
    private readonly int _self;
    private readonly int _members;
    private readonly bool _journal;
    private readonly Peers _peers;
    private readonly JournalRecords _records;

    /// <summary>What is on disk, and what will be once the current write completes.</summary>
    private Recorded _durable;
    private Recorded _syncing;

    /// <summary>Goes on as the journal says.</summary>
    public Membership(CoreOptions options, JournalState state, Peers peers, JournalRecords records)
    {
        _self = options.Self;
        _members = options.Members;
        _journal = options.Journal;
        _peers = peers;
        _records = records;
        Epoch = View = state.Epoch;
        Promised = state.Promised;
        Operated = state.Operated;
        StateLost = options.StateLost;
        _durable = _syncing = Present;
    }

    /// <summary>The epoch that this member is in; its number is 0 while it joins.</summary>
    public Epoch Epoch { get; private set; }

    /// <summary>The epoch whose datagrams are taken in: that of the member, or the one that it joins.</summary>
    public Epoch View { get; private set; }

    /// <summary>The highest epoch that this member has promised. Above its view's it takes nothing in.</summary>
    public long Promised { get; private set; }

    /// <summary>
    /// Whether this member knew that all have entered its epoch. A member that says it has yet to enter has then lost
    /// the end of its journal.
    /// </summary>
    public bool Operated { get; private set; }

    /// <summary>Whether all agree on the epoch, so that Requests and numbers may be sent.</summary>
    public bool Operates { get; private set; }

    /// <summary>Whether this start has taken part in the group.</summary>
    public bool HasTakenPart { get; private set; }

    /// <summary>Whether the application's state has to be copied; nothing is delivered, or entered, before.</summary>
    public bool StateLost { get; private set; }

    /// <summary>Whether nothing is left to do about epochs until something is heard of them.</summary>
    public bool IsSettled { get; private set; }

    /// <summary>Whether this member is not yet, or no longer, in an epoch.</summary>
    public bool IsJoining => Epoch.Number == 0;

    /// <summary>Whether this member has promised an epoch that it has yet to enter.</summary>
    public bool IsFrozen => Promised > View.Number;

    /// <summary>The epoch that the disk says this member is in, 0 for none.</summary>
    public long DurableEpoch => _durable.Epoch;

    /// <summary>The highest epoch that this member has promised on its disk.</summary>
    public long DurablePromised => _durable.Promised;

    /// <summary>Whether the disk knows that all have entered the epoch.</summary>
    public bool OperatedDurably => _durable.Operated;

    /// <summary>Whether the disk does not know the present state yet.</summary>
    public bool WaitsForDisk =>
        _durable.Promised < Promised || _durable.Epoch < Epoch.Number || _durable.Operated != Operated;

    /// <summary>Whether the present lives of all are of this member's epoch.</summary>
    public bool HaveAllEntered
    {
        get
        {
            for (var m = 0; m < _members; m++)
            {
                if (m != _self && (!IsOfView(m) || _peers[m].Life.Epoch != Epoch.Number))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private Recorded Present => new(Epoch.Number, Promised, Operated);

    /// <summary>Whether a member's present life is the one that the view counts on.</summary>
    public bool IsOfView(int member) => _peers[member].Life.Incarnation == View.Incarnations[member];

    /// <summary>Something was heard, or done, that leaves something to do about epochs.</summary>
    public void Unsettle() => IsSettled = false;

    /// <summary>Nothing is left to do about epochs.</summary>
    public void Settle() => IsSettled = true;

    /// <summary>The application's state is lost: it has to be copied.</summary>
    public void LoseState() => StateLost = true;

    /// <summary>A member of a group that has formed.</summary>
    public void BeginFormed()
    {
        Operated = Operates = HasTakenPart = IsSettled = true;
        _durable = _durable with { Operated = true };
    }

    /// <summary>Promises to enter an epoch, and to take nothing in before.</summary>
    public void Promise(long epoch)
    {
        Promised = epoch;
        IsSettled = false;
        Operates = false;
        _records.AddPromise(epoch);
    }

    /// <summary>Takes in the datagrams of another epoch from now on.</summary>
    public void BeginView(Epoch epoch)
    {
        if (IsJoining)
        {
            _records.AddJoin(epoch);
        }

        View = epoch;
        Operates = false;
        IsSettled = false;
    }

    /// <summary>Enters the epoch whose datagrams it takes in.</summary>
    public void Enter(Epoch epoch)
    {
        Epoch = epoch;
        Operated = false;
        _durable = _durable with { Operated = false };
        _syncing = _syncing with { Operated = false };
        IsSettled = false;
        _records.AddEpoch(epoch);
    }

    /// <summary>All have entered: takes part, once that is on disk.</summary>
    public void Operate()
    {
        NoteThatAllHaveEntered();
        NoteWithoutJournal();
        Operates = _durable.Operated;
        HasTakenPart |= Operates;
    }

    /// <summary>All have entered this epoch: nothing that is of it alone can be there before.</summary>
    public void NoteThatAllHaveEntered()
    {
        if (!Operated)
        {
            Operated = true;
            _records.AddOperation(Epoch.Number);
        }
    }

    /// <summary>Without a journal everything counts as durable at once.</summary>
    public void NoteWithoutJournal()
    {
        if (!_journal)
        {
            _durable = Present;
        }
    }

    /// <summary>A write begins that covers the present state.</summary>
    public void BeginSync() => _syncing = Present;

    /// <summary>That write is on disk. An epoch that was entered since then has yet to be heard of by all.</summary>
    public void SyncCompleted() => _durable = _syncing with { Operated = _syncing.Operated && Operated };

    private readonly record struct Recorded(long Epoch, long Promised, bool Operated);
}
