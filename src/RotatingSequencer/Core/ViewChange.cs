using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// What happens when this member takes in the datagrams of another epoch from now on: what that makes void is
/// forgotten, and what was under way begins anew.
/// </summary>
internal sealed class ViewChange(
    CoreOptions options,
    MessageLog log,
    Membership membership,
    Peers peers,
    OwnMessages own,
    Turns turns,
    GapRepair repair,
    LagProbes probes,
    ReadBarrier barrier,
    Acknowledgements acknowledgements,
    JournalSyncs syncs,
    Outbox outbox
)
{
    /// <summary>Takes in the datagrams of an epoch from now on.</summary>
    /// <exception cref="ProtocolViolationException">It makes void what may have been delivered.</exception>
    public void BeginView(Epoch epoch)
    {
        if (log.Stable > epoch.Cut)
        {
            throw new ProtocolViolationException(
                $"A majority held {log.Stable}, but the cut of epoch {epoch.Number} is at {epoch.Cut}."
            );
        }

        // A member that joins knows nothing of the epochs before: all are replaced.
        var replaced = 0UL;
        for (var m = 0; m < options.Members; m++)
        {
            var stays = !membership.IsJoining && membership.View.Incarnations[m] == epoch.Incarnations[m];
            replaced |= stays ? 0 : 1UL << m;
        }

        if (!membership.IsJoining)
        {
            peers.Heard.Replace(membership.View.Incarnations, epoch.Incarnations);
        }

        log.Forget(epoch, replaced);
        syncs.Forget(epoch, replaced);
        if (membership.IsJoining)
        {
            log.MakeRoom(epoch);
        }

        membership.BeginView(epoch);
        peers.BeginView(epoch, replaced);
        outbox.Epoch = epoch.Number;
        own.BeginView(epoch);
        acknowledgements.BeginView(epoch);
        turns.BeginView();
        repair.BeginView();
        probes.BeginView();
        barrier.BeginView();
    }
}
