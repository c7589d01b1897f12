using Agora.Cluster;
using CsCheck;
using Xunit;

namespace Agora.Chaos.Tests;

public sealed class FaultPlanTests
{
    private static readonly ReplicaCounts s_counts = ReplicaCounts.Of(ClusterFile.Default);
    private static readonly Gen<(int Seed, int Round, int Seconds)> s_plans = Gen.Select(
        Gen.Int,
        Gen.Int[0, 100],
        Gen.Int[15, 300]
    );

    private static IReadOnlyList<Fault> Plan((int Seed, int Round, int Seconds) of, bool beyond = false) =>
        FaultPlan.Of(of.Seed, of.Round, TimeSpan.FromSeconds(of.Seconds), beyond, s_counts);

    [Fact]
    public void The_same_seed_means_the_same_faults() =>
        s_plans.Sample(
            plan => Assert.Equal(Plan(plan).Select(f => $"{f.At} {f}"), Plan(plan).Select(f => $"{f.At} {f}")),
            iter: 100
        );

    [Fact]
    public void Another_seed_or_round_means_other_faults()
    {
        string Text(int seed, int round, bool beyond) =>
            string.Join('\n', Plan((seed, round, 300), beyond).Select(f => $"{f.At} {f}"));
        Assert.Equal(
            4,
            new[] { Text(1, 0, false), Text(2, 0, false), Text(1, 1, false), Text(1, 0, true) }.Distinct().Count()
        );
    }

    // spec: at most two products replicas, one customers replica, not all servers of a kind. Nothing else is bad while
    // all processes are killed at once.
    [Fact]
    public void Within_the_promises_no_more_is_bad_at_any_moment_than_they_allow() =>
        s_plans.Sample(
            of =>
            {
                var plan = Plan(of);
                foreach (var moment in plan.Select(f => f.At))
                {
                    Fault[] bad =
                    [
                        .. plan.Where(f =>
                            f.Kind != ChaosFaultKind.BadNetwork && f.At <= moment && moment <= f.BadUntil
                        ),
                    ];
                    int Bad(string component) =>
                        bad.SelectMany(f => f.Targets)
                            .Distinct()
                            .Count(t => t.StartsWith(component + "/", StringComparison.Ordinal));
                    Assert.InRange(Bad(Components.Products), 0, 2);
                    Assert.InRange(Bad(Components.Customers), 0, 1);
                    Assert.InRange(Bad(Components.SellerServer), 0, 3);
                    Assert.InRange(Bad(Components.BuyerServer), 0, 3);
                    Assert.True(bad.Length == 1 || !bad.Any(f => f.HitsEverything));
                }
            },
            iter: 5000
        );

    [Fact]
    public void Within_the_promises_customers_are_not_away_for_long_and_the_network_loses_5_percent_at_most() =>
        s_plans.Sample(
            of =>
            {
                Assert.All(
                    Plan(of)
                        .Where(f =>
                            f.Kind is not (ChaosFaultKind.BadNetwork or ChaosFaultKind.OlderCopy)
                            && f.Targets.Any(t => t.StartsWith(Components.Customers, StringComparison.Ordinal))
                        ),
                    f => Assert.True(f.Length <= FaultPlan.MaxCustomersFault)
                );
                Assert.All(
                    Plan(of).Where(f => f.Kind == ChaosFaultKind.BadNetwork),
                    f => Assert.InRange(f.Network!.Loss, 0, 0.05)
                );
            },
            iter: 2000
        );

    [Fact]
    public void Every_fault_ends_within_its_round_and_the_lab_accepts_its_network() =>
        Gen.Select(s_plans, Gen.Bool)
            .Sample(
                (of, beyond) =>
                    Assert.All(
                        Plan(of, beyond),
                        f =>
                        {
                            Assert.True(f.End <= TimeSpan.FromSeconds(of.Seconds));
                            Assert.Null(f.Network?.Problem());
                        }
                    ),
                iter: 2000
            );

    [Fact]
    public void No_process_is_hit_twice_at_the_same_time_and_the_network_is_bad_in_one_way_at_a_time() =>
        Gen.Select(s_plans, Gen.Bool)
            .Sample(
                (of, beyond) =>
                {
                    var plan = Plan(of, beyond);
                    for (var i = 0; i < plan.Count; i++)
                    {
                        foreach (var later in plan.Skip(i + 1).TakeWhile(f => f.At <= plan[i].BadUntil))
                        {
                            Assert.False(
                                plan[i].Kind == ChaosFaultKind.BadNetwork && later.Kind == ChaosFaultKind.BadNetwork
                            );
                            Assert.True(
                                plan[i].Kind == ChaosFaultKind.BadNetwork
                                    || later.Kind == ChaosFaultKind.BadNetwork
                                    || !plan[i].Targets.Intersect(later.Targets).Any()
                            );
                        }
                    }
                },
                iter: 2000
            );

    [Fact]
    public void Within_the_promises_two_minutes_or_more_have_every_kind_of_fault() =>
        Gen.Select(Gen.Int, Gen.Int[0, 100], Gen.Int[120, 300])
            .Sample(of => Assert.Empty(FaultPlan.MissingKinds(Plan(of), s_counts)), iter: 2000);

    [Fact]
    public void Two_minutes_have_every_kind_of_fault_also_where_servers_and_products_have_no_spare() =>
        Gen.Int.Sample(
            seed =>
                Assert.Empty(
                    FaultPlan.MissingKinds(
                        FaultPlan.Of(seed, 0, FaultPlan.MinCompleteLength, beyond: false, new(1, 1, 1, 1)),
                        new(1, 1, 1, 1)
                    )
                ),
            iter: 300
        );

    [Fact]
    public void A_kind_of_fault_that_a_plan_does_not_have_is_named() =>
        Assert.Equal(
            [ChaosFaultKind.Freeze],
            FaultPlan.MissingKinds([.. Plan((1, 0, 120)).Where(f => f.Kind != ChaosFaultKind.Freeze)], s_counts)
        );

    [Fact]
    public void A_wrong_clock_is_one_replicas_of_a_database_and_wrong_by_more_than_its_bound()
    {
        var clocks = Enumerable
            .Range(0, 20)
            .SelectMany(seed => Plan((seed, 0, 300)))
            .Where(f => f.Kind == ChaosFaultKind.Clock)
            .ToList();
        Assert.All(
            clocks,
            f =>
            {
                Assert.Contains(
                    Fault.ComponentOf(Assert.Single(f.Targets)),
                    new[] { Components.Customers, Components.Products }
                );
                Assert.InRange(Math.Abs(f.Ahead.TotalSeconds), 60, 7200);
            }
        );
        Assert.Contains(clocks, f => f.Ahead < TimeSpan.Zero && f.Targets[0] == Fault.Leader);
        Assert.Contains(
            clocks,
            f => f.Ahead > TimeSpan.Zero && Fault.ComponentOf(f.Targets[0]) == Components.Customers
        );
    }

    [Fact]
    public void One_disk_of_a_database_at_a_time_is_another_than_it_was() =>
        Gen.Select(s_plans, Gen.Bool)
            .Sample(
                (of, beyond) =>
                {
                    var disks = Plan(of, beyond).Where(f => f.Kind.IsOfDisk()).ToList();
                    foreach (var fault in disks)
                    {
                        var database = Fault.ComponentOf(Assert.Single(fault.Targets));
                        Assert.Contains(database, new[] { Components.Customers, Components.Products });
                        Assert.DoesNotContain(
                            disks,
                            other =>
                                other != fault
                                && Fault.ComponentOf(other.Targets[0]) == database
                                && other.At <= fault.BadUntil
                                && fault.At <= other.BadUntil
                        );
                    }
                },
                iter: 2000
            );

    [Fact]
    public void A_database_that_could_not_give_back_what_a_replica_lost_keeps_its_disks() =>
        s_plans.Sample(
            of =>
                Assert.DoesNotContain(
                    FaultPlan.Of(of.Seed, of.Round, TimeSpan.FromSeconds(of.Seconds), beyond: false, new(4, 4, 2, 2)),
                    f => f.Kind.IsOfDisk()
                ),
            iter: 300
        );

    [Fact]
    public void Only_the_kinds_that_are_asked_for_are_planned_and_each_of_them_is()
    {
        var kinds = new ChaosOptions { Faults = ["disk", "freeze"] }.Kinds!;
        Gen.Int.Sample(
            seed =>
                Assert.Equal(
                    kinds.Order(),
                    FaultPlan
                        .Of(seed, 0, FaultPlan.MinCompleteLength, beyond: false, s_counts, kinds)
                        .Select(f => f.Kind)
                        .Distinct()
                        .Order()
                ),
            iter: 300
        );
        Assert.Contains(
            "no faults called 'disc'",
            Assert.Single(new ChaosOptions { Faults = ["disk", "disc"] }.Problems()),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Some_seeds_together_have_every_fault_that_the_marketplace_promises_to_survive()
    {
        var faults = Enumerable.Range(0, 20).SelectMany(seed => Plan((seed, 0, 300))).ToList();
        Assert.Contains(faults, f => f.Targets.Contains(Fault.Leader) && f.Targets.Count == 2);
        Assert.Contains(faults, f => f.Targets is ["payments/0"] && f.Length > ChaosClient.AnswerTimeout);
        Assert.All(
            new[] { Components.Products, Components.Customers, Components.SellerServer, Components.BuyerServer },
            component =>
                Assert.Contains(faults, f => f.Targets.Any(t => t.StartsWith(component, StringComparison.Ordinal)))
        );
    }

    [Fact]
    public void Beyond_the_promises_majorities_are_lost()
    {
        var faults = Enumerable.Range(0, 20).SelectMany(seed => Plan((seed, 0, 300), beyond: true)).ToList();
        Assert.Contains(
            faults,
            f => f.Targets.Count(t => t.StartsWith(Components.Products, StringComparison.Ordinal)) >= 3
        );
        Assert.Contains(
            faults,
            f => f.Targets.Count(t => t.StartsWith(Components.Customers, StringComparison.Ordinal)) >= 3
        );
        Assert.Contains(
            faults,
            f => f.Targets.Count(t => t.StartsWith(Components.BuyerServer, StringComparison.Ordinal)) == 4
        );
    }
}
