using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Agora.Evaluation;

/// <summary>Measures a marketplace: every scale, under every condition, in so many runs.</summary>
public sealed class Evaluator(IMarketplace marketplace, IScreen screen, EvaluationOptions options)
{
    // Not from the seed: a second evaluation of the same marketplace needs names and categories of its own.
    private readonly string _tag = RandomNumberGenerator.GetHexString(6, lowercase: true);
    private readonly int _firstCategory = RandomNumberGenerator.GetInt32(1 << 10, 1 << 30);
    private int _loads;

    /// <summary>Measures. True if nothing was found wrong.</summary>
    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        foreach (var scale in options.Scales)
        {
            var figures = Functions.All.ToDictionary(f => f, _ => new Figures());
            List<double> rates = [];
            await MeasureAsync(scale, -1, options.WarmUpCalls, "warming up", cancel);
            for (var run = 0; run < options.Runs; run++)
            {
                var title = string.Create(CultureInfo.InvariantCulture, $"{scale}, condition 1, run {run + 1} of {options.Runs}");
                var (samples, seconds) = await MeasureAsync(scale, run, options.Calls, title, cancel);
                foreach (var sample in samples)
                {
                    figures[sample.Function].Add(sample);
                }
                rates.Add(samples.Count(s => s.Outcome == Outcome.Success) / seconds);
            }
            foreach (var (function, f) in figures)
            {
                screen.Say(string.Create(CultureInfo.InvariantCulture,
                    $"{function.Role(),-6} {function.Name(),-20} {f.Mean.TotalMilliseconds,8:0.0} ms  p50 {f.Percentile(50).TotalMilliseconds,7:0.0}  p95 {f.Percentile(95).TotalMilliseconds,7:0.0}  p99 {f.Percentile(99).TotalMilliseconds,7:0.0}  worst {f.Worst.TotalMilliseconds,7:0.0}  {f.Count,6} calls  {f.Refused} refused  {f.Failed} failed"));
            }
            var rate = Spread.Of(rates);
            screen.Say(string.Create(CultureInfo.InvariantCulture, $"{scale}: {rate.Mean:0} ± {rate.Deviation:0} operations a second"));
        }
        return true;
    }

    private async Task<(List<Sample>, double Seconds)> MeasureAsync(Scale scale, int run, int calls, string title, CancellationToken cancel)
    {
        var number = _loads++;
        Stall stall = new(string.Create(CultureInfo.InvariantCulture, $"{_tag}-{number}"), _firstCategory + number * Stall.Categories);
        using Load load = new(marketplace.File, scale, stall, options.Seed, run, calls, options.Rate);
        await load.PrepareAsync(cancel);
        GC.Collect();
        var started = Stopwatch.GetTimestamp();
        await screen.ShowAsync(title, () => load.Progress, load.RunAsync(cancel));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        foreach (var failure in load.Clients.SelectMany(c => c.Failures).Take(3))
        {
            screen.Say($"{failure.Function.Name()} failed: {failure.Code}: {failure.Detail}");
        }
        return ([.. load.Clients.SelectMany(c => c.Samples.ToArray())], seconds);
    }
}
