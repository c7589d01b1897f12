using Agora.Client;
using Grpc.Core;

namespace Agora.Servers.Tests;

/// <summary>A payment service that is away, and a purchase that cannot be settled.</summary>
public sealed partial class PurchaseTests
{
    [Fact]
    public async Task Without_the_payment_service_a_purchase_is_503_and_settled_once_it_is_back()
    {
        marketplace.Wire.Request = step => Task.FromResult(step is not ("Charge" or "Find" or "Cancel"));
        var response = await SendAsync(_buyer, "k");
        await response.ProblemAsync(503, ErrorCodes.Unavailable);
        Assert.NotNull(response.Headers.RetryAfter);
        await SendAsync(_buyer, "another").ProblemAsync(409, ErrorCodes.PurchasePending);
        await Assert.ThrowsAsync<UnavailableException>(() => marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken));

        Reset();
        await marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: false);
        await SendAsync(_buyer, "k").ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        await BuyAsync(_buyer, "another");
    }

    /// <summary>What is decided already needs no payment service, and no step that orders anything at customers.</summary>
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
            await BuyAsync(_buyer, "k");
            await marketplace.PassTimeUntilAsync(lost);
            Reset();
        }
        marketplace.Wire.Request = at => Task.FromResult(at is not ("Charge" or "Find" or "Cancel" or "CompletePurchase" or "AbandonPurchase"));
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await marketplace.PassTimeUntilSettledAsync();
        await AssertOutcomeAsync(bought: !declined);
    }

    /// <summary>The deadline ends the pause between two attempts.</summary>
    [Fact]
    public async Task A_payment_service_that_is_away_until_the_deadline_is_unavailable_at_whichever_moment_that_comes()
    {
        await DieAtAsync("Reserve", afterIt: true, declined: false);
        marketplace.Wire.OnLoss = () => { };
        marketplace.Wire.Request = at =>
        {
            if (at == "Find")
            {
                marketplace.Pass(marketplace.Settings.CallDeadline - TimeSpan.FromMilliseconds(50));
            }
            return Task.FromResult(at != "Find");
        };
        await Assert.ThrowsAsync<UnavailableException>(() => marketplace.PassTimeUntilAsync(
            marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken)));
        Reset();
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: false);
    }

    [Fact]
    public async Task A_purchase_that_cannot_be_settled_does_not_keep_another_from_it()
    {
        await DieAtAsync("Reserve", afterIt: true, declined: false);
        var first = (_buyer, _elsewhere);
        _buyer = await marketplace.NewBuyerAsync();
        _elsewhere = _buyer with { Server = marketplace.OtherBuyer };
        await FillCartAsync();
        await DieAtAsync("Charge", afterIt: true, declined: false);
        var isFirst = true;
        marketplace.Wire.Request = at =>
        {
            if (at == "GetDecision" && isFirst)
            {
                isFirst = false;
                throw new RpcException(new Status(StatusCode.InvalidArgument, "planted by the test"));
            }
            return Task.FromResult(true);
        };
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Assert.False(isFirst);
        Assert.Contains((await _buyer.GetAsync<PurchasePage>("/purchases")).Purchases, purchase => purchase.PurchaseId == TransactionOf("k"));
        (_buyer, _elsewhere) = first;
        await SendAsync(_buyer, "another").ProblemAsync(409, ErrorCodes.PurchasePending);
        Reset();
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await BuyAsync(_buyer, "another");
    }
}
