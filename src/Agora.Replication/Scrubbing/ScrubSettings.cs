namespace Agora.Replication.Scrubbing;

/// <summary>
/// When the replicas of a database compare their states, and what that may cost; mostly tests change it.
/// </summary>
internal sealed record ScrubSettings
{
    /// <summary>The pause between two scrubs of a group.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The first scrub after a start comes after one to two times as long.</summary>
    public TimeSpan FirstAfter { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>
    /// A replica takes part in a scrub only when its last one is so many times as long ago as it worked on it: a
    /// hundred are less than 1% of a core, however large the state is.
    /// </summary>
    public int RestFactor { get; init; } = 100;

    /// <summary>
    /// How long one pass over the state may take. As long as it reads, the WAL cannot be cut: it grows by what is
    /// written meanwhile.
    /// </summary>
    public TimeSpan MaxPass { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a replica asks the others for what they found.</summary>
    public TimeSpan MaxExchange { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The pause between two looks for something to do, and between two questions.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);
}
