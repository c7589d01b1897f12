using Agora.Cluster;
using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>What only several pictures together show.</summary>
public sealed class HistoryTests
{
    private static readonly DateTime s_start = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    [Fact]
    public void Numbers_a_second_are_counted_over_the_last_seconds()
    {
        History history = new();
        for (var second = 0; second <= 20; second++)
        {
            // 10 a second at first, then 100.
            var known = second <= 10 ? 10 * second : 100 + (100 * (second - 10));
            history.Add(s_start.AddSeconds(second), Status(second, p => Known(p, known)));
        }

        Assert.Equal(100, history.NumbersPerSecond()[Components.Customers], tolerance: 0.1);
    }

    [Fact]
    public void Loss_is_what_one_has_sent_and_the_other_has_not_received()
    {
        History history = new();
        history.Add(s_start, Status(0, p => p));
        history.Add(
            s_start.AddSeconds(10),
            Status(
                10,
                p =>
                    p.Name == "customers/0" ? Peer(p, 3, l => l with { Sent = l.Sent + 100 })
                    : p.Name == "customers/3" ? Peer(p, 0, l => l with { Received = l.Received + 95 })
                    : p
            )
        );

        var loss = Assert.Single(history.Losses());
        Assert.Equal(("customers/0", "customers/3"), loss.Key);
        Assert.Equal(0.05, loss.Value, tolerance: 0.0001);
    }

    [Fact]
    public void A_process_that_has_restarted_meanwhile_says_nothing_of_loss()
    {
        History history = new();
        history.Add(s_start, Status(0, p => p));
        history.Add(
            s_start.AddSeconds(10),
            Status(
                10,
                p =>
                    p.Name == "customers/0" ? Peer(p, 3, l => l with { Sent = l.Sent + 100 })
                    : p.Name == "customers/3" ? p with { StartedAt = s_start.AddSeconds(5) }
                    : p
            )
        );

        Assert.Empty(history.Losses());
    }

    [Fact]
    public void Answers_are_the_difference_of_two_counts_and_begin_anew_with_a_restart()
    {
        History history = new();
        history.Add(s_start, Status(0, Counting(10, 2, 0)));
        history.Add(s_start.AddSeconds(2), Status(2, Counting(16, 4, 1)));
        history.Add(s_start.AddSeconds(4), Status(4, Counting(3, 0, 0)));

        Assert.Equal(2, history.Samples.Count);
        var first = history.Samples[0].Answers[("buyer-server/0", "Login")];
        Assert.Equal((9, 1), (first.Count, first.Failed));
        Assert.Equal([6, 2, 1], first.Buckets);
        Assert.Equal(3, history.Samples[1].Answers[("buyer-server/0", "Login")].Count);
    }

    [Fact]
    public void After_a_pause_in_which_nobody_looked_the_chart_begins_anew()
    {
        History history = new();
        history.Add(s_start, Status(0, Counting(10, 0, 0)));
        history.Add(s_start.AddSeconds(2), Status(2, Counting(20, 0, 0)));
        history.Add(s_start.AddSeconds(60), Status(60, Counting(900, 0, 0)));

        Assert.Empty(history.Samples);
    }

    [Fact]
    public void As_many_stretches_are_kept_as_the_chart_has_room_for()
    {
        History history = new();
        for (var i = 0; i < 3 * History.MaxSamples; i++)
        {
            history.Add(s_start.AddSeconds(2 * i), Status(2 * i, Counting(10 * i, 0, 0)));
        }

        Assert.Equal(History.MaxSamples, history.Samples.Count);
    }

    [Theory]
    [InlineData(0.5, 1.5)]
    [InlineData(0.99, 9.8)]
    [InlineData(1, 10)]
    public void A_quantile_is_its_place_within_its_bucket(double share, double expected)
    {
        // 40 below 1, 20 more up to 2, 40 more up to 10.
        FunctionAnswers answers = new(100, 0, [1, 2, 10], [40, 20, 40, 0]);

        Assert.Equal(expected, answers.Quantile(share)!.Value, tolerance: 0.01);
        Assert.Null(new FunctionAnswers(0, 0, [1, 2, 10], [0, 0, 0, 0]).Quantile(share));
    }

    [Fact]
    public void A_function_of_all_servers_is_the_sum_of_each()
    {
        var samples = Pictures.Well(s_start).Samples;

        var all = FunctionView.All(samples, Components.BuyerServer, null);
        var one = FunctionView.All(samples, Components.BuyerServer, "buyer-server/1");

        Assert.Equal(["SearchItemsForSale", "MakePurchase"], all.Select(f => f.Name));
        Assert.Equal(["SearchItemsForSale"], one.Select(f => f.Name));
        Assert.Equal(14 * 40, one[0].Count);
        Assert.Equal(7, one[0].Rate, tolerance: 0.001);
        Assert.True(all[0].Count > one[0].Count);
        Assert.Equal(40, all[1].Slowest.Count);
    }

    [Fact]
    public void A_chart_ends_at_its_right_edge_and_has_gaps_where_there_was_nothing()
    {
        Assert.Equal("M80 10L100 0", SparklineShape.Line([1, 2], 2, 6, 100, 20));
        Assert.Equal("M60 0h-20M100 20h-20", SparklineShape.Line([5, null, 0], 5, 6, 100, 20));
        Assert.Equal("", SparklineShape.Line([], 5, 6, 100, 20));
        Assert.DoesNotContain("-", SparklineShape.Line([.. Enumerable.Repeat((double?)1, 90)], 5, 60, 100, 20));
    }

    private static ClusterStatus Status(int second, Func<ProcessStatus, ProcessStatus> change) =>
        new(
            true,
            [
                .. Pictures
                    .Well(s_start)
                    .Status.Processes.Select(p => change(p with { AnsweredAt = s_start.AddSeconds(second) })),
            ]
        );

    private static ProcessStatus Known(ProcessStatus process, long known) =>
        process.Database is { } database ? process with { Database = database with { Known = known } } : process;

    private static ProcessStatus Peer(ProcessStatus process, int replica, Func<PeerLink, PeerLink> change) =>
        process with
        {
            Database = process.Database! with
            {
                Peers = [.. process.Database.Peers.Select(l => l.Replica == replica ? change(l) : l)],
            },
        };

    private static Func<ProcessStatus, ProcessStatus> Counting(long fast, long slow, long failed) =>
        p =>
            p.Name == "buyer-server/0"
                ? p with
                {
                    Functions = [new("Login", fast + slow + failed, failed, [0.1, 1], [fast, slow, failed])],
                }
                : p;
}
