namespace Agora.Evaluation;

/// <summary>
/// A whole evaluation: what report.json holds, and what report.md is made of. Times are milliseconds unless a name says
/// otherwise.
/// </summary>
public sealed record EvaluationReport
{
    /// <summary>Numbers of the conditions under which everything passed the lab's relays.</summary>
    public IReadOnlyList<int> Lab { get; init; } = [];

    /// <summary>The program's version.</summary>
    public required string Version { get; init; }

    /// <summary>When the evaluation began.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The command that made the report.</summary>
    public required string Command { get; init; }

    /// <summary>
    /// The machine that the clients ran on, and everything else unless it ran on <see cref="Hosts"/>.
    /// </summary>
    public required Machine Machine { get; init; }

    /// <summary>The hosts that the marketplace ran on.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Replicas of each component.</summary>
    public required IReadOnlyDictionary<string, int> Replicas { get; init; }

    /// <summary>What orders each database's commands.</summary>
    public required IReadOnlyDictionary<string, string> Engines { get; init; }

    /// <summary>What was asked for.</summary>
    public required EvaluationOptions Options { get; init; }

    /// <summary>
    /// Calls of each function in a thousand calls of a client, by role and function, in the plans of the first scale.
    /// </summary>
    public required IReadOnlyList<MixLine> Mix { get; init; }

    /// <summary>What was measured.</summary>
    public required IReadOnlyList<ScaleResult> Scales { get; init; }

    /// <summary>What the audits after runs that are not measured found wrong.</summary>
    public required IReadOnlyList<string> WrongWhileWarmingUp { get; init; }

    /// <summary>
    /// Joins this report with one of another marketplace, at the same scales under other conditions.
    /// </summary>
    public EvaluationReport With(EvaluationReport other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return this with
        {
            Lab = [.. Lab, .. other.Lab],
            Options = Options with { Conditions = [.. Options.Conditions, .. other.Options.Conditions] },
            WrongWhileWarmingUp = [.. WrongWhileWarmingUp, .. other.WrongWhileWarmingUp],
            Scales =
            [
                .. Scales.Select(scale =>
                    scale with
                    {
                        Conditions =
                        [
                            .. scale.Conditions,
                            .. other
                                .Scales.FirstOrDefault(s => (s.Sellers, s.Buyers) == (scale.Sellers, scale.Buyers))
                                ?.Conditions
                                ?? [],
                        ],
                    }
                ),
            ],
        };
    }

    /// <summary>Whether the books balance after every run.</summary>
    public bool BooksBalance =>
        WrongWhileWarmingUp.Count == 0 && Scales.All(s => s.Conditions.All(c => c.Runs.All(r => r.Wrong.Count == 0)));
}

/// <summary>A function's share of its role's calls.</summary>
public sealed record MixLine(string Role, string Function, double PerThousand);

/// <summary>One scale under all conditions.</summary>
public sealed record ScaleResult(int Sellers, int Buyers, IReadOnlyList<ConditionResult> Conditions);
