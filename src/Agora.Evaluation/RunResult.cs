using System.Text.Json.Serialization;

namespace Agora.Evaluation;

/// <summary>One run.</summary>
public sealed record RunResult
{
    /// <summary>From 1.</summary>
    public required int Number { get; init; }

    /// <summary>How long the run took.</summary>
    public required double Seconds { get; init; }

    /// <summary>Calls that succeeded.</summary>
    public required int Succeeded { get; init; }

    /// <summary>Calls that were refused, as they had to be.</summary>
    public required int Refused { get; init; }

    /// <summary>Calls that failed.</summary>
    public required int Failed { get; init; }

    /// <summary>The first few failures.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    /// <summary>Successful calls a second.</summary>
    public required double OperationsPerSecond { get; init; }

    /// <summary>How often a call went on with another server.</summary>
    public required int Failovers { get; init; }

    /// <summary>The kill, if there was one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public KillResult? Kill { get; init; }

    /// <summary>
    /// The share of the machine's processor time that all processes used; null where the system does not say.
    /// </summary>
    public double? CpuBusy { get; init; }

    /// <summary>The share that the host gave to other machines.</summary>
    public double? CpuStolen { get; init; }

    /// <summary>The share that the clients of this evaluation used.</summary>
    public double CpuOfClients { get; init; }

    /// <summary>What the audit found wrong; empty where the books balance.</summary>
    public required IReadOnlyList<string> Wrong { get; init; }
}

/// <summary>What a kill did.</summary>
/// <param name="Killed">The processes that were killed.</param>
/// <param name="AtSeconds">The time of the kill, from the beginning of the run.</param>
/// <param name="Pause">The longest time after the kill in which calls that need what was killed were waiting and none
/// was answered.</param>
/// <param name="Worst">The longest successful call that ended after the kill.</param>
/// <param name="WorstFunction">The function of that call.</param>
/// <param name="Failed">Calls that failed after the kill.</param>
public sealed record KillResult(
    IReadOnlyList<string> Killed,
    double AtSeconds,
    double Pause,
    double Worst,
    string WorstFunction,
    int Failed
);
