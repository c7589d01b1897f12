using System.Text.Json.Serialization;

namespace Agora.Evaluation;

/// <summary>A function under one condition at one scale.</summary>
public sealed record FunctionResult
{
    /// <summary>seller or buyer.</summary>
    public required string Role { get; init; }

    /// <summary>Its name in the specification.</summary>
    public required string Function { get; init; }

    /// <summary>The mean of the runs' means.</summary>
    public required Spread MeanOfRuns { get; init; }

    /// <summary>All calls.</summary>
    public required FigureSet All { get; init; }

    /// <summary>The calls that ended after the kill.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FigureSet? AfterKill { get; init; }
}

/// <summary>The figures of many calls. Times are those of successful calls.</summary>
public sealed record FigureSet
{
    /// <summary>Calls that succeeded.</summary>
    public required int Count { get; init; }

    /// <summary>Calls that were refused, as they had to be.</summary>
    public required int Refused { get; init; }

    /// <summary>Calls that failed.</summary>
    public required int Failed { get; init; }

    /// <summary>The mean time.</summary>
    public required double Mean { get; init; }

    /// <summary>Half of the calls took no longer.</summary>
    public required double P50 { get; init; }

    /// <summary>19 of 20 calls took no longer.</summary>
    public required double P95 { get; init; }

    /// <summary>99 of 100 calls took no longer.</summary>
    public required double P99 { get; init; }

    /// <summary>The longest time.</summary>
    public required double Worst { get; init; }

    /// <summary>
    /// Pairs of a bucket's lower bound in microseconds and the calls in it; a bucket is at most 3% wide.
    /// </summary>
    public required IReadOnlyList<long[]> HistogramMicroseconds { get; init; }

    internal static FigureSet Of(Figures figures) =>
        new()
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
