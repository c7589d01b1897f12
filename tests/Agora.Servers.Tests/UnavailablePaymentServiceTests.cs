using Agora.Rest;
using Grpc.Core;

namespace Agora.Servers.Tests;

/// <summary>A payment service that cannot be reached, and a purchase that cannot be settled.</summary>
[Collection(PurchaseGroup.Name)]
public sealed class UnavailablePaymentServiceTests(BreakableMarketplace marketplace) : PurchaseScenario(marketplace)
{
    [Fact]
    public async Task Without_the_payment_service_a_purchase_is_503_and_settled_once_it_is_back()
    {
        Marketplace.Wire.Request = step => Task.FromResult(step is not ("Charge" or "Find" or "Cancel"));
        var response = await SendAsync(Buyer, "k");
        await response.ProblemAsync(503, ErrorCodes.Unavailable);
        Assert.NotNull(response.Headers.RetryAfter);
        await SendAsync(Buyer, "another").ProblemAsync(409, ErrorCodes.PurchasePending);
        await Assert.ThrowsAsync<UnavailableException>(() =>
            Marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken)
        );

        Reset();
        await Marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: false);
        await SendAsync(Buyer, "k").ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        await BuyAsync(Buyer, "another");
    }

    /// <summary>
    /// A decided purchase needs neither the payment service nor another command of the customers database.
    /// </summary>
    [Theory]
    [InlineData("Release", true)]
    [InlineData("Confirm", false)]
    public async Task Without_the_payment_service_a_rescuer_carries_out_what_was_decided(string step, bool declined)
    {
        if (declined)
        {
            await DieAtAsync(step, afterIt: false, declined);
        }
        else
        {
            var lost = BreakAt(step, afterIt: false);
            await BuyAsync(Buyer, "k");
            await Marketplace.PassTimeUntilAsync(lost);
            Reset();
        }

        Marketplace.Wire.Request = at =>
            Task.FromResult(at is not ("Charge" or "Find" or "Cancel" or "CompletePurchase" or "AbandonPurchase"));
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await Marketplace.PassTimeUntilSettledAsync();
        await AssertOutcomeAsync(bought: !declined);
    }

    /// <summary>The deadline ends the pause between two attempts.</summary>
    [Fact]
    public async Task A_payment_service_that_is_away_until_the_deadline_is_unavailable_at_whichever_moment_that_comes()
    {
        await DieAtAsync("Reserve", afterIt: true, declined: false);
        Marketplace.Wire.OnLoss = () => { };
        Marketplace.Wire.Request = at =>
        {
            if (at == "Find")
            {
                Marketplace.Pass(Marketplace.Settings.CallDeadline - TimeSpan.FromMilliseconds(50));
            }

            return Task.FromResult(at != "Find");
        };
        await Assert.ThrowsAsync<UnavailableException>(() =>
            Marketplace.PassTimeUntilAsync(
                Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken)
            )
        );
        Reset();
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: false);
    }

    [Fact]
    public async Task A_purchase_that_cannot_be_settled_does_not_keep_another_from_it()
    {
        await DieAtAsync("Reserve", afterIt: true, declined: false);
        var first = (Buyer, Elsewhere);
        Buyer = await Marketplace.NewBuyerAsync();
        Elsewhere = Buyer with { Server = Marketplace.OtherBuyer };
        await FillCartAsync();
        await DieAtAsync("Charge", afterIt: true, declined: false);
        var isFirst = true;
        Marketplace.Wire.Request = at =>
        {
            if (at == "GetDecision" && isFirst)
            {
                isFirst = false;
                throw new RpcException(new Status(StatusCode.InvalidArgument, "planted by the test"));
            }

            return Task.FromResult(true);
        };
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Assert.False(isFirst);
        Assert.Contains(
            (await Buyer.GetAsync<PurchasePage>("/purchases")).Purchases,
            purchase => purchase.PurchaseId == TransactionOf("k")
        );
        (Buyer, Elsewhere) = first;
        await SendAsync(Buyer, "another").ProblemAsync(409, ErrorCodes.PurchasePending);
        Reset();
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await BuyAsync(Buyer, "another");
    }
}
