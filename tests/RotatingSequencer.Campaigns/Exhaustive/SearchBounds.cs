namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>How much may happen in one run; a search tries everything within these bounds.</summary>
internal sealed record SearchBounds
{
    public required int Members { get; init; }
    public required int Requests { get; init; }

    /// <summary>Datagrams lost on the way to a member.</summary>
    public int Losses { get; init; }

    /// <summary>Datagrams that reach a member a second time, at once or at any time later.</summary>
    public int Duplicates { get; init; }

    /// <summary>
    /// Timers that end while something is still under way. When a group only waits, this many end as well, beyond the
    /// first.
    /// </summary>
    public int Timers { get; init; }

    /// <summary>Deaths of members, each with a restart; only with a journal.</summary>
    public int Crashes { get; init; }

    /// <summary>Members that lose all that they hold, and join again; only with a journal, and without
    /// crashes.</summary>
    public int LostDisks { get; init; }

    /// <summary>Read barriers.</summary>
    public int Reads { get; init; }

    public bool Journal { get; init; }

    /// <summary>
    /// How often something happens before what is due: a write that ends, or else the datagram that was sent first.
    /// Null for every order. A member that joins exchanges some twenty datagrams with each of the others; in every
    /// order these would make too many states. Submissions, losses of disks and what outlives these happen at any time
    /// all the same.
    /// </summary>
    public int? Delays { get; init; }

    /// <summary>How many Requests of one member may be under way.</summary>
    public int Window { get; init; } = 256;

    /// <summary>States after which the search gives up.</summary>
    public long MaxStates { get; init; } = long.MaxValue;

    /// <summary>What every build searches: half a minute of one processor core.</summary>
    public static IReadOnlyList<SearchBounds> Suite { get; } =
    [
        new()
        {
            Members = 2,
            Requests = 3,
            Losses = 1,
            Duplicates = 1,
            Window = 1,
        },
        new()
        {
            Members = 2,
            Requests = 2,
            Journal = true,
            Crashes = 1,
        },
        new()
        {
            Members = 3,
            Requests = 1,
            Losses = 1,
            Reads = 1,
        },
        new()
        {
            Members = 2,
            Requests = 1,
            Journal = true,
            LostDisks = 1,
            Delays = 1,
        },
        new()
        {
            Members = 3,
            Requests = 1,
            Journal = true,
            LostDisks = 1,
            Delays = 0,
        },
        new()
        {
            Members = 2,
            Requests = 3,
            Losses = 2,
            Duplicates = 1,
        },
        new()
        {
            Members = 3,
            Requests = 1,
            Journal = true,
            Crashes = 1,
        },
        new()
        {
            Members = 2,
            Requests = 2,
            Losses = 1,
            Duplicates = 1,
            Timers = 1,
        },
        new()
        {
            Members = 3,
            Requests = 2,
            Losses = 1,
            Duplicates = 1,
        },
    ];

    public override string ToString()
    {
        var text =
            $"{Members} members, {Requests} requests, at most {Losses} lost, {Duplicates} doubled, {Timers} timers";
        text += Reads > 0 ? $", {Reads} read barriers" : "";
        text += Window < 256 ? $", window {Window}" : "";
        text += LostDisks > 0 ? $", {LostDisks} lost disks" : "";
        text += Delays is { } delays ? $", {delays} delays" : "";
        return text + (Journal ? $", journal, {Crashes} crashes" : "");
    }
}
