namespace RotatingSequencer.Simulation.Exhaustive;

/// <summary>What may happen in one run, at most; a search tries everything that stays within.</summary>
internal sealed record Bounds
{
    public required int Members { get; init; }
    public required int Requests { get; init; }

    /// <summary>Datagrams lost on the way to one member.</summary>
    public int Losses { get; init; }

    /// <summary>Datagrams that come to one member a second time, at once or at any time later.</summary>
    public int Duplicates { get; init; }

    /// <summary>Timers that run out although there is still something under way; and beyond the first so many in a group that waits.</summary>
    public int Timers { get; init; }

    /// <summary>Deaths of members, each with a restart; only with a journal.</summary>
    public int Crashes { get; init; }

    /// <summary>Read barriers.</summary>
    public int Reads { get; init; }

    public bool Journal { get; init; }

    /// <summary>How many Requests of one member may be under way.</summary>
    public int Window { get; init; } = 256;

    /// <summary>States after which the search gives up.</summary>
    public long MaximumStates { get; init; } = long.MaxValue;

    /// <summary>What every change is searched through: half a minute of one core.</summary>
    public static IReadOnlyList<Bounds> Suite { get; } =
    [
        new() { Members = 2, Requests = 3, Losses = 1, Duplicates = 1, Window = 1 },
        new() { Members = 2, Requests = 2, Journal = true, Crashes = 1 },
        new() { Members = 3, Requests = 1, Losses = 1, Reads = 1 },
        new() { Members = 2, Requests = 3, Losses = 2, Duplicates = 1 },
        new() { Members = 3, Requests = 1, Journal = true, Crashes = 1 },
        new() { Members = 2, Requests = 2, Losses = 1, Duplicates = 1, Timers = 1 },
        new() { Members = 3, Requests = 2, Losses = 1, Duplicates = 1 },
    ];

    public override string ToString()
    {
        var text = $"{Members} members, {Requests} requests, at most {Losses} lost, {Duplicates} doubled, {Timers} timers";
        text += Reads > 0 ? $", {Reads} read barriers" : "";
        text += Window < 256 ? $", window {Window}" : "";
        return text + (Journal ? $", journal, {Crashes} crashes" : "");
    }
}

/// <summary>How much of what <see cref="Bounds"/> count has happened.</summary>
internal record struct Faults(int Losses, int Duplicates, int Timers, int Crashes, int Reads)
{
    /// <summary>Whoever has met this little can still meet all that the other can.</summary>
    public readonly bool IsWithin(Faults other) =>
        Losses <= other.Losses && Duplicates <= other.Duplicates && Timers <= other.Timers && Crashes <= other.Crashes && Reads <= other.Reads;
}
