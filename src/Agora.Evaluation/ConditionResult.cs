using System.Text.Json.Serialization;

namespace Agora.Evaluation;

/// <summary>One condition at one scale, over all its runs.</summary>
public sealed record ConditionResult
{
    /// <summary>Its number in the specification.</summary>
    public required int Number { get; init; }

    /// <summary>A few words for it.</summary>
    public required string Name { get; init; }

    /// <summary>Distinguishes conditions of the same number; null where the number is unique.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Part { get; init; }

    /// <summary>Its name in tables.</summary>
    [JsonIgnore]
    public string Label =>
        Part is null
            ? FormattableString.Invariant($"condition {Number}")
            : FormattableString.Invariant($"condition {Number} ({Part})");

    /// <summary>Successful calls a second.</summary>
    public required Spread OperationsPerSecond { get; init; }

    /// <summary>All runs.</summary>
    public required IReadOnlyList<RunResult> Runs { get; init; }

    /// <summary>All functions, over all runs.</summary>
    public required IReadOnlyList<FunctionResult> Functions { get; init; }

    /// <summary>Successful calls a second around the kill; empty where no process is killed.</summary>
    public required IReadOnlyList<TimelinePoint> Timeline { get; init; }
}

/// <summary>A quarter of a second, over all runs that lasted through it.</summary>
/// <param name="Seconds">The time of its middle, from the kill.</param>
/// <param name="OperationsPerSecond">The mean of the runs.</param>
/// <param name="Least">Operations a second of the slowest run.</param>
/// <param name="Most">Operations a second of the fastest run.</param>
public sealed record TimelinePoint(double Seconds, double OperationsPerSecond, double Least, double Most);
