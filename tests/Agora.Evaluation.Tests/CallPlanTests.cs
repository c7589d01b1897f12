using Agora.Lab;
using CsCheck;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class CallPlanTests
{
    private static readonly Gen<(bool Seller, long Seed, int Run, int Client, int Calls)> s_plans = Gen.Select(
        Gen.Bool,
        Gen.Long,
        Gen.Int[0, 9],
        Gen.Int[0, 99],
        Gen.Int[CallPlan.MinCalls, 1200]
    );

    [Fact]
    public void The_same_seed_gives_the_same_calls() =>
        s_plans.Sample(
            p =>
                CallPlan
                    .Of(p.Seller, p.Seed, p.Run, p.Client, p.Calls)
                    .SequenceEqual(CallPlan.Of(p.Seller, p.Seed, p.Run, p.Client, p.Calls)),
            iter: 50
        );

    [Fact]
    public void Another_seed_run_or_client_gives_other_calls()
    {
        PlannedCall[][] plans =
        [
            .. new[] { (1L, 0, 0), (2L, 0, 0), (1L, 1, 0), (1L, 0, 1) }.Select(p =>
                CallPlan.Of(seller: false, p.Item1, p.Item2, p.Item3, 200)
            ),
        ];

        Assert.Equal(4, plans.Select(plan => string.Join(' ', plan.Select(s => s.Function))).Distinct().Count());
        Assert.Equal(800, plans.SelectMany(plan => plan).Select(s => s.Seed).Distinct().Count());
    }

    // The calls that evaluations with this seed have always made: two reports are comparable only as long as this
    // holds.
    [Fact]
    public void A_seed_keeps_its_calls_over_versions()
    {
        var plan = CallPlan.Of(seller: false, 1, 0, 0, 1000);

        Assert.Equal(0xE220A8397B1DCDAFUL, new SeededRandom(0UL).Next());
        Assert.Equal(
            "GetItem GetItem AddItemToCart MakePurchase SearchItemsForSale",
            string.Join(' ', plan[16..21].Select(s => s.Function))
        );
    }

    [Fact]
    public void The_shortest_plan_uses_every_function_of_its_role()
    {
        foreach (var seller in new[] { true, false })
        {
            var used = CallPlan.Of(seller, 7, 0, 0, CallPlan.MinCalls).Select(s => s.Function).Distinct();

            Assert.Equal(MarketplaceFunctions.All.Where(f => f.IsSellers() == seller), used.Order());
        }
    }

    [Fact]
    public void Calls_come_in_visits_from_login_to_logout() =>
        s_plans.Sample(
            p =>
            {
                MarketplaceFunction[] calls =
                [
                    .. CallPlan.Of(p.Seller, p.Seed, p.Run, p.Client, p.Calls).Select(s => s.Function),
                ];
                var (login, logout, create) = p.Seller
                    ? (
                        MarketplaceFunction.SellerLogin,
                        MarketplaceFunction.SellerLogout,
                        MarketplaceFunction.SellerCreateAccount
                    )
                    : (
                        MarketplaceFunction.BuyerLogin,
                        MarketplaceFunction.BuyerLogout,
                        MarketplaceFunction.BuyerCreateAccount
                    );
                var loggedIn = false;
                foreach (var function in calls[1..])
                {
                    Assert.Equal(function != login, loggedIn);
                    Assert.NotEqual(create, function);
                    loggedIn = function != logout;
                }

                Assert.Equal(create, calls[0]);
                Assert.False(loggedIn);
                Assert.Equal(p.Calls, calls.Length);
            },
            iter: 50
        );

    [Fact]
    public void Nothing_is_planned_that_could_not_succeed() =>
        s_plans
            .Where(p => !p.Seller)
            .Sample(
                p =>
                {
                    int lines = 0,
                        purchases = 0,
                        votes = 0;
                    foreach (var (function, _) in CallPlan.Of(seller: false, p.Seed, p.Run, p.Client, p.Calls))
                    {
                        switch (function)
                        {
                            case MarketplaceFunction.AddItemToCart:
                                lines++;
                                break;
                            case MarketplaceFunction.RemoveItemFromCart:
                                Assert.True(lines-- > 0);
                                break;
                            case MarketplaceFunction.ClearCart:
                            case MarketplaceFunction.BuyerLogin:
                                lines = 0;
                                break;
                            case MarketplaceFunction.MakePurchase:
                                Assert.True(lines > 0);
                                lines = 0;
                                purchases++;
                                break;
                            case MarketplaceFunction.ProvideFeedback:
                                Assert.True(purchases > ++votes);
                                break;
                        }
                    }
                },
                iter: 50
            );

    [Fact]
    public void A_thousand_calls_hold_the_stated_mix()
    {
        var counts = Enumerable
            .Range(0, 100)
            .SelectMany(client => CallPlan.Of(seller: false, 1, 0, client, 1000))
            .CountBy(step => step.Function)
            .ToDictionary(f => f.Key, f => f.Value / 100.0);

        Assert.Equal(1, counts[MarketplaceFunction.BuyerCreateAccount]);
        Assert.Equal(4, counts[MarketplaceFunction.BuyerLogin]);
        Assert.Equal(4, counts[MarketplaceFunction.BuyerLogout]);
        Assert.InRange(counts[MarketplaceFunction.SearchItemsForSale], 240, 290);
        Assert.InRange(counts[MarketplaceFunction.MakePurchase], 50, 90);
        Assert.InRange(counts[MarketplaceFunction.ProvideFeedback], 35, 60);
    }

    [Fact]
    public void A_wholesaler_registers_as_much_as_asked() =>
        Assert.Equal(
            40,
            CallPlan.OfWholesaler(1, 0, 40).Count(s => s.Function == MarketplaceFunction.RegisterItemForSale)
        );
}
