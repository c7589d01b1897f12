namespace RotatingSequencer.Core;

/// <summary>
/// Repairs the loss of what came last. When a member's last known claims are below this one's, it misses something
/// without knowing (the end of a burst was lost), or its claims were lost on the way here. A question repairs both: it
/// carries this member's claims, and the answer carries the other's.
/// </summary>
internal sealed class LagProbes(
    CoreOptions options,
    MessageLog log,
    Peers peers,
    Questions questions,
    Schedule schedule
)
{
    private readonly Probe[] _probes = new Probe[options.Members];

    /// <summary>Asks a member that seems to lag, when that is due.</summary>
    public void AskIfBehind(int member, long now)
    {
        ref var probe = ref _probes[member];
        if (!log.Claims.ExceedsAnyOf(peers[member].Claims))
        {
            probe = default;
            return;
        }

        var pause = Math.Max(2 * options.AcknowledgeDelay, 2 * peers[member].RoundTrip.Timeout);
        if (probe.Due == 0)
        {
            probe.Due = now + pause;
        }

        if (now >= probe.Due)
        {
            questions.Ask(member, now);
            probe.Due = now + schedule.Pause(pause, probe.Attempts++);
        }

        schedule.Wake(probe.Due);
    }

    /// <summary>A member's claims have grown: it gets the usual time again.</summary>
    public void Progressed(int member) => _probes[member] = default;

    /// <summary>In a new epoch all begin from what they claim then.</summary>
    public void BeginView() => Array.Clear(_probes);

    private struct Probe
    {
        /// <summary>When to ask, 0 while the member does not lag.</summary>
        public long Due;

        /// <summary>Questions in vain.</summary>
        public int Attempts;
    }
}
