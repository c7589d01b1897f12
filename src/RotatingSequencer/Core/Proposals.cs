using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// How the members agree on a new epoch: the coordinator's proposal, and the promises of all.
/// <para>
/// The coordinator is the member with the lowest id that is in an epoch; while a group forms, member 0. A proposal
/// stands only while all whose incarnations it names are met, and nobody has promised a higher epoch.
/// </para>
/// </summary>
internal sealed class Proposals(
    CoreOptions options,
    OwnLife life,
    MessageLog log,
    Membership membership,
    Peers peers,
    Greetings greetings,
    Outbox outbox
)
{
    private readonly Promise?[] _promises = new Promise?[options.Members];

    /// <summary>As coordinator: the epoch that promises are collected for.</summary>
    private Epoch? _proposal;

    /// <summary>Whether this member's promise has to be sent once it is on disk.</summary>
    private bool _promiseDue;

    /// <summary>Whether nothing of this is under way, and no promise holds up the epoch.</summary>
    public bool AreDone => _proposal is null && !_promiseDue && !IsHeldUp;

    /// <summary>How many members may have lost their disks at once.</summary>
    public int MaxLost => options.Majority - 1;

    /// <summary>
    /// Members that lost their disks, when these are more than the group can do without; otherwise none.
    /// </summary>
    public IReadOnlyList<int> LostForGood
    {
        get
        {
            int[] joining = [.. Enumerable.Range(0, options.Members).Where(Joins)];
            var isNewGroup = joining.Length == options.Members && !joining.Any(Returns);
            return peers.AllMet && joining.Length > MaxLost && !isNewGroup && !IsForming ? joining : [];
        }
    }

    /// <summary>
    /// Whether the first epoch of the group is known, and some have not entered it: nothing was ever delivered.
    /// </summary>
    private bool IsForming
    {
        get
        {
            var someoneJoins = membership.IsJoining;
            for (var m = 0; m < options.Members; m++)
            {
                if (m != options.Self && membership.IsOfView(m))
                {
                    someoneJoins |= peers[m].Life.Epoch == 0;
                    if (peers[m].Life.Operated)
                    {
                        return false;
                    }
                }
            }

            return someoneJoins && !membership.Operated && membership.View is { Number: > 0, Cut: < 0 };
        }
    }

    /// <summary>
    /// A promise to an epoch that nobody completes holds everything up: a new proposal has to follow.
    /// </summary>
    private bool IsHeldUp => HighestPromise > membership.Epoch.Number;

    private long HighestPromise
    {
        get
        {
            var highest = membership.Promised;
            for (var m = 0; m < options.Members; m++)
            {
                highest = m == options.Self ? highest : Math.Max(highest, peers[m].Life.Promised);
            }

            return highest;
        }
    }

    /// <summary>Takes a coordinator's proposal.</summary>
    public void TakePrepare(int from, Epoch proposal, long now)
    {
        // Not from an incarnation that was replaced. One that has replaced another is in an epoch that this member has
        // yet to enter; and perhaps has promised too much to enter any more.
        var isReplaced =
            proposal.Incarnations[from] != membership.Epoch.Incarnations[from]
            && peers[from].Life.Epoch <= membership.Epoch.Number;
        if (
            proposal.Coordinator != from
            || proposal.Incarnations[options.Self] != life.Incarnation
            || (!membership.IsJoining && isReplaced)
        )
        {
            return;
        }

        if (proposal.Number < membership.Promised)
        {
            // The coordinator does not know of a higher promise.
            greetings.Greet(from, asks: false, answer: 0, peers[from].Life.Incarnation, now);
            return;
        }

        if (proposal.Number == membership.Promised)
        {
            _promiseDue = membership.View.Number < membership.Promised;
            if (_promiseDue)
            {
                membership.Unsettle();
            }

            return;
        }

        _proposal = null;
        PromiseTo(proposal.Number);
    }

    /// <summary>As coordinator: takes a member's promise.</summary>
    public void TakePromise(int from, Promise promise)
    {
        if (_proposal?.Number == promise.Number)
        {
            _promises[from] = promise;
            membership.Unsettle();
        }
    }

    /// <summary>A member comes back: a proposal that names another incarnation of it is void.</summary>
    public void DropUnlessOf(int member, long incarnation)
    {
        if (_proposal is not null && _proposal.Incarnations[member] != incarnation)
        {
            _proposal = null;
        }
    }

    /// <summary>Whether a member has yet to promise what this one proposes.</summary>
    public bool IsPromiseAwaited(int member) => _proposal is not null && _promises[member] is null;

    /// <summary>Sends a member the proposal.</summary>
    public void Send(int member) => outbox.AddPrepare(member, _proposal!);

    /// <summary>Sends this member's promise once it is on disk. True when that was to itself.</summary>
    public bool SendPromise()
    {
        if (!_promiseDue || membership.DurablePromised != membership.Promised)
        {
            return false;
        }

        _promiseDue = false;
        var coordinator = (int)(membership.Promised % Epoch.Coordinators);
        if (coordinator == options.Self)
        {
            _promises[options.Self] = OwnPromise();
            return true;
        }

        outbox.AddPromise(coordinator, OwnPromise());
        return false;
    }

    /// <summary>
    /// As coordinator: decides an epoch once all have promised, or proposes one when that is due. True when it did.
    /// </summary>
    public bool Coordinate(long now, out Epoch? decided)
    {
        decided = null;
        if (_proposal is { } proposal)
        {
            if (membership.Promised > proposal.Number || !peers.AllMet || HighestPromise > proposal.Number)
            {
                _proposal = null;
            }
            else if (Array.TrueForAll(_promises, promise => promise is not null))
            {
                _proposal = null;
                decided = EpochDecision.Of(proposal, _promises!, MaxLost, IsForming ? membership.View.Number : 0);
                return decided is not null;
            }
        }

        if (_proposal is null && ShouldPropose(now))
        {
            Propose();
            return true;
        }

        return false;
    }

    private bool Joins(int member) => member == options.Self ? membership.IsJoining : peers[member].Life.Epoch == 0;

    private bool Returns(int member) => member == options.Self ? life.Returns : peers[member].Life.Returns;

    private long IncarnationOf(int member) =>
        member == options.Self ? life.Incarnation : peers[member].Life.Incarnation;

    private bool ShouldPropose(long now)
    {
        if (!peers.AllMet)
        {
            return false;
        }

        // A proposal that a member cannot promise now would only hold up the reads of the others.
        for (var m = 0; m < options.Members; m++)
        {
            if (m != options.Self && peers[m].LastHeard < now - (2 * options.Heartbeat))
            {
                return false;
            }
        }

        var lowest = -1;
        var anyNew = false;
        for (var m = options.Members - 1; m >= 0; m--)
        {
            lowest = Joins(m) ? lowest : m;
            var isMember = IncarnationOf(m) == membership.Epoch.Incarnations[m];
            if (!isMember && !Joins(m) && peers[m].Life.Epoch <= membership.Epoch.Number)
            {
                // A replaced incarnation that still runs. It stops once it has learned of this epoch.
                return false;
            }

            anyNew |= !isMember;
        }

        return (anyNew || IsHeldUp)
            && (lowest < 0 ? options.Self == 0 : lowest == options.Self)
            && LostForGood.Count == 0;
    }

    private void Propose()
    {
        _proposal = new Epoch(options.Members) { Number = Epoch.NumberAbove(HighestPromise, options.Self) };
        for (var m = 0; m < options.Members; m++)
        {
            _proposal.Incarnations[m] = IncarnationOf(m);
            peers[m].Life.Due = 0;
            peers[m].Life.Attempts = 0;
        }

        Array.Clear(_promises);
        PromiseTo(_proposal.Number);
    }

    private void PromiseTo(long epoch)
    {
        membership.Promise(epoch);
        _promiseDue = true;
    }

    private Promise OwnPromise()
    {
        Promise promise = new(options.Members)
        {
            Number = membership.Promised,
            Epoch = membership.Epoch.Number,
            Returns = life.Returns,
            Held = log.Claims.Held,
            Cut = membership.Epoch.Cut,
        };
        log.Numbered.CopyTo(promise.Locals);
        membership.Epoch.Locals.CopyTo(promise.CutLocals, 0);
        for (var k = log.Sequences.Contiguous; k > promise.Held; k--)
        {
            var id = log.Sequences[k].Id;
            promise.Locals[id.Sender] = id.Local - 1;
        }

        return promise;
    }
}
