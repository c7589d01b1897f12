using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>Adds up the runs of one condition at one scale.</summary>
internal sealed class Tally(Condition condition)
{
    private const double Before = 10,
        After = 20,
        Step = 0.25;

    private readonly Figures[] _all = NewFigures();
    private readonly Figures[] _afterKill = NewFigures();
    private readonly List<double>[] _runMeans = [.. MarketplaceFunctions.All.Select(_ => new List<double>())];
    private readonly List<double>[] _bins =
    [
        .. Enumerable.Range(0, (int)((Before + After) / Step)).Select(_ => new List<double>()),
    ];
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

        foreach (var function in MarketplaceFunctions.All)
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

    public ConditionResult Result() =>
        new()
        {
            Number = condition.Number,
            Name = condition.Name,
            Part = condition.Part,
            OperationsPerSecond = Spread.Of([.. _runs.Select(r => r.OperationsPerSecond)]),
            Runs = [.. _runs],
            Functions =
            [
                .. MarketplaceFunctions
                    .All.Where(f => _all[(int)f] is { Count: > 0 } or { Refused: > 0 } or { Failed: > 0 })
                    .Select(f => new FunctionResult
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
                .. _bins
                    .Select((rates, bin) => (rates, bin))
                    .Where(b => b.rates.Count > 0)
                    .Select(b => new TimelinePoint(
                        (b.bin + 0.5) * Step - Before,
                        Math.Round(b.rates.Average(), 1),
                        b.rates.Min(),
                        b.rates.Max()
                    )),
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
        // Only bins that lie wholly inside the run.
        for (var bin = Math.Max(0, Bin(at, run.Start) + 1); bin < Math.Min(counts.Length, Bin(at, run.End)); bin++)
        {
            _bins[(int)bin].Add(counts[(int)bin] / Step);
        }
    }

    private static double Bin(long kill, long timestamp) =>
        Math.Floor((Stopwatch.GetElapsedTime(kill, timestamp).TotalSeconds + Before) / Step);

    private static Figures[] NewFigures() => [.. MarketplaceFunctions.All.Select(_ => new Figures())];
}
