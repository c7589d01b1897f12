using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class ServicePauseTests
{
    [Fact]
    public void With_one_client_it_is_the_longest_call_after_the_kill() =>
        Assert.Equal(
            400,
            Longest(
                100,
                MeasuredCalls.Call(0, 90),
                MeasuredCalls.Call(110, 510),
                MeasuredCalls.Call(510, 520),
                MeasuredCalls.Call(530, 600)
            )
        );

    [Fact]
    public void It_begins_with_the_kill_where_a_call_was_waiting_already() =>
        Assert.Equal(300, Longest(100, MeasuredCalls.Call(50, 400)));

    [Fact]
    public void Calls_before_the_kill_do_not_count() =>
        Assert.Equal(10, Longest(1000, MeasuredCalls.Call(0, 900), MeasuredCalls.Call(1010, 1020)));

    [Fact]
    public void An_answer_to_somebody_else_ends_it() =>
        Assert.Equal(
            50,
            Longest(100, MeasuredCalls.Call(100, 210), MeasuredCalls.Call(100, 150), MeasuredCalls.Call(100, 190))
        );

    [Fact]
    public void Nobody_waits_between_calls() =>
        Assert.Equal(5, Longest(0, MeasuredCalls.Call(1, 6), MeasuredCalls.Call(1000, 1005)));

    [Fact]
    public void A_failed_call_is_no_answer() =>
        Assert.Equal(
            900,
            Longest(100, MeasuredCalls.Call(100, 600, outcome: Outcome.Failed), MeasuredCalls.Call(100, 1000))
        );

    [Fact]
    public void A_refusal_is_an_answer() =>
        Assert.Equal(
            500,
            Longest(100, MeasuredCalls.Call(100, 600, outcome: Outcome.Refused), MeasuredCalls.Call(100, 1000))
        );

    [Fact]
    public void Without_calls_there_is_none() => Assert.Equal(0, Longest(0));

    private static double Longest(double kill, params CallSample[] samples) =>
        Math.Round(ServicePause.Longest(samples, MeasuredCalls.At(kill)).TotalMilliseconds, 3);
}
