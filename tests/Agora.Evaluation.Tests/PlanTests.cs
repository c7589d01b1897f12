using CsCheck;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class PlanTests
{
    private static readonly Gen<(bool Seller, long Seed, int Run, int Client, int Calls)> s_plans =
        Gen.Select(Gen.Bool, Gen.Long, Gen.Int[0, 9], Gen.Int[0, 99], Gen.Int[Plan.Fewest, 1200]);

    [Fact]
    public void The_same_seed_gives_the_same_calls() => s_plans.Sample(
        p => Plan.Of(p.Seller, p.Seed, p.Run, p.Client, p.Calls).SequenceEqual(Plan.Of(p.Seller, p.Seed, p.Run, p.Client, p.Calls)), iter: 50);

    [Fact]
    public void Another_seed_run_or_client_gives_other_calls()
    {
        Step[][] plans = [.. new[] { (1L, 0, 0), (2L, 0, 0), (1L, 1, 0), (1L, 0, 1) }.Select(p => Plan.Of(seller: false, p.Item1, p.Item2, p.Item3, 200))];

        Assert.Equal(4, plans.Select(plan => string.Join(' ', plan.Select(s => s.Function))).Distinct().Count());
        Assert.Equal(800, plans.SelectMany(plan => plan).Select(s => s.Dice).Distinct().Count());
    }

    // The calls that evaluations with this seed have always made: two reports are comparable only as long as this holds.
    [Fact]
    public void A_seed_keeps_its_calls_over_versions()
    {
        var plan = Plan.Of(seller: false, 1, 0, 0, 1000);

        Assert.Equal(0xE220A8397B1DCDAFUL, new Dice(0UL).Next());
        Assert.Equal(
            "GetItem GetItem AddItemToCart MakePurchase SearchItemsForSale",
            string.Join(' ', plan[16..21].Select(s => s.Function)));
    }

    [Fact]
    public void The_shortest_plan_uses_every_function_of_its_role()
    {
        foreach (var seller in new[] { true, false })
        {
            var used = Plan.Of(seller, 7, 0, 0, Plan.Fewest).Select(s => s.Function).Distinct();

            Assert.Equal(Functions.All.Where(f => f.IsSellers() == seller), used.Order());
        }
    }

    [Fact]
    public void Calls_come_in_visits_from_login_to_logout() => s_plans.Sample(p =>
    {
        Function[] calls = [.. Plan.Of(p.Seller, p.Seed, p.Run, p.Client, p.Calls).Select(s => s.Function)];
        var (login, logout, create) = p.Seller
            ? (Function.SellerLogin, Function.SellerLogout, Function.SellerCreateAccount)
            : (Function.BuyerLogin, Function.BuyerLogout, Function.BuyerCreateAccount);
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
    }, iter: 50);

    [Fact]
    public void Nothing_is_planned_that_could_not_succeed() => s_plans.Where(p => !p.Seller).Sample(p =>
    {
        int lines = 0, purchases = 0, votes = 0;
        foreach (var (function, _) in Plan.Of(seller: false, p.Seed, p.Run, p.Client, p.Calls))
        {
            switch (function)
            {
                case Function.AddItemToCart:
                    lines++;
                    break;
                case Function.RemoveItemFromCart:
                    Assert.True(lines-- > 0);
                    break;
                case Function.ClearCart:
                case Function.BuyerLogin:
                    lines = 0;
                    break;
                case Function.MakePurchase:
                    Assert.True(lines > 0);
                    lines = 0;
                    purchases++;
                    break;
                case Function.ProvideFeedback:
                    Assert.True(purchases > ++votes);
                    break;
            }
        }
    }, iter: 50);

    [Fact]
    public void A_thousand_calls_hold_the_stated_mix()
    {
        var counts = Enumerable.Range(0, 100).SelectMany(client => Plan.Of(seller: false, 1, 0, client, 1000))
            .CountBy(step => step.Function).ToDictionary(f => f.Key, f => f.Value / 100.0);

        Assert.Equal(1, counts[Function.BuyerCreateAccount]);
        Assert.Equal(4, counts[Function.BuyerLogin]);
        Assert.Equal(4, counts[Function.BuyerLogout]);
        Assert.InRange(counts[Function.SearchItemsForSale], 240, 290);
        Assert.InRange(counts[Function.MakePurchase], 50, 90);
        Assert.InRange(counts[Function.ProvideFeedback], 35, 60);
    }

    [Fact]
    public void A_wholesaler_registers_as_much_as_asked() =>
        Assert.Equal(40, Plan.OfWholesaler(1, 0, 40).Count(s => s.Function == Function.RegisterItemForSale));
}
