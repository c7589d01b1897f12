namespace Agora.Evaluation.Chaos;

/// <summary>What chaos does, and for how long.</summary>
public sealed record ChaosOptions
{
    /// <summary>How long trade goes on under faults, in all. The audits come on top.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Decides the faults, and what clients call.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Faults beyond what the marketplace promises to bear: calls may fail, and still nothing may be wrong.</summary>
    public bool Beyond { get; init; }

    /// <summary>Sellers at once.</summary>
    public int Sellers { get; init; } = 4;

    /// <summary>Buyers at once.</summary>
    public int Buyers { get; init; } = 8;

    /// <summary>The longest round: after each everything is healed and audited, and the next has new clients and items.</summary>
    public TimeSpan LongestRound { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How many rounds of which length.</summary>
    internal (int Count, TimeSpan Length) Rounds
    {
        get
        {
            var count = (int)Math.Max(1, Math.Ceiling(Length / LongestRound));
            return (count, Length / count);
        }
    }

    /// <summary>What is wrong with these options.</summary>
    public IEnumerable<string> Problems()
    {
        if (Length < TimeSpan.FromSeconds(15))
        {
            yield return "--minutes: 0.25 at least";
        }
        if (Sellers < 1 || Buyers < 1)
        {
            yield return "--sellers and --buyers: one of each at least";
        }
    }
}
