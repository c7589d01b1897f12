using System.Diagnostics;

namespace Agora.Evaluation.Tests;

/// <summary>Makes measured calls; times in milliseconds from an arbitrary beginning.</summary>
internal static class MeasuredCalls
{
    private const long Beginning = 1_000_000_000_000;

    public static long At(double milliseconds) => Beginning + (long)(milliseconds * Stopwatch.Frequency / 1000);

    public static CallSample Call(
        double start,
        double end,
        MarketplaceFunction function = MarketplaceFunction.GetItem,
        Outcome outcome = Outcome.Success
    ) => new(function, outcome, At(start), At(end));

    public static RunResult Result(MeasuredRun run, Condition condition, int number = 1, params string[] wrong) =>
        new()
        {
            Number = number,
            Seconds = run.Seconds,
            Succeeded = run.Count(Outcome.Success),
            Refused = run.Count(Outcome.Refused),
            Failed = run.Count(Outcome.Failed),
            Failures = [],
            OperationsPerSecond = run.OperationsPerSecond,
            Failovers = 0,
            Kill = run.Kill(condition.Affects),
            Wrong = wrong,
        };
}
