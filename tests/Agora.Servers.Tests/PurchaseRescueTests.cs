using System.Net;
using Agora.Contracts.Payments;
using Agora.Rest;
using CsCheck;

namespace Agora.Servers.Tests;

/// <summary>
/// Servers that die between two steps, servers and rescuers that go on for them, and those that are only slow.
/// </summary>
[Collection(PurchaseGroup.Name)]
public sealed class PurchaseRescueTests(BreakableMarketplace marketplace) : PurchaseScenario(marketplace)
{
    public static TheoryData<string, bool, bool> CrashPoints()
    {
        var data = new TheoryData<string, bool, bool>();
        foreach (var declined in new[] { false, true })
        {
            foreach (var step in declined ? StepsOfDecline : Steps)
            {
                data.Add(step, false, declined);
                data.Add(step, true, declined);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(CrashPoints))]
    public async Task A_server_that_dies_before_or_after_any_step_is_rescued(string step, bool afterIt, bool declined)
    {
        await DieAtAsync(step, afterIt, declined);
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertSettledAsync();

        // Whatever the outcome is, a repeat gets it.
        var bought = Marketplace.Payments[TransactionOf("k")] == TransactionState.Approved;
        var expected =
            bought ? 201
            : Unbegun(step, afterIt)
                ? declined ? 402
                    : 201
            : declined && Charged(step, afterIt) ? 402
            : 409;
        Assert.Equal(
            expected,
            await SendAsync(Elsewhere, "k", declined ? FakePayments.DeclinedCard : FakePayments.GoodCard).StatusAsync()
        );
    }

    [Theory]
    [MemberData(nameof(CrashPoints))]
    public async Task A_server_that_dies_before_or_after_any_step_is_succeeded_by_another(
        string step,
        bool afterIt,
        bool declined
    )
    {
        await DieAtAsync(step, afterIt, declined);
        var card = declined ? FakePayments.DeclinedCard : FakePayments.GoodCard;
        Assert.Equal(declined ? 402 : 201, await SendAsync(Elsewhere, "k", card).StatusAsync());
        await AssertOutcomeAsync(bought: !declined);
    }

    /// <summary>The user has the answer; only the last step is left, for which nobody waits.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_dies_after_its_answer_is_rescued(bool afterIt)
    {
        var lost = BreakAt("Confirm", afterIt);
        Assert.Equal(201, await SendAsync(Buyer, "k").StatusAsync());
        await Marketplace.PassTimeUntilAsync(lost);
        Reset();
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: true);
    }

    /// <summary>
    /// The reason is not lost with the server that found it: the user reads that there are too few units, not that the
    /// purchase was interrupted.
    /// </summary>
    [Theory]
    [InlineData("Reserve", false, false)]
    [InlineData("Reserve", true, true)]
    [InlineData("AbandonPurchase", false, false)]
    [InlineData("AbandonPurchase", false, true)]
    [InlineData("AbandonPurchase", true, false)]
    [InlineData("AbandonPurchase", true, true)]
    public async Task A_server_that_dies_while_it_abandons_for_too_few_units_is_succeeded_by_one_that_says_so(
        string step,
        bool afterIt,
        bool isRescued
    )
    {
        await SellOutAsync();
        await DieAtAsync(step, afterIt, declined: false);
        if (isRescued)
        {
            await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        }

        var problem = await SendAsync(Elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Contains($"Item {ItemId} has 0 unit(s)", problem.Detail, StringComparison.Ordinal);
        await AssertNeverChargedAsync("k");
    }

    /// <summary>
    /// Two servers work for one call. Products refuse the first, since a rival holds the units, and it hangs. The
    /// rival's card is declined. The second is refused too, though the units are back, and both answer the same.
    /// </summary>
    [Fact]
    public async Task A_server_that_is_overtaken_while_it_abandons_for_too_few_units_answers_as_the_other()
    {
        var rival = await Marketplace.NewBuyerAsync();
        await rival.PostAsync<Cart>("/cart/items", new { itemId = ItemId, quantity = Units });
        Task<HttpResponseMessage>? first = null;
        var hangs = new TaskCompletionSource();
        var goesOn = new TaskCompletionSource();
        Marketplace.Wire.Answer = async step =>
        {
            if (step == "Charge" && first is null)
            {
                first = SendAsync(Buyer, "k");
                await hangs.Task;
            }

            return true;
        };
        Marketplace.Wire.Request = async step =>
        {
            if (step == "AbandonPurchase" && hangs.TrySetResult())
            {
                await goesOn.Task;
            }

            return true;
        };
        await SendAsync(rival, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        var second = await SendAsync(Elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        goesOn.SetResult();
        Assert.Equal(second.Detail, (await (await first!).ProblemAsync(409, ErrorCodes.NotEnoughUnits)).Detail);
        await AssertOutcomeAsync(bought: false);
    }

    /// <summary>
    /// The server is only slow, but the rescuer takes it for dead and settles the purchase between two of its steps.
    /// </summary>
    [Theory]
    [MemberData(nameof(CrashPoints))]
    public async Task A_slow_server_and_its_rescuer_come_to_one_end(string step, bool afterIt, bool declined)
    {
        var rescued = false;
        async Task<bool> RescueAt(string at, bool after)
        {
            if (at == step && after == afterIt && !rescued)
            {
                rescued = true;
                await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
            }

            return true;
        }

        Marketplace.Wire.Request = at => RescueAt(at, false);
        Marketplace.Wire.Answer = at => RescueAt(at, true);

        var answer = await SendAsync(Buyer, "k", declined ? FakePayments.DeclinedCard : FakePayments.GoodCard);
        Reset();
        Assert.True(rescued);
        await AssertOutcomeAsync(bought: answer.StatusCode == HttpStatusCode.Created);
    }

    /// <summary>
    /// The other way round: the rescuer is slow, and the server does everything else between two of the rescuer's
    /// steps.
    /// </summary>
    [Theory]
    [InlineData("Find", true)]
    [InlineData("AbandonPurchase", false)]
    [InlineData("AbandonPurchase", true)]
    [InlineData("Cancel", false)]
    [InlineData("Cancel", true)]
    [InlineData("Release", false)]
    [InlineData("Release", true)]
    public async Task A_rescuer_who_is_overtaken_by_the_server_comes_to_its_end(string step, bool afterIt)
    {
        await DieAtAsync("Reserve", afterIt: true, declined: false);
        HttpResponseMessage? answer = null;
        async Task<bool> RepeatAt(string at, bool after)
        {
            if (at == step && after == afterIt && answer is null)
            {
                answer = new HttpResponseMessage();
                answer = await SendAsync(Buyer, "k");
            }

            return true;
        }

        Marketplace.Wire.Request = at => RepeatAt(at, false);
        Marketplace.Wire.Answer = at => RepeatAt(at, true);

        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Reset();
        await AssertOutcomeAsync(bought: answer!.StatusCode == HttpStatusCode.Created);
    }

    /// <summary>Two servers with the same call and two rescuers at once, while requests and answers are lost.</summary>
    [Fact]
    public async Task Whichever_servers_work_on_a_purchase_and_whatever_is_lost_it_comes_to_one_end()
    {
        var purchase = 0;
        await Gen.Select(Gen.Int[0, 25], Gen.Int, Gen.Bool)
            .SampleAsync(
                async (percentLost, seed, declined) =>
                {
                    var key = $"k{++purchase}";
                    var random = new Random(seed);
                    Task<bool> Lossy(string step)
                    {
                        lock (random)
                        {
                            return Task.FromResult(random.Next(100) >= percentLost);
                        }
                    }

                    Marketplace.Wire.OnLoss = () => { };
                    Marketplace.Wire.Request = Marketplace.Wire.Answer = Lossy;
                    var card = declined ? FakePayments.DeclinedCard : FakePayments.GoodCard;
                    await Marketplace.PassTimeUntilAsync(
                        Task.WhenAll(
                            SendAsync(Buyer, key, card),
                            SendAsync(Elsewhere, key, card),
                            RescueAsync(Marketplace.Recovery),
                            RescueAsync(Marketplace.OtherRecovery)
                        )
                    );
                    Reset();
                    await Marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken);
                    await AssertSettledAsync(key);
                    await RestockAsync();
                },
                iter: 40,
                threads: 1
            );

        static async Task RescueAsync(PurchaseRecovery recovery)
        {
            try
            {
                await recovery.SettleAllAsync(TestContext.Current.CancellationToken);
            }
            catch (UnavailableException)
            {
                // Too much was lost.
            }
        }
    }

    [Theory]
    [InlineData("AddFeedback", false)]
    [InlineData("AddFeedback", true)]
    [InlineData("MarkForwarded", false)]
    [InlineData("MarkForwarded", true)]
    public async Task A_vote_that_did_not_reach_its_item_is_forwarded_and_counts_once(string step, bool afterIt)
    {
        await BuyAsync(Buyer, "k");
        await Marketplace.PassTimeUntilSettledAsync();
        var lost = BreakAt(step, afterIt);
        await Buyer.SendAsync(HttpMethod.Post, $"/items/{ItemId}/feedback", new { thumb = "up" }, "v");
        await Marketplace.PassTimeUntilAsync(lost);
        Reset();

        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, (await InProcessMarketplace.ItemAsync(Buyer, ItemId)).Feedback.ThumbsUp);
        Assert.Equal(
            204,
            await Elsewhere
                .SendAsync(HttpMethod.Post, $"/items/{ItemId}/feedback", new { thumb = "up" }, "v")
                .StatusAsync()
        );
        Assert.Equal(1, (await InProcessMarketplace.ItemAsync(Buyer, ItemId)).Feedback.ThumbsUp);
    }

    // Nothing was reserved and no later step was taken, so a repeat is like a first call.
    private static bool Unbegun(string step, bool afterIt) => step == "GetCheckout" || (step == "Reserve" && !afterIt);

    private static bool Charged(string step, bool afterIt) =>
        step is "Release" or "AbandonPurchase" || (step == "Charge" && afterIt);
}
