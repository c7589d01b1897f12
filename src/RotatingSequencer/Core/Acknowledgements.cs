using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Claims that have nothing to travel with. They go with the next datagram to all; when there is none, they are sent
/// alone after a while. When no Request waits for a number, no Sequence will follow that could carry them, so waiting
/// submitters get them at once.
/// </summary>
internal sealed class Acknowledgements(
    CoreOptions options,
    MessageLog log,
    Turns turns,
    Outbox outbox,
    Schedule schedule
)
{
    /// <summary>When claims go alone, 0 when none have to.</summary>
    private long _dueAt;

    /// <summary>Up to here submitters that wait for this member got its claims.</summary>
    private long _acknowledged = -1;

    /// <summary>Sends new claims, when that is due.</summary>
    public void Acknowledge(long now)
    {
        if (outbox.HasOpenToAll || !log.Claims.ExceedsAnyOf(outbox.LastToAll))
        {
            _dueAt = 0;
            return;
        }

        if (_dueAt == 0)
        {
            _dueAt = now + options.AcknowledgeDelay;
        }

        if (now >= _dueAt)
        {
            outbox.AddClaims(Outbox.All);
            _dueAt = 0;
            return;
        }

        if (!turns.AnyWaitsForNumber)
        {
            AcknowledgeToSubmitters();
        }

        schedule.Wake(_dueAt);
    }

    /// <summary>
    /// Whether some member waits until this one holds one of the last numbers, above <paramref name="known"/> and up to
    /// <paramref name="last"/>.
    /// </summary>
    public bool IsAnyAwaited(long known, long last)
    {
        for (var g = Math.Max(known, last - options.Majority + 1) + 1; g <= last; g++)
        {
            if (log.Sequences.Holds(g) && IsAwaited(g, log.Sequences[g].Id.Sender))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Numbers above the cut of a new epoch are void, and nobody knows this member's claims in it.</summary>
    public void BeginView(Epoch epoch)
    {
        _acknowledged = Math.Min(_acknowledged, epoch.Cut);
        outbox.LastToAll.Clear();
    }

    /// <summary>
    /// Acknowledges the last numbers to those of their submitters that wait for this member.
    /// </summary>
    private void AcknowledgeToSubmitters()
    {
        var held = log.Claims.Held;
        for (var g = Math.Max(_acknowledged, held - options.Majority + 1) + 1; g <= held; g++)
        {
            if (!log.Sequences.Holds(g))
            {
                continue;
            }

            var submitter = log.Sequences[g].Id.Sender;
            if (submitter != options.Self && IsAwaited(g, submitter))
            {
                outbox.AddClaims(submitter);
            }
        }

        _acknowledged = held;
    }

    /// <summary>
    /// The submitter of a number needs a majority that holds it. It counts itself and the sequencer of that number. The
    /// members next after the sequencer complete the majority. Older numbers have a majority of later sequencers.
    /// </summary>
    private bool IsAwaited(long number, int submitter)
    {
        var sequencer = (int)(number % options.Members);
        if (options.Self == sequencer || options.Self == submitter)
        {
            return true;
        }

        // Where this member comes after the sequencer, not counting the submitter.
        var place = PlaceAfter(sequencer, options.Self);
        place -= submitter != sequencer && place > PlaceAfter(sequencer, submitter) ? 1 : 0;
        return place <= options.Majority - (sequencer == submitter ? 1 : 2);
    }

    private int PlaceAfter(int sequencer, int member) => (member - sequencer + options.Members) % options.Members;
}
