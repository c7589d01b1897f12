using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>One run as it was measured. Times are <see cref="Stopwatch"/> timestamps.</summary>
/// <param name="Samples">Every call.</param>
/// <param name="Start">When the run began.</param>
/// <param name="End">When its last call had ended.</param>
/// <param name="Killed">Who was killed.</param>
/// <param name="KilledAt">When; null where nobody was.</param>
internal sealed record MeasuredRun(IReadOnlyList<Sample> Samples, long Start, long End, IReadOnlyList<string> Killed, long? KilledAt)
{
    public double Seconds => Stopwatch.GetElapsedTime(Start, End).TotalSeconds;

    public int Count(Outcome outcome) => Samples.Count(s => s.Outcome == outcome);

    public double OperationsPerSecond => Count(Outcome.Success) / Seconds;

    /// <summary>What the kill did; null where nobody was killed.</summary>
    public KillResult? Kill(Func<Function, bool> affects)
    {
        if (KilledAt is not { } at)
        {
            return null;
        }
        Sample[] after = [.. Samples.Where(s => s.End >= at)];
        var worst = after.Where(s => s.Outcome == Outcome.Success).DefaultIfEmpty().MaxBy(s => s.Time);
        return new(
            Killed,
            Math.Round(Stopwatch.GetElapsedTime(Start, at).TotalSeconds, 3),
            FigureSet.Milliseconds(Pause.Longest(after.Where(s => affects(s.Function)), at)),
            FigureSet.Milliseconds(worst.Time),
            worst.Function.Name(),
            after.Count(s => s.Outcome == Outcome.Failed));
    }
}

/// <summary>Adds up the runs of one condition at one scale.</summary>
internal sealed class Tally(Condition condition)
{
    private const double Before = 10, After = 20, Step = 0.25;

    private readonly Figures[] _all = NewFigures();
    private readonly Figures[] _afterKill = NewFigures();
    private readonly List<double>[] _runMeans = [.. Functions.All.Select(_ => new List<double>())];
    private readonly List<double>[] _bins = [.. Enumerable.Range(0, (int)((Before + After) / Step)).Select(_ => new List<double>())];
    private readonly List<RunResult> _runs = [];

    public void Add(MeasuredRun run, RunResult result)
    {
        var ofRun = NewFigures();
        foreach (var sample in run.Samples)
        {
            ofRun[(int)sample.Function].Add(sample);
            _all[(int)sample.Function].Add(sample);
            if (sample.End >= run.KilledAt)
            {
                _afterKill[(int)sample.Function].Add(sample);
            }
        }
        foreach (var function in Functions.All)
        {
            if (ofRun[(int)function].Count > 0)
            {
                _runMeans[(int)function].Add(ofRun[(int)function].Mean.TotalMilliseconds);
            }
        }
        if (run.KilledAt is { } at)
        {
            AddTimeline(run, at);
        }
        _runs.Add(result);
    }

    public ConditionResult Result() => new()
    {
        Number = condition.Number,
        Name = condition.Name,
        Part = condition.Part,
        OperationsPerSecond = Spread.Of([.. _runs.Select(r => r.OperationsPerSecond)]),
        Runs = [.. _runs],
        Functions =
        [
            .. Functions.All.Where(f => _all[(int)f] is { Count: > 0 } or { Refused: > 0 } or { Failed: > 0 }).Select(f => new FunctionResult
            {
                Role = f.Role(),
                Function = f.Name(),
                MeanOfRuns = Spread.Of(_runMeans[(int)f]),
                All = FigureSet.Of(_all[(int)f]),
                AfterKill = condition.Kills ? FigureSet.Of(_afterKill[(int)f]) : null,
            }),
        ],
        Timeline =
        [
            .. _bins.Select((rates, bin) => (rates, bin)).Where(b => b.rates.Count > 0).Select(b => new TimelinePoint(
                (b.bin + 0.5) * Step - Before, Math.Round(b.rates.Average(), 1), b.rates.Min(), b.rates.Max())),
        ],
    };

    private void AddTimeline(MeasuredRun run, long at)
    {
        var counts = new int[_bins.Length];
        foreach (var sample in run.Samples)
        {
            var bin = Bin(at, sample.End);
            if (sample.Outcome == Outcome.Success && bin >= 0 && bin < counts.Length)
            {
                counts[(int)bin]++;
            }
        }
        // Only the bins that the run lasted through from end to end.
        for (var bin = Math.Max(0, Bin(at, run.Start) + 1); bin < Math.Min(counts.Length, Bin(at, run.End)); bin++)
        {
            _bins[(int)bin].Add(counts[(int)bin] / Step);
        }
    }

    private static double Bin(long kill, long timestamp) => Math.Floor((Stopwatch.GetElapsedTime(kill, timestamp).TotalSeconds + Before) / Step);

    private static Figures[] NewFigures() => [.. Functions.All.Select(_ => new Figures())];
}
