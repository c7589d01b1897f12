using System.Net;
using Agora.Client;
using Agora.Contracts.Payments;
using CsCheck;

namespace Agora.Servers.Tests;

/// <summary>Servers that die between two steps, those that go on for them, and those that work on one purchase at a time.</summary>
public sealed partial class PurchaseTests
{
    public static TheoryData<string, bool, bool> CrashPoints()
    {
        var data = new TheoryData<string, bool, bool>();
        foreach (var declined in new[] { false, true })
        {
            foreach (var step in declined ? s_stepsOfDecline : s_steps)
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
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertSettledAsync();

        // Whatever its end is, a repeat is told it.
        var bought = marketplace.Payments[TransactionOf("k")] == TransactionState.Approved;
        var expected = bought ? 201
            : Unbegun(step, afterIt) ? declined ? 402 : 201
            : declined && Charged(step, afterIt) ? 402 : 409;
        Assert.Equal(expected, await SendAsync(_elsewhere, "k", declined ? FakePayments.DeclinedCard : FakePayments.GoodCard).StatusAsync());
    }

    [Theory]
    [MemberData(nameof(CrashPoints))]
    public async Task A_server_that_dies_before_or_after_any_step_is_succeeded_by_another(string step, bool afterIt, bool declined)
    {
        await DieAtAsync(step, afterIt, declined);
        var card = declined ? FakePayments.DeclinedCard : FakePayments.GoodCard;
        Assert.Equal(declined ? 402 : 201, await SendAsync(_elsewhere, "k", card).StatusAsync());
        await AssertOutcomeAsync(bought: !declined);
    }

    /// <summary>The user has been answered; what nobody waits for is left.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_dies_behind_its_answer_is_rescued(bool afterIt)
    {
        var lost = BreakAt("Confirm", afterIt);
        Assert.Equal(201, await SendAsync(_buyer, "k").StatusAsync());
        await marketplace.PassTimeUntilAsync(lost);
        Reset();
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: true);
    }

    /// <summary>Why it was given up is not lost with the server that found out: the user is told what is lacking, not that something was interrupted.</summary>
    [Theory]
    [InlineData("Reserve", false, false)]
    [InlineData("Reserve", true, true)]
    [InlineData("AbandonPurchase", false, false)]
    [InlineData("AbandonPurchase", false, true)]
    [InlineData("AbandonPurchase", true, false)]
    [InlineData("AbandonPurchase", true, true)]
    public async Task A_server_that_dies_while_it_gives_up_for_lack_of_units_is_succeeded_by_one_that_says_so(string step, bool afterIt, bool isRescued)
    {
        await SellOutAsync();
        await DieAtAsync(step, afterIt, declined: false);
        if (isRescued)
        {
            await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        }

        var problem = await SendAsync(_elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Contains($"Item {_item} has 0 unit(s)", problem.Detail, StringComparison.Ordinal);
        await AssertNeverChargedAsync("k");
    }

    /// <summary>
    /// Two servers work for one call. The first is refused units that a rival holds, and hangs; the rival's card is declined; the second is
    /// refused like the first, though the units are back, and both say the same.
    /// </summary>
    [Fact]
    public async Task A_server_that_is_overtaken_while_it_gives_up_for_lack_of_units_answers_as_the_other()
    {
        var rival = await marketplace.NewBuyerAsync();
        await rival.PostAsync<Cart>("/cart/items", new { itemId = _item, quantity = Units });
        Task<HttpResponseMessage>? first = null;
        var hangs = new TaskCompletionSource();
        var goesOn = new TaskCompletionSource();
        marketplace.Wire.Answer = async step =>
        {
            if (step == "Charge" && first is null)
            {
                first = SendAsync(_buyer, "k");
                await hangs.Task;
            }
            return true;
        };
        marketplace.Wire.Request = async step =>
        {
            if (step == "AbandonPurchase" && hangs.TrySetResult())
            {
                await goesOn.Task;
            }
            return true;
        };
        await SendAsync(rival, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        var second = await SendAsync(_elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        goesOn.SetResult();
        Assert.Equal(second.Detail, (await (await first!).ProblemAsync(409, ErrorCodes.NotEnoughUnits)).Detail);
        await AssertOutcomeAsync(bought: false);
    }

    /// <summary>The rescuer thinks that the server is dead while it is only slow, and acts as a whole between two of its steps.</summary>
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
                await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
            }
            return true;
        }
        marketplace.Wire.Request = at => RescueAt(at, false);
        marketplace.Wire.Answer = at => RescueAt(at, true);

        var answer = await SendAsync(_buyer, "k", declined ? FakePayments.DeclinedCard : FakePayments.GoodCard);
        Reset();
        Assert.True(rescued);
        await AssertOutcomeAsync(bought: answer.StatusCode == HttpStatusCode.Created);
    }

    /// <summary>The other way round: the rescuer is slow, and the server does everything else between two of its steps.</summary>
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
                answer = await SendAsync(_buyer, "k");
            }
            return true;
        }
        marketplace.Wire.Request = at => RepeatAt(at, false);
        marketplace.Wire.Answer = at => RepeatAt(at, true);

        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Reset();
        await AssertOutcomeAsync(bought: answer!.StatusCode == HttpStatusCode.Created);
    }

    /// <summary>Two servers with the same call and two rescuers at once, while requests and answers are lost.</summary>
    [Fact]
    public async Task Whoever_works_on_a_purchase_and_whatever_is_lost_it_comes_to_one_end()
    {
        var purchase = 0;
        await Gen.Select(Gen.Int[0, 25], Gen.Int, Gen.Bool).SampleAsync(async (percentLost, seed, declined) =>
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
            marketplace.Wire.OnLoss = () => { };
            marketplace.Wire.Request = marketplace.Wire.Answer = Lossy;
            var card = declined ? FakePayments.DeclinedCard : FakePayments.GoodCard;
            await marketplace.PassTimeUntilAsync(Task.WhenAll(
                SendAsync(_buyer, key, card),
                SendAsync(_elsewhere, key, card),
                RescueAsync(marketplace.Recovery),
                RescueAsync(marketplace.OtherRecovery)));
            Reset();
            await marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken);
            await AssertSettledAsync(key);
            await RestockAsync();
        }, iter: 40, threads: 1);

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
        await BuyAsync(_buyer, "k");
        await marketplace.PassTimeUntilSettledAsync();
        var lost = BreakAt(step, afterIt);
        await _buyer.SendAsync(HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" }, "v");
        await marketplace.PassTimeUntilAsync(lost);
        Reset();

        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, (await Marketplace.ItemAsync(_buyer, _item)).Feedback.ThumbsUp);
        Assert.Equal(204, await _elsewhere.SendAsync(HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" }, "v").StatusAsync());
        Assert.Equal(1, (await Marketplace.ItemAsync(_buyer, _item)).Feedback.ThumbsUp);
    }

    // Nothing was reserved nor anything after it done, so a repeat is the first.
    private static bool Unbegun(string step, bool afterIt) => step == "GetCheckout" || (step == "Reserve" && !afterIt);

    private static bool Charged(string step, bool afterIt) => step is "Release" or "AbandonPurchase" || (step == "Charge" && afterIt);
}
