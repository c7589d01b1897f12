using CsCheck;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class FiguresTests
{
    [Fact]
    public void Percentiles_are_the_times_that_so_many_calls_did_not_exceed()
    {
        var figures = Of(Enumerable.Range(1, 100).Reverse().Select(ms => MeasuredCalls.Call(0, ms)));

        Assert.Equal(100, figures.Count);
        Assert.Equal(50.5, figures.Mean.TotalMilliseconds, 3);
        Assert.Equal(50, figures.Percentile(50).TotalMilliseconds, 3);
        Assert.Equal(95, figures.Percentile(95).TotalMilliseconds, 3);
        Assert.Equal(99, figures.Percentile(99).TotalMilliseconds, 3);
        Assert.Equal(100, figures.Worst.TotalMilliseconds, 3);
    }

    [Fact]
    public void One_call_is_all_percentiles()
    {
        var figures = Of([MeasuredCalls.Call(0, 7)]);

        Assert.Equal(
            [7.0, 7, 7, 7],
            new[] { figures.Percentile(50), figures.Percentile(99), figures.Worst, figures.Mean }.Select(t =>
                t.TotalMilliseconds
            )
        );
    }

    [Fact]
    public void Refused_and_failed_calls_are_counted_and_not_averaged_in()
    {
        var figures = Of([
            MeasuredCalls.Call(0, 10),
            MeasuredCalls.Call(0, 5000, outcome: Outcome.Failed),
            MeasuredCalls.Call(0, 900, outcome: Outcome.Refused),
            MeasuredCalls.Call(0, 800, outcome: Outcome.Refused),
        ]);

        Assert.Equal((1, 2, 1), (figures.Count, figures.Refused, figures.Failed));
        Assert.Equal(10, figures.Mean.TotalMilliseconds, 3);
        Assert.Equal(10, figures.Worst.TotalMilliseconds, 3);
    }

    [Fact]
    public void Nothing_measured_is_nothing() =>
        Assert.Equal((0, TimeSpan.Zero, TimeSpan.Zero), (Of([]).Count, Of([]).Mean, Of([]).Percentile(99)));

    [Fact]
    public void Figures_may_be_asked_between_additions()
    {
        var figures = Of([MeasuredCalls.Call(0, 30)]);
        _ = figures.Percentile(50);
        figures.Add(MeasuredCalls.Call(0, 10));
        figures.Add(MeasuredCalls.Call(0, 20));

        Assert.Equal(20, figures.Percentile(50).TotalMilliseconds, 3);
    }

    [Fact]
    public void The_histogram_holds_every_call_in_a_bucket_at_most_3_percent_below() =>
        Gen.Double[0.001, 100_000]
            .Array[0, 200]
            .Sample(
                times =>
                {
                    var buckets = Of(times.Select(t => MeasuredCalls.Call(0, t))).Histogram();

                    Assert.Equal(times.Length, buckets.Sum(b => b[1]));
                    Assert.Equal(buckets.Select(b => b[0]).Order().Distinct(), buckets.Select(b => b[0]));
                    foreach (var time in times.Select(t => (long)Math.Round(t * 1000)).Where(t => t > 0))
                    {
                        var bucket = buckets.Last(b => b[0] <= time)[0];
                        Assert.True(time - bucket <= time / 32.0);
                    }
                },
                iter: 100
            );

    [Fact]
    public void The_spread_of_runs_is_their_sample_standard_deviation()
    {
        Assert.Equal(new Spread(5, 2), Spread.Of([3, 5, 7]));
        Assert.Equal(new Spread(5, 0), Spread.Of([5]));
        Assert.Equal(new Spread(0, 0), Spread.Of([]));
    }

    private static Figures Of(IEnumerable<CallSample> samples)
    {
        Figures figures = new();
        foreach (var sample in samples)
        {
            figures.Add(sample);
        }

        return figures;
    }
}
