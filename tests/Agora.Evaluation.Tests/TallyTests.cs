using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class TallyTests
{
    private static readonly Condition s_normal = Condition.All.Single(c => c.Number == 1);
    private static readonly Condition s_leader = Condition.All.Single(c => c.Number == 4);

    [Fact]
    public void The_mean_over_runs_gives_each_run_the_same_weight_and_the_mean_of_all_each_call()
    {
        var function = Result(
            s_normal,
            Run([MeasuredCalls.Call(0, 10), MeasuredCalls.Call(10, 30)]),
            Run([MeasuredCalls.Call(0, 45)])
        )
            .Functions.Single();

        Assert.Equal(30, function.MeanOfRuns.Mean, 3);
        Assert.Equal(25, function.All.Mean, 3);
        Assert.Equal(3, function.All.Count);
        Assert.Null(function.AfterKill);
    }

    [Fact]
    public void Calls_that_ended_after_the_kill_are_also_shown_apart()
    {
        var function = Result(
            s_leader,
            Run([MeasuredCalls.Call(0, 10), MeasuredCalls.Call(90, 140), MeasuredCalls.Call(200, 210)], kill: 100)
        )
            .Functions.Single();

        Assert.Equal(3, function.All.Count);
        Assert.Equal(2, function.AfterKill!.Count);
        Assert.Equal(50, function.AfterKill.Worst, 3);
    }

    [Fact]
    public void Operations_a_second_count_successes_only()
    {
        var run = Run(
            [
                MeasuredCalls.Call(0, 10),
                MeasuredCalls.Call(0, 20, outcome: Outcome.Failed),
                MeasuredCalls.Call(0, 30, outcome: Outcome.Refused),
            ],
            end: 500
        );

        Assert.Equal(2, run.OperationsPerSecond, 3);
        Assert.Equal(2, Result(s_normal, run).OperationsPerSecond.Mean, 3);
    }

    [Fact]
    public void The_kill_tells_the_worst_successful_call_and_what_failed_after_it()
    {
        var kill = Run(
                [
                    MeasuredCalls.Call(0, 5000, MarketplaceFunction.GetItem),
                    MeasuredCalls.Call(900, 1700, MarketplaceFunction.MakePurchase),
                    MeasuredCalls.Call(1000, 31000, MarketplaceFunction.GetItem, Outcome.Failed),
                    MeasuredCalls.Call(0, 900, MarketplaceFunction.BuyerLogin, Outcome.Failed),
                ],
                kill: 1000,
                end: 31000
            )
            .Kill(s_leader.Affects)!;

        Assert.Equal(5000, kill.Worst, 3);
        Assert.Equal("GetItem", kill.WorstFunction);
        Assert.Equal(1, kill.Failed);
        Assert.Equal(1, kill.AtSeconds, 3);
    }

    [Fact]
    public void The_pause_of_the_products_leader_is_that_of_calls_that_need_products()
    {
        var kill = Run(
                [
                    MeasuredCalls.Call(0, 2000, MarketplaceFunction.GetItem),
                    MeasuredCalls.Call(1000, 1100, MarketplaceFunction.GetBuyerPurchases),
                    MeasuredCalls.Call(1100, 3900, MarketplaceFunction.GetBuyerPurchases),
                ],
                kill: 1000
            )
            .Kill(s_leader.Affects)!;

        Assert.Equal(1000, kill.Pause, 3);
        Assert.Equal(2800, kill.Worst, 3);
    }

    [Fact]
    public void The_timeline_shows_operations_a_second_around_the_kill()
    {
        // 40 a second until the kill, then nothing for a second, then 20 a second.
        CallSample[] samples =
        [
            .. Enumerable.Range(0, 80).Select(i => MeasuredCalls.Call(i * 25, i * 25 + 5)),
            .. Enumerable.Range(0, 40).Select(i => MeasuredCalls.Call(3000 + i * 50, 3000 + i * 50 + 5)),
        ];
        var timeline = Result(s_leader, Run(samples, kill: 2000, end: 5000)).Timeline;

        Assert.All(timeline.Where(p => p.Seconds < 0), p => Assert.Equal(40, p.OperationsPerSecond));
        Assert.All(timeline.Where(p => p.Seconds is > 0 and < 1), p => Assert.Equal(0, p.OperationsPerSecond));
        Assert.All(timeline.Where(p => p.Seconds > 1), p => Assert.Equal(20, p.OperationsPerSecond));
        Assert.InRange(timeline[0].Seconds, -2, -1.5);
        Assert.InRange(timeline[^1].Seconds, 2.5, 3);
    }

    [Fact]
    public void The_timeline_spans_the_slowest_and_the_fastest_run()
    {
        static MeasuredRun Even(double interval) =>
            Run(
                [
                    .. Enumerable
                        .Range(0, (int)(4000 / interval))
                        .Select(i => MeasuredCalls.Call(i * interval, i * interval + 1)),
                ],
                kill: 2000,
                end: 4000
            );
        var point = Result(s_leader, Even(10), Even(50)).Timeline.First(p => p.Seconds > 0);

        Assert.Equal((60, 20, 100), (point.OperationsPerSecond, point.Least, point.Most));
    }

    private static MeasuredRun Run(CallSample[] samples, double? kill = null, double? end = null) =>
        new(
            samples,
            MeasuredCalls.At(0),
            end is { } e ? MeasuredCalls.At(e) : samples.Max(s => s.End),
            kill is null ? [] : ["products/1"],
            kill is { } k ? MeasuredCalls.At(k) : null
        );

    private static ConditionResult Result(Condition condition, params MeasuredRun[] runs)
    {
        Tally tally = new(condition);
        foreach (var run in runs)
        {
            tally.Add(run, MeasuredCalls.Result(run, condition));
        }

        return tally.Result();
    }
}
