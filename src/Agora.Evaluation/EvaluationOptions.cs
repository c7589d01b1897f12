namespace Agora.Evaluation;

/// <summary>What is measured, and how.</summary>
public sealed record EvaluationOptions
{
    /// <summary>The scales, measured one after the other.</summary>
    public IReadOnlyList<Scale> Scales { get; init; } = [new(1, 1)];

    /// <summary>Conditions by number.</summary>
    public IReadOnlyList<int> Conditions { get; init; } = [1, 2, 3, 4, 5];

    /// <summary>Runs of each condition: one number for all scales, or one for each.</summary>
    public IReadOnlyList<int> Runs { get; init; } = [10];

    /// <summary>Calls of each client in a run: one number for all scales, or one for each.</summary>
    public IReadOnlyList<int> Calls { get; init; } = [1000];

    /// <summary>
    /// Calls of all clients of <see cref="FirstScale"/> before everything else. The runtime compiles what is used much
    /// a second time, in the background. In all processes together this takes the processors a minute, for which
    /// measured calls would have to wait.
    /// </summary>
    public int FirstCalls { get; init; } = 60_000;

    /// <summary>The scale of the <see cref="FirstCalls"/>: enough clients to use every server.</summary>
    public static Scale FirstScale => new(10, 10);

    /// <summary>
    /// Calls of all clients together, or a few more, before the first measured run of a scale, and after a run in which
    /// processes were killed. A new process is slow at first. The run with the kill measures that, and the next run
    /// must not.
    /// </summary>
    public int WarmUpCalls { get; init; } = 2000;

    /// <summary>Runs at the scale with this index.</summary>
    public int RunsAt(int scale) => Runs[Runs.Count == 1 ? 0 : scale];

    /// <summary>Calls of each client in a run at the scale with this index.</summary>
    public int CallsAt(int scale) => Calls[Calls.Count == 1 ? 0 : scale];

    /// <summary>
    /// Calls a second of all clients together; without it each client calls again as soon as it has its answer.
    /// </summary>
    public double? Rate { get; init; }

    /// <summary>The seed of the calls.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Whether a condition needs the lab.</summary>
    public static bool NeedsLab(int condition) => condition == Condition.LabCondition;

    /// <summary>Whether something is killed under one of the conditions.</summary>
    public bool KillsSomething() => Condition.All.Any(c => c.Kills && Conditions.Contains(c.Number));

    /// <summary>What cannot be measured, and how to fix that; empty where everything can.</summary>
    /// <param name="conditionsNeedReplicas">There is a component with only one replica, so that a kill would be an
    /// outage.</param>
    /// <param name="lab">The marketplace is in the lab.</param>
    public IEnumerable<string> Problems(bool conditionsNeedReplicas, bool lab)
    {
        if (Conditions.Contains(Condition.LabCondition) && !lab)
        {
            yield return "condition 6 (datagrams lost and late) needs the lab, and this marketplace is up without it; "
                + "start it with 'agora up --lab', or leave --data out";
        }

        foreach (var number in Conditions.Where(n => !Condition.All.Any(c => c.Number == n)))
        {
            var all = Condition.All.DistinctBy(c => c.Number).Select(c => $"{c.Number} ({c.Name})");
            yield return FormattableString.Invariant(
                $"there is no condition {number}; there are {string.Join(", ", all)}"
            );
        }

        if (conditionsNeedReplicas && KillsSomething())
        {
            yield return "without replicas a kill would be an outage; only condition 1 can be measured: --conditions 1";
        }

        if (Conditions.Count == 0)
        {
            yield return "no condition is given";
        }

        if (Scales.Count == 0 || Scales.Any(s => s.Sellers < 0 || s.Buyers < 0 || s.Clients is < 1 or > 10_000))
        {
            yield return "there must be 1 to 10,000 clients";
        }

        if ((Calls.Count != 1 && Calls.Count != Scales.Count) || (Runs.Count != 1 && Runs.Count != Scales.Count))
        {
            yield return "calls and runs must be one number for all scales, or one for each scale";
        }

        if (Calls.Any(calls => calls is < CallPlan.MinCalls or > 1_000_000))
        {
            yield return FormattableString.Invariant(
                $"calls must be {CallPlan.MinCalls} to 1,000,000: fewer have no room for all functions"
            );
        }

        if (Runs.Any(runs => runs is < 1 or > 1000))
        {
            yield return "runs must be 1 to 1,000";
        }

        if (Rate is not null and not (> 0 and <= 1_000_000))
        {
            yield return "the rate must be more than 0 and at most 1,000,000 calls a second";
        }
    }
}
