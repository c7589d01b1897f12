using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>One run as it was measured. Times are <see cref="Stopwatch"/> timestamps.</summary>
/// <param name="Samples">Every call.</param>
/// <param name="Start">When the run began.</param>
/// <param name="End">When its last call had ended.</param>
/// <param name="Killed">The processes that were killed.</param>
/// <param name="KilledAt">When they were killed; null where none was.</param>
internal sealed record MeasuredRun(
    IReadOnlyList<CallSample> Samples,
    long Start,
    long End,
    IReadOnlyList<string> Killed,
    long? KilledAt
)
{
    public double Seconds => Stopwatch.GetElapsedTime(Start, End).TotalSeconds;

    public int Count(Outcome outcome) => Samples.Count(s => s.Outcome == outcome);

    public double OperationsPerSecond => Count(Outcome.Success) / Seconds;

    /// <summary>What the kill did; null where no process was killed.</summary>
    public KillResult? Kill(Func<MarketplaceFunction, bool> affects)
    {
        if (KilledAt is not { } at)
        {
            return null;
        }

        CallSample[] after = [.. Samples.Where(s => s.End >= at)];
        var worst = after.Where(s => s.Outcome == Outcome.Success).DefaultIfEmpty().MaxBy(s => s.Time);
        return new(
            Killed,
            Math.Round(Stopwatch.GetElapsedTime(Start, at).TotalSeconds, 3),
            FigureSet.Milliseconds(ServicePause.Longest(after.Where(s => affects(s.Function)), at)),
            FigureSet.Milliseconds(worst.Time),
            worst.Function.Name(),
            after.Count(s => s.Outcome == Outcome.Failed)
        );
    }
}
