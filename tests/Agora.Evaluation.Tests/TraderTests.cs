using System.Diagnostics;
using Agora.Client;
using Agora.Cluster;
using Agora.Lab;
using Agora.Rest;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class TraderTests
{
    private static readonly CancellationToken s_cancel = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_that_is_late_by_the_rate_counts_from_when_it_was_due()
    {
        // The rate asks for a call each second, the first of them ten seconds ago: a user who came then has waited
        // since.
        var start = Stopwatch.GetTimestamp() - 10 * Stopwatch.Frequency;
        using ScriptedTrader trader = new(Enumerable.Repeat<AgoraException?>(null, 5));

        await trader.RunAsync(new(start, Stopwatch.Frequency), s_cancel);

        Assert.Equal(
            Enumerable.Range(0, 5).Select(i => start + i * Stopwatch.Frequency),
            trader.Samples.ToArray().Select(s => s.Start)
        );
    }

    [Fact]
    public async Task Without_a_rate_a_call_begins_when_the_one_before_has_ended()
    {
        using ScriptedTrader trader = new(Enumerable.Repeat<AgoraException?>(null, 5));

        await trader.RunAsync(new(Stopwatch.GetTimestamp(), 0), s_cancel);

        var samples = trader.Samples.ToArray();
        Assert.All(samples.Zip(samples.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
    }

    [Fact]
    public async Task A_call_is_never_begun_before_it_is_due()
    {
        using ScriptedTrader trader = new(Enumerable.Repeat<AgoraException?>(null, 5));
        var start = Stopwatch.GetTimestamp();

        await trader.RunAsync(new(start, Stopwatch.Frequency / 200), s_cancel);

        Assert.All(
            trader.Samples.ToArray().Select((sample, i) => (sample, i)),
            s => Assert.True(s.sample.Start >= start + s.i * Stopwatch.Frequency / 200)
        );
    }

    [Fact]
    public async Task Right_refusals_are_counted_apart_from_failures()
    {
        using ScriptedTrader trader = new([
            null,
            new(ErrorCodes.PaymentDeclined, "declined", 402),
            new(ErrorCodes.Unavailable, "gone", 503),
            new(ErrorCodes.NotLoggedIn, "who?", 401),
            new(ErrorCodes.PurchaseAbandoned, "given up", 409),
        ]);

        await trader.RunAsync(new(Stopwatch.GetTimestamp(), 0), s_cancel);

        Assert.Equal(
            [Outcome.Success, Outcome.Refused, Outcome.Failed, Outcome.Failed, Outcome.Failed],
            trader.Samples.ToArray().Select(s => s.Outcome)
        );
        Assert.Equal(
            [ErrorCodes.Unavailable, ErrorCodes.NotLoggedIn, ErrorCodes.PurchaseAbandoned],
            trader.Failures.Select(f => f.Code)
        );
    }

    [Fact]
    public void Clients_spread_over_the_servers_and_in_each_run_begin_with_another()
    {
        int[] Ports(int run)
        {
            using Load load = new(ClusterFile.Default, new(5, 2), new("t", 0), 1, run, CallPlan.MinCalls, null);
            return [.. load.Sellers.Cast<Trader>().Concat(load.Buyers).Select(c => c.Server.Port)];
        }

        Assert.Equal([8110, 8111, 8112, 8113, 8110, 8120, 8121], Ports(0));
        Assert.Equal([8112, 8113, 8110, 8111, 8112, 8122, 8123], Ports(2));
    }

    [Fact]
    public async Task Condition_2_kills_the_servers_in_use()
    {
        using Load load = new(ClusterFile.Default, new(1, 1), new("t", 0), 1, 6, CallPlan.MinCalls, null);
        using Databases databases = new(ClusterFile.Default, identity: null);

        var victims = await Condition
            .All.Single(c => c.Number == 2)
            .Victims!(new(load, databases, ClusterFile.Default, 6), s_cancel);

        Assert.Equal(["seller-server/2", "buyer-server/2"], victims);
    }

    [Fact]
    public async Task Condition_5_kills_another_customers_replica_each_run()
    {
        using Load load = new(ClusterFile.Default, new(1, 1), new("t", 0), 1, 0, CallPlan.MinCalls, null);
        using Databases databases = new(ClusterFile.Default, identity: null);
        List<string> victims = [];
        for (var run = 0; run < 6; run++)
        {
            victims.AddRange(
                await Condition
                    .All.Single(c => c.Number == 5)
                    .Victims!(new(load, databases, ClusterFile.Default, run), s_cancel)
            );
        }

        Assert.Equal(
            ["customers/0", "customers/1", "customers/2", "customers/3", "customers/4", "customers/0"],
            victims
        );
    }

    /// <summary>Every call ends at once, with the next of some outcomes.</summary>
    private sealed class ScriptedTrader(IEnumerable<AgoraException?> outcomes)
        : Trader([.. outcomes.Select(_ => new PlannedCall(MarketplaceFunction.MakePurchase, 0))])
    {
        private readonly Queue<AgoraException?> _outcomes = new(outcomes);

        protected override MarketplaceClient Client { get; } = new BuyerClient([new Uri("http://127.0.0.1:1")]);

        protected override ClientAnswers AllAnswers { get; } = new BuyerAnswers("bea");

        protected override Task CallAsync(
            MarketplaceFunction function,
            SeededRandom random,
            CancellationToken cancellationToken
        ) => _outcomes.Dequeue() is { } refusal ? Task.FromException(refusal) : Task.CompletedTask;

        protected override Task AskAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
