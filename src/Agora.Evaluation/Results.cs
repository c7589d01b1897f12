using System.Text.Json.Serialization;

namespace Agora.Evaluation;

// What report.json holds, and what report.md is made of. Times are milliseconds unless a name says otherwise.

/// <summary>A whole evaluation.</summary>
public sealed record EvaluationReport
{
    /// <summary>Numbers of the conditions under which everything passed the lab's relays.</summary>
    public IReadOnlyList<int> Lab { get; init; } = [];

    /// <summary>The program's version.</summary>
    public required string Version { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The command that made it.</summary>
    public required string Command { get; init; }

    /// <summary>Where it was made.</summary>
    public required Machine Machine { get; init; }

    /// <summary>Replicas of each component.</summary>
    public required IReadOnlyDictionary<string, int> Replicas { get; init; }

    /// <summary>What orders each database's commands.</summary>
    public required IReadOnlyDictionary<string, string> Engines { get; init; }

    /// <summary>What was asked for.</summary>
    public required EvaluationOptions Options { get; init; }

    /// <summary>Calls of each function in a thousand calls of a client, by role and function, as the plans of the first scale have them.</summary>
    public required IReadOnlyList<MixLine> Mix { get; init; }

    /// <summary>What was measured.</summary>
    public required IReadOnlyList<ScaleResult> Scales { get; init; }

    /// <summary>What the audits after the runs that are not counted found wrong.</summary>
    public required IReadOnlyList<string> WrongWhileWarmingUp { get; init; }

    /// <summary>This and what was then measured on another marketplace, at the same scales under other conditions.</summary>
    public EvaluationReport With(EvaluationReport other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return this with
        {
            Lab = [.. Lab, .. other.Lab],
            Options = Options with { Conditions = [.. Options.Conditions, .. other.Options.Conditions] },
            WrongWhileWarmingUp = [.. WrongWhileWarmingUp, .. other.WrongWhileWarmingUp],
            Scales = [.. Scales.Select(scale => scale with
            {
                Conditions = [.. scale.Conditions, .. other.Scales.FirstOrDefault(s => (s.Sellers, s.Buyers) == (scale.Sellers, scale.Buyers))?.Conditions ?? []],
            })],
        };
    }

    /// <summary>The books balance after every run.</summary>
    public bool BooksBalance => WrongWhileWarmingUp.Count == 0 && Scales.All(s => s.Conditions.All(c => c.Runs.All(r => r.Wrong.Count == 0)));
}

/// <summary>A function's share of its role's calls.</summary>
public sealed record MixLine(string Role, string Function, double PerThousand);

/// <summary>One scale under all conditions.</summary>
public sealed record ScaleResult(int Sellers, int Buyers, IReadOnlyList<ConditionResult> Conditions);

/// <summary>One condition at one scale, over all its runs.</summary>
public sealed record ConditionResult
{
    /// <summary>As in the specification.</summary>
    public required int Number { get; init; }

    /// <summary>In a few words.</summary>
    public required string Name { get; init; }

    /// <summary>What tells it from another of the same number; null where there is no other.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Part { get; init; }

    /// <summary>As tables name it.</summary>
    [JsonIgnore]
    public string Label => Part is null ? FormattableString.Invariant($"condition {Number}") : FormattableString.Invariant($"condition {Number} ({Part})");

    /// <summary>Successful calls a second.</summary>
    public required Spread OperationsPerSecond { get; init; }

    /// <summary>Each run.</summary>
    public required IReadOnlyList<RunResult> Runs { get; init; }

    /// <summary>Each function, over all runs.</summary>
    public required IReadOnlyList<FunctionResult> Functions { get; init; }

    /// <summary>Successful calls a second around the kill; empty where nobody is killed.</summary>
    public required IReadOnlyList<TimelinePoint> Timeline { get; init; }
}

/// <summary>One run.</summary>
public sealed record RunResult
{
    /// <summary>From 1.</summary>
    public required int Number { get; init; }

    /// <summary>How long it took.</summary>
    public required double Seconds { get; init; }

    /// <summary>Calls that succeeded.</summary>
    public required int Succeeded { get; init; }

    /// <summary>Calls that were rightly refused.</summary>
    public required int Refused { get; init; }

    /// <summary>Calls that failed.</summary>
    public required int Failed { get; init; }

    /// <summary>The first few of them.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    /// <summary>Successful calls a second.</summary>
    public required double OperationsPerSecond { get; init; }

    /// <summary>How often a call went on with another server.</summary>
    public required int Failovers { get; init; }

    /// <summary>The kill, if there was one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public KillResult? Kill { get; init; }

    /// <summary>Share of the machine's processor time that was in use, by anybody; null where the system does not tell.</summary>
    public double? CpuBusy { get; init; }

    /// <summary>Share of it that the host gave to other machines.</summary>
    public double? CpuStolen { get; init; }

    /// <summary>Share of it that the clients of this evaluation themselves took.</summary>
    public double CpuOfClients { get; init; }

    /// <summary>What the audit found wrong; empty where the books balance.</summary>
    public required IReadOnlyList<string> Wrong { get; init; }
}

/// <summary>What a kill did.</summary>
/// <param name="Killed">Who.</param>
/// <param name="AtSeconds">When, from the run's begin.</param>
/// <param name="Pause">The longest stretch from then on in which calls that need what was killed were waiting and none was answered.</param>
/// <param name="Worst">The longest successful call that ended after it.</param>
/// <param name="WorstFunction">Its function.</param>
/// <param name="Failed">Calls that failed from then on.</param>
public sealed record KillResult(IReadOnlyList<string> Killed, double AtSeconds, double Pause, double Worst, string WorstFunction, int Failed);

/// <summary>A function under one condition at one scale.</summary>
public sealed record FunctionResult
{
    /// <summary>seller or buyer.</summary>
    public required string Role { get; init; }

    /// <summary>As in the specification.</summary>
    public required string Function { get; init; }

    /// <summary>The runs' means.</summary>
    public required Spread MeanOfRuns { get; init; }

    /// <summary>All calls.</summary>
    public required FigureSet All { get; init; }

    /// <summary>Those that ended after the kill.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FigureSet? AfterKill { get; init; }
}

/// <summary>What many calls come to. Times are those of successful ones.</summary>
public sealed record FigureSet
{
    /// <summary>Calls that succeeded.</summary>
    public required int Count { get; init; }

    /// <summary>Calls that were rightly refused.</summary>
    public required int Refused { get; init; }

    /// <summary>Calls that failed.</summary>
    public required int Failed { get; init; }

    /// <summary>Mean.</summary>
    public required double Mean { get; init; }

    /// <summary>Half took no longer.</summary>
    public required double P50 { get; init; }

    /// <summary>19 of 20 took no longer.</summary>
    public required double P95 { get; init; }

    /// <summary>99 of 100 took no longer.</summary>
    public required double P99 { get; init; }

    /// <summary>The longest.</summary>
    public required double Worst { get; init; }

    /// <summary>Pairs of a bucket's lower bound in microseconds and the calls in it; a bucket is at most 3% wide.</summary>
    public required IReadOnlyList<long[]> HistogramMicroseconds { get; init; }

    internal static FigureSet Of(Figures figures) => new()
    {
        Count = figures.Count,
        Refused = figures.Refused,
        Failed = figures.Failed,
        Mean = Milliseconds(figures.Mean),
        P50 = Milliseconds(figures.Percentile(50)),
        P95 = Milliseconds(figures.Percentile(95)),
        P99 = Milliseconds(figures.Percentile(99)),
        Worst = Milliseconds(figures.Worst),
        HistogramMicroseconds = figures.Histogram(),
    };

    internal static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);
}

/// <summary>A quarter of a second, of all runs that lasted through it.</summary>
/// <param name="Seconds">Its middle, from the kill.</param>
/// <param name="OperationsPerSecond">Mean of the runs.</param>
/// <param name="Least">The slowest run's.</param>
/// <param name="Most">The fastest run's.</param>
public sealed record TimelinePoint(double Seconds, double OperationsPerSecond, double Least, double Most);
