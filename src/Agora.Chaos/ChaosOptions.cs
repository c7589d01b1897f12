using System.Text.Json.Serialization;

namespace Agora.Chaos;

/// <summary>What chaos does, and for how long.</summary>
public sealed record ChaosOptions
{
    /// <summary>How long trade goes on under faults in all rounds together. The audits take extra time.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The seed of the faults and of the clients' calls.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>
    /// Makes faults that the marketplace does not promise to survive. Then calls may fail, but nothing may be wrong.
    /// </summary>
    public bool Beyond { get; init; }

    /// <summary>The kinds of faults by the names of <see cref="KindNames"/>; empty for all.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Sellers at once.</summary>
    public int Sellers { get; init; } = 4;

    /// <summary>Buyers at once.</summary>
    public int Buyers { get; init; } = 8;

    /// <summary>
    /// The longest round. After each round everything is healed and audited, and the next has new clients and items.
    /// </summary>
    [JsonPropertyName("longestRound")]
    public TimeSpan MaxRound { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The names by which kinds of faults are chosen.</summary>
    public static IEnumerable<string> KindNames => s_kinds.Keys;

    /// <summary>The kinds of faults; null for all.</summary>
    internal IReadOnlyCollection<ChaosFaultKind>? Kinds =>
        Faults.Count == 0 ? null : [.. Faults.SelectMany(name => s_kinds[name]).Distinct()];

    private static readonly Dictionary<string, ChaosFaultKind[]> s_kinds = new(StringComparer.Ordinal)
    {
        ["kill"] = [ChaosFaultKind.Kill, ChaosFaultKind.KillAndHold],
        ["freeze"] = [ChaosFaultKind.Freeze],
        ["cut"] = [ChaosFaultKind.Cut, ChaosFaultKind.CutFrom, ChaosFaultKind.BlockOutgoing],
        ["network"] = [ChaosFaultKind.BadNetwork],
        ["clock"] = [ChaosFaultKind.Clock],
        ["disk"] =
        [
            ChaosFaultKind.LostDisk,
            ChaosFaultKind.FlippedByte,
            ChaosFaultKind.OlderCopy,
            ChaosFaultKind.OtherCopy,
        ],
        ["all-processes"] = [ChaosFaultKind.KillEverything],
    };

    /// <summary>How many rounds there are, and how long each is.</summary>
    internal (int Count, TimeSpan Length) Rounds
    {
        get
        {
            var count = (int)Math.Max(1, Math.Ceiling(Length / MaxRound));
            return (count, Length / count);
        }
    }

    /// <summary>What is wrong with these options.</summary>
    public IEnumerable<string> Problems()
    {
        if (Length < TimeSpan.FromSeconds(15))
        {
            yield return "--minutes must be at least 0.25";
        }

        if (Sellers < 1 || Buyers < 1)
        {
            yield return "--sellers and --buyers must each be at least 1";
        }

        if (Faults.FirstOrDefault(name => !s_kinds.ContainsKey(name)) is { } unknown)
        {
            yield return $"--faults: there are no faults called '{unknown}'; "
                + $"give some of {string.Join(", ", KindNames)}";
        }
    }
}
