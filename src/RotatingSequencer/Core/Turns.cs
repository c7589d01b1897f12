using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Turns: number k is assigned by member k mod n, to a Request that rule 1 allows. And while Requests wait for numbers,
/// what the next sequencer may lack is repeated to it.
/// </summary>
internal sealed class Turns(
    CoreOptions options,
    MessageLog log,
    Membership membership,
    Peers peers,
    OwnMessages own,
    JournalRecords records,
    Outbox outbox,
    Schedule schedule,
    CoreCounters counters
)
{
    private Wait _wait;

    /// <summary>Whether a Request is held that could get the next number.</summary>
    public bool AnyWaitsForNumber => TryChoose(out _);

    /// <summary>
    /// Rule 1. In a group of one the member assigns every number; otherwise at most one at a time. True when it has
    /// assigned any.
    /// </summary>
    public bool AssignNumbers()
    {
        var before = log.Sequences.Contiguous;
        while (log.IsNextSequencer && log.Received == log.Sequences.Contiguous && TryChoose(out var id))
        {
            var number = log.Sequences.Contiguous + 1;
            if (number >= log.Sequences.Limit)
            {
                break;
            }

            log.Hold(number, id);
            records.AddSequence(number, id);
        }

        return log.Sequences.Contiguous > before;
    }

    /// <summary>
    /// While Requests wait for numbers, everybody waits for the next sequencer. When it does not claim in time the last
    /// Sequence, or the Request that could be next, their sender repeats them to it, unasked: it cannot ask for
    /// something that it does not know, and the claims of others may come late.
    /// </summary>
    public void RepeatForNextSequencer(long now)
    {
        var last = log.Sequences.Contiguous;
        var next = log.NextSequencer;
        var local = log.Numbered[options.Self] + 1;
        var claims = peers[next].Claims;
        // After a restart the claims of the others are unknown, and the journal no longer has what all hold.
        var lacksSequence =
            log.Sequences.Holds(last)
            && last % options.Members == options.Self
            && last <= own.SentSequence
            && claims.Sequences < last
            && AnyWaitsForNumber;
        var lacksRequest = local <= own.SentRequest && claims.Locals[options.Self] < local;
        if (!membership.Operates || next == options.Self || !(lacksSequence || lacksRequest))
        {
            _wait.Due = 0;
            return;
        }

        var roundTrip = peers[next].RoundTrip;
        if (_wait.Due == 0 || _wait.Number != last)
        {
            _wait = new Wait { Number = last, Due = now + roundTrip.Timeout };
        }

        if (now >= _wait.Due)
        {
            if (lacksSequence)
            {
                outbox.AddSequence(next, last, log.Sequences[last].Id);
            }

            // Perhaps it went to all only now.
            if (lacksRequest && log.OwnRequests[local].LastSent.TrySend(next, now, roundTrip.Smoothed / 2))
            {
                outbox.AddRequest(next, new(options.Self, local), log.OwnRequests[local].Body);
            }

            counters.Repeated++;
            _wait.Due = now + schedule.Pause(roundTrip.Timeout, _wait.Attempts++);
        }

        schedule.Wake(_wait.Due);
    }

    /// <summary>In a new epoch nobody waits yet.</summary>
    public void BeginView() => _wait = default;

    /// <summary>
    /// Chooses the Request that gets the next number. Only the first unnumbered Request of each member can (rule 1(b)).
    /// Among these, the next member after the one served last wins, so that a flood from one member starves nobody.
    /// </summary>
    private bool TryChoose(out RequestId id)
    {
        var sequences = log.Sequences;
        var last = sequences.Holds(sequences.Contiguous) ? sequences[sequences.Contiguous].Id.Sender : options.Self;
        for (var i = 1; i <= options.Members; i++)
        {
            var sender = (last + i) % options.Members;
            if (log.Requests[sender].Holds(log.Numbered[sender] + 1))
            {
                id = new(sender, log.Numbered[sender] + 1);
                return true;
            }
        }

        id = default;
        return false;
    }

    /// <summary>The wait for the next sequencer.</summary>
    private struct Wait
    {
        /// <summary>The highest number without a gap when the wait began.</summary>
        public long Number;
        public long Due;
        public int Attempts;
    }
}
