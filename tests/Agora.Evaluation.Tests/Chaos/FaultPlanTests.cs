using Agora.Contracts.Cluster;
using Agora.Evaluation.Chaos;
using CsCheck;
using Xunit;

namespace Agora.Evaluation.Tests.Chaos;

public sealed class FaultPlanTests
{
    private static readonly Cast s_cast = Cast.Of(ClusterFile.Default);
    private static readonly Gen<(int Seed, int Round, int Seconds)> s_plans = Gen.Select(Gen.Int, Gen.Int[0, 100], Gen.Int[15, 300]);

    private static IReadOnlyList<Fault> Plan((int Seed, int Round, int Seconds) of, bool beyond = false) =>
        FaultPlan.Of(of.Seed, of.Round, TimeSpan.FromSeconds(of.Seconds), beyond, s_cast);

    [Fact]
    public void The_same_seed_means_the_same_faults() => s_plans.Sample(
        plan => Assert.Equal(Plan(plan).Select(f => $"{f.At} {f}"), Plan(plan).Select(f => $"{f.At} {f}")), iter: 100);

    [Fact]
    public void Another_seed_or_round_means_other_faults()
    {
        string Text(int seed, int round, bool beyond) => string.Join('\n', Plan((seed, round, 300), beyond).Select(f => $"{f.At} {f}"));
        Assert.Equal(4, new[] { Text(1, 0, false), Text(2, 0, false), Text(1, 1, false), Text(1, 0, true) }.Distinct().Count());
    }

    // spec: at most two products replicas, one customers replica, not all servers of a kind; all processes at once only by themselves.
    [Fact]
    public void Within_the_promises_no_more_is_bad_at_any_moment_than_they_allow() => s_plans.Sample(of =>
    {
        var plan = Plan(of);
        foreach (var moment in plan.Select(f => f.At))
        {
            Fault[] bad = [.. plan.Where(f => f.Kind != FaultKind.Weather && f.At <= moment && moment <= f.BadUntil)];
            int Bad(string component) => bad.SelectMany(f => f.Targets).Distinct().Count(t => t.StartsWith(component + "/", StringComparison.Ordinal));
            Assert.InRange(Bad(Components.Products), 0, 2);
            Assert.InRange(Bad(Components.Customers), 0, 1);
            Assert.InRange(Bad(Components.SellerServer), 0, 3);
            Assert.InRange(Bad(Components.BuyerServer), 0, 3);
            Assert.True(bad.Length == 1 || !bad.Any(f => f.IsEverything));
        }
    }, iter: 5000);

    [Fact]
    public void Within_the_promises_a_customers_replica_is_never_away_for_long_and_the_network_never_loses_more_than_5_percent() => s_plans.Sample(of =>
    {
        Assert.All(Plan(of).Where(f => f.Kind != FaultKind.Weather && f.Targets.Any(t => t.StartsWith(Components.Customers, StringComparison.Ordinal))),
            f => Assert.True(f.Length <= FaultPlan.LongestPauseOfCustomers));
        Assert.All(Plan(of).Where(f => f.Kind == FaultKind.Weather), f => Assert.InRange(f.Weather!.Loss, 0, 0.05));
    }, iter: 2000);

    [Fact]
    public void Every_fault_ends_within_its_round_and_the_lab_accepts_its_weather() =>
        Gen.Select(s_plans, Gen.Bool).Sample((of, beyond) => Assert.All(Plan(of, beyond), f =>
        {
            Assert.True(f.End <= TimeSpan.FromSeconds(of.Seconds));
            Assert.Null(f.Weather?.Problem());
        }), iter: 2000);

    [Fact]
    public void No_process_is_hit_twice_at_the_same_time_and_one_weather_at_a_time() => Gen.Select(s_plans, Gen.Bool).Sample((of, beyond) =>
    {
        var plan = Plan(of, beyond);
        for (var i = 0; i < plan.Count; i++)
        {
            foreach (var later in plan.Skip(i + 1).TakeWhile(f => f.At <= plan[i].BadUntil))
            {
                Assert.False(plan[i].Kind == FaultKind.Weather && later.Kind == FaultKind.Weather);
                Assert.True(plan[i].Kind == FaultKind.Weather || later.Kind == FaultKind.Weather || !plan[i].Targets.Intersect(later.Targets).Any());
            }
        }
    }, iter: 2000);

    [Fact]
    public void Some_seed_or_other_does_everything_that_is_promised_to_be_borne()
    {
        var faults = Enumerable.Range(0, 20).SelectMany(seed => Plan((seed, 0, 300))).ToList();
        Assert.Equal(Enum.GetValues<FaultKind>(), faults.Select(f => f.Kind).Distinct().Order());
        Assert.Contains(faults, f => f.IsEverything);
        Assert.Contains(faults, f => f.Targets.Contains(Fault.Leader) && f.Targets.Count == 2);
        Assert.Contains(faults, f => f.Targets is ["payments/0"] && f.Length > ChaosClient.Patience);
        Assert.All(new[] { Components.Products, Components.Customers, Components.SellerServer, Components.BuyerServer },
            component => Assert.Contains(faults, f => f.Targets.Any(t => t.StartsWith(component, StringComparison.Ordinal))));
    }

    [Fact]
    public void Beyond_the_promises_majorities_are_lost()
    {
        var faults = Enumerable.Range(0, 20).SelectMany(seed => Plan((seed, 0, 300), beyond: true)).ToList();
        Assert.Contains(faults, f => f.Targets.Count(t => t.StartsWith(Components.Products, StringComparison.Ordinal)) >= 3);
        Assert.Contains(faults, f => f.Targets.Count(t => t.StartsWith(Components.Customers, StringComparison.Ordinal)) >= 3);
        Assert.Contains(faults, f => f.Targets.Count(t => t.StartsWith(Components.BuyerServer, StringComparison.Ordinal)) == 4);
    }
}
