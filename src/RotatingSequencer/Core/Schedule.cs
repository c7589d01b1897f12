namespace RotatingSequencer.Core;

/// <summary>When the core has to act next, and how long it waits before it repeats something.</summary>
internal sealed class Schedule(CoreOptions options)
{
    private ulong _random = options.Seed;

    /// <summary>When something is due, if nothing comes in before.</summary>
    public long WakeAt { get; private set; }

    /// <summary>Begins to collect what is due.</summary>
    public void Clear() => WakeAt = long.MaxValue;

    /// <summary>Something is due at a time.</summary>
    public void Wake(long at) => WakeAt = Math.Min(WakeAt, at);

    /// <summary>The pause after a number of attempts in vain: it doubles each time, up to a bound.</summary>
    public long Pause(long first, int attempts) => Jitter(Math.Min(first << Math.Min(attempts, 10), options.MaxPause));

    /// <summary>
    /// Adds up to half of the pause, at random, so that members do not all act at the same moment.
    /// </summary>
    public long Jitter(long pause)
    {
        // SplitMix64 (Steele, Lea, Flood 2014).
        var z = _random += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return pause + (long)(z % (ulong)((pause / 2) + 1));
    }
}
