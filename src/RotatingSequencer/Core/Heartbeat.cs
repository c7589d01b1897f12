using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// The heartbeat, which is all that a settled group sends, and the questions that measure round trips.
/// </summary>
internal sealed class Heartbeat(
    CoreOptions options,
    Peers peers,
    Questions questions,
    Outbox outbox,
    Schedule schedule,
    long start
)
{
    /// <summary>Shortest time between two measurements of the round trips, in microseconds.</summary>
    private const long MinMeasureInterval = 250_000;

    private long _next = start;
    private long _measureAt = start + MinMeasureInterval;

    /// <summary>Sends the claims when nothing else was sent for a while.</summary>
    public void Beat(long now)
    {
        if (now >= _next)
        {
            outbox.AddClaims(Outbox.All);
            MeasureFirstTime(now);
        }

        if (outbox.HasOpenToAll)
        {
            _next = now + schedule.Jitter(options.Heartbeat * 4 / 5);
        }

        schedule.Wake(_next);
    }

    /// <summary>
    /// Round trips change with the load, and the first answer of a process that has just started takes longest. So a
    /// few times a second a question travels with a datagram to all; a silent group asks nothing.
    /// </summary>
    public void MeasureWhileBusy(long now)
    {
        if (outbox.HasOpenToAll && now >= _measureAt)
        {
            questions.Ask(Outbox.All, now);
            _measureAt = now + Math.Max(MinMeasureInterval, 2 * peers.SlowestTimeout);
        }
    }

    /// <summary>
    /// Asks each member that has not answered since this one started: timeouts should fit when something gets lost.
    /// </summary>
    private void MeasureFirstTime(long now)
    {
        for (var m = 0; m < options.Members; m++)
        {
            if (m != options.Self && !peers[m].RoundTrip.IsMeasured)
            {
                questions.Ask(m, now);
            }
        }
    }
}
