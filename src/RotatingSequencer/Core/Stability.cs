namespace RotatingSequencer.Core;

/// <summary>
/// Rule 2: what a majority holds is stable, and is delivered. What all hold, and is applied here, is dropped.
/// </summary>
internal sealed class Stability(CoreOptions options, MessageLog log, Membership membership, Peers peers)
{
    /// <summary>Requests to hand to the application, in order.</summary>
    public Queue<DeliveredRequest> Deliveries { get; } = new();

    /// <summary>
    /// Rule 2. Also, only what is durable here is delivered, so that the application is never ahead of the journal.
    /// </summary>
    public void DeliverStable()
    {
        Span<long> held = stackalloc long[options.Members];
        for (var m = 0; m < held.Length; m++)
        {
            held[m] =
                m != options.Self ? peers[m].Claims.Held
                : membership.DurableEpoch == 0 ? -1
                : log.Claims.Held;
        }

        held.Sort();
        // The lowest position of the best majority: that many members hold at least this much.
        log.Stabilize(held[options.Members - options.Majority]);
        while (log.Delivered < Math.Min(log.Stable, log.Claims.Held) && !membership.StateLost)
        {
            Deliveries.Enqueue(log.DeliverNext());
        }
    }

    /// <summary>Makes room in the windows.</summary>
    public void DropWhatAllHold()
    {
        var all = Math.Min(log.Claims.Held, log.Applied);
        for (var m = 0; m < options.Members; m++)
        {
            if (m != options.Self)
            {
                all = Math.Min(all, peers[m].Claims.Held);
            }
        }

        log.Drop(all);
    }
}
