using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Epochs: how a group forms, and how a member joins that has no journal, or cannot rely on it.
/// <para>
/// 1. The coordinator is the member with the lowest id that is in an epoch; while a group forms, member 0. Once all
/// have answered it, it proposes an epoch with the incarnations that answered (Prepare).
/// 2. Each member records its promise, takes nothing in from then on, and sends the promise with what it holds.
/// 3. When all have promised, the coordinator decides the cut: the highest number up to which a member that is in an
/// epoch holds everything. It records the epoch and sends it (Install). 4. A member enters when the epoch is on its
/// disk; one that joins first copies the state, and fetches everything up to the cut by the ordinary repair.
/// 5. When all have entered, each member records that, and Requests and numbers are sent again.
/// <see cref="Proposals"/> has 1 to 3, with <see cref="EpochDecision"/>; 4 and 5 are here.
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
/// </summary>
internal sealed class Epochs(
    CoreOptions options,
    OwnLife life,
    MessageLog log,
    Membership membership,
    Peers peers,
    Proposals proposals,
    ViewChange viewChange,
    OwnMessages own,
    ReadBarrier barrier,
    Outbox outbox
)
{
    /// <summary>As coordinator: whether the decided epoch has to be sent once it is on disk.</summary>
    private bool _installDue;

    /// <summary>
    /// Members that have the state which this one needs to join; none when it needs none, or does not know yet.
    /// </summary>
    public IReadOnlyList<int> StateHolders
    {
        get
        {
            if (!membership.IsJoining || membership.View.Number == 0 || membership.IsFrozen)
            {
                return [];
            }

            var holders = new List<int>();
            var knowsAll = true;
            var lacksNothing = false;
            for (var m = 0; m < options.Members; m++)
            {
                ref readonly var known = ref peers[m].Life;
                if (m == options.Self || !membership.IsOfView(m) || known.Epoch == 0)
                {
                    continue;
                }

                if (known.Epoch != membership.View.Number)
                {
                    knowsAll = false;
                    continue;
                }

                lacksNothing |= HasWhatFollows(known);
                if (membership.StateLost || known.Dropped > log.Received)
                {
                    holders.Add(m);
                }
            }

            return membership.StateLost || (knowsAll && !lacksNothing) ? holders : [];
        }
    }

    /// <summary>Members that this one waits for before it can take part; none when it takes part.</summary>
    public IReadOnlyList<int> WaitsFor =>
        membership.Operates
            ? []
            : [.. Enumerable.Range(0, options.Members).Where(m => m != options.Self && !IsReady(peers[m].Life))];

    /// <summary>Does what is due about epochs.</summary>
    public void Act(long now)
    {
        membership.NoteWithoutJournal();
        if (membership.IsSettled)
        {
            return;
        }

        bool again;
        do
        {
            again = EnterWhenComplete() | proposals.SendPromise() | proposals.Coordinate(now, out var decided);
            if (decided is not null)
            {
                Enter(decided);
                _installDue = true;
            }

            membership.NoteWithoutJournal();
        } while (again);

        var isDurable = membership.DurableEpoch == membership.Epoch.Number;
        if (_installDue && isDurable)
        {
            _installDue = false;
            for (var m = 0; m < options.Members; m++)
            {
                if (m != options.Self)
                {
                    outbox.AddInstall(m, membership.Epoch);
                }
            }
        }

        outbox.Joins = membership.DurableEpoch == 0;
        if (!membership.Operates && !membership.IsJoining && !membership.IsFrozen && isDurable && peers.AllAgree)
        {
            membership.Operate();
            if (membership.Operates)
            {
                CheckThatSomebodyHasWhatItLacks();
            }
        }

        if (membership.Operates && peers.AllMet && peers.AreAnswered && membership.HaveAllEntered && proposals.AreDone)
        {
            membership.Settle();
        }
    }

    /// <summary>Takes an epoch that was decided: enters it, or begins to join.</summary>
    /// <param name="epoch">The epoch.</param>
    /// <param name="hearsMe">
    /// Whether its sender listens to this start of this member. If not, the epoch may have been decided with another
    /// process that has a copy of this member's journal. This one does not enter it, but learns what it has missed.
    /// </param>
    /// <exception cref="JournalLostException">This member's journal lacks what it promised, or is an older
    /// copy.</exception>
    /// <exception cref="MemberReplacedException">Another process has taken this member's place.</exception>
    public void TakeInstall(Epoch epoch, bool hearsMe)
    {
        // That this member was replaced counts whatever it has promised since. One that joins has promised in place of
        // an earlier incarnation.
        var isReplaced = !membership.IsJoining && epoch.Incarnations[options.Self] != life.Incarnation;
        if (epoch.Number <= membership.View.Number || (epoch.Number < membership.Promised && !isReplaced))
        {
            return;
        }

        if (epoch.Incarnations[options.Self] != life.Incarnation)
        {
            if (membership.IsJoining && membership.Promised == 0)
            {
                // Of an earlier incarnation of this member.
                return;
            }

            const string Reason = "Another journal has taken the place of this member's.";
            throw membership.HasTakenPart
                ? new MemberReplacedException($"{Reason} Another process runs as this member: only one may.")
                : new JournalLostException($"{Reason} This one is an older copy.");
        }

        if (epoch.Number > membership.Promised)
        {
            throw new JournalLostException(
                $"This member has promised to enter epoch {epoch.Number}, but its journal only knows of "
                    + $"{membership.Promised}: the end of the journal was lost, or it is an older copy."
            );
        }

        if (!hearsMe)
        {
            return;
        }

        if (membership.IsJoining)
        {
            viewChange.BeginView(epoch);
        }
        else
        {
            Enter(epoch);
        }
    }

    private bool IsReady(in PeerLife known) => membership.IsJoining ? known.Met : known.Agrees;

    /// <summary>A member that joins enters once everything up to the cut is on its disk.</summary>
    private bool EnterWhenComplete()
    {
        if (!membership.IsJoining || membership.View.Number == 0 || membership.IsFrozen)
        {
            return false;
        }

        CheckThatItNeverEntered();
        if (membership.StateLost || log.Claims.Held < membership.View.Cut)
        {
            return false;
        }

        Enter(membership.View);
        return true;
    }

    private void Enter(Epoch epoch)
    {
        var joined = membership.IsJoining;
        if (epoch.Number != membership.View.Number)
        {
            viewChange.BeginView(epoch);
        }

        membership.Enter(epoch);
        peers.ContactAtOnce();
        if (!joined)
        {
            return;
        }

        if (!log.Numbered.SequenceEqual(epoch.Locals) || log.Received != epoch.Cut)
        {
            throw new ProtocolViolationException(
                $"The state that this member has copied does not fit the cut at {epoch.Cut} of epoch {epoch.Number}."
            );
        }

        own.BeginAfterJoining();
        barrier.Complete();
    }

    /// <summary>
    /// A member that has lost the end of its journal may have entered this epoch before, and have forgotten it.
    /// </summary>
    private void CheckThatItNeverEntered()
    {
        var view = membership.View;
        for (var m = 0; m < options.Members; m++)
        {
            ref readonly var known = ref peers[m].Life;
            if (
                m != options.Self
                && membership.IsOfView(m)
                && known.Epoch == view.Number
                && (known.Operated || known.MyLocal > view.Locals[options.Self] || known.MyNumber > view.Cut)
            )
            {
                throw new JournalLostException(
                    $"Member {m} has heard this member in epoch {view.Number}, which its journal does not know: "
                        + "the end of the journal was lost, or it is an older copy."
                );
            }
        }
    }

    /// <summary>
    /// Whether a member still has what follows on what this one has. Another that is as far behind has not.
    /// </summary>
    private bool HasWhatFollows(in PeerLife known) =>
        known.Dropped <= log.Received && (known.Held > log.Received || log.Received >= membership.View.Cut);

    /// <summary>
    /// Members that have copied a state have nothing from before it. When all others have, or are as far behind, a
    /// member that is behind finds what it lacks nowhere: it has to copy as well. One after the other does, since more
    /// lost disks at once would be too many.
    /// </summary>
    private void CheckThatSomebodyHasWhatItLacks()
    {
        if (options.Members == 1)
        {
            return;
        }

        for (var m = 0; m < options.Members; m++)
        {
            if (m == options.Self)
            {
                continue;
            }

            ref readonly var known = ref peers[m].Life;
            if (HasWhatFollows(known) || (known.Dropped <= log.Received && m < options.Self))
            {
                return;
            }
        }

        throw new JournalLostException(
            $"This member holds everything up to {log.Received}, and no other member still has what follows."
        );
    }
}
