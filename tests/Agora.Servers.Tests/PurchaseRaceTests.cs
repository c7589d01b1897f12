using System.Net;
using Agora.Contracts.Payments;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>Several servers, keys or buyers that work on one purchase or one cart at a time.</summary>
[Collection(PurchaseGroup.Name)]
public sealed class PurchaseRaceTests(BreakableMarketplace marketplace) : PurchaseScenario(marketplace)
{
    /// <summary>
    /// The first request is under way when another one comes with its key: the second neither charges its own card nor
    /// gets the first one's answer.
    /// </summary>
    [Theory]
    [InlineData("Reserve")]
    [InlineData("Charge")]
    [InlineData("CompletePurchase")]
    public async Task Another_request_under_the_key_of_a_purchase_under_way_does_not_touch_it(string step)
    {
        var refused = 0;
        Marketplace.Wire.Answer = async at =>
        {
            if (at == step && refused == 0)
            {
                refused++;
                await SendAsync(Elsewhere, "k", FakePayments.DeclinedCard).ProblemAsync(422, ErrorCodes.KeyReused);
            }

            return true;
        };
        await BuyAsync(Buyer, "k");
        Assert.Equal(1, refused);
        await AssertOutcomeAsync(bought: true);
    }

    [Fact]
    public async Task While_a_cart_is_being_bought_it_is_bought_under_no_other_key()
    {
        var other = HttpStatusCode.OK;
        Marketplace.Wire.Answer = async step =>
        {
            if (step == "Charge" && other == HttpStatusCode.OK)
            {
                other = HttpStatusCode.Continue;
                await SendAsync(Elsewhere, "other").ProblemAsync(409, ErrorCodes.PurchasePending);
                other = HttpStatusCode.Conflict;
            }

            return true;
        };
        await BuyAsync(Buyer, "k");
        Assert.Equal(HttpStatusCode.Conflict, other);
        await AssertOutcomeAsync(bought: true);
        await SendAsync(Elsewhere, "other").ProblemAsync(409, ErrorCodes.CartEmpty);
        await AssertNeverChargedAsync("other");
    }

    /// <summary>
    /// Two keys at two servers that have both read the cart. One does everything else while the other hangs.
    /// </summary>
    [Theory]
    [InlineData(FakePayments.GoodCard)]
    [InlineData(FakePayments.DeclinedCard)]
    public async Task A_cart_that_two_have_read_is_bought_once(string quickersCard)
    {
        HttpResponseMessage? quicker = null;
        Marketplace.Wire.Request = async step =>
        {
            if (step == "Reserve" && quicker is null)
            {
                quicker = new HttpResponseMessage();
                quicker = await SendAsync(Elsewhere, "quicker", quickersCard);
            }

            return true;
        };
        var slower = await SendAsync(Buyer, "k");
        if (quickersCard == FakePayments.GoodCard)
        {
            Assert.Equal(HttpStatusCode.Created, quicker!.StatusCode);
            await slower.ProblemAsync(409, ErrorCodes.CartEmpty);
            await AssertNeverChargedAsync("k");
            await AssertOutcomeAsync(bought: true, "quicker");
        }
        else
        {
            await quicker!.ProblemAsync(402, ErrorCodes.PaymentDeclined);
            Assert.Equal(HttpStatusCode.Created, slower.StatusCode);
            await AssertOutcomeAsync(bought: true);
        }
    }

    /// <summary>
    /// The buyer gets no answer, empties the cart and repeats the call: the answer to the repeat is the outcome.
    /// </summary>
    [Theory]
    [InlineData("Charge", false)]
    [InlineData("Charge", true)]
    [InlineData("CompletePurchase", false)]
    public async Task A_cart_that_was_emptied_while_its_purchase_was_left_unsettled_is_not_bought_after_all(
        string step,
        bool afterIt
    )
    {
        await DieAtAsync(step, afterIt, declined: false);
        await Buyer.SendAsync(HttpMethod.Delete, "/cart");
        await SendAsync(Elsewhere, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
        await Marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: false);
        Assert.Equal(TransactionState.Cancelled, Marketplace.Payments[TransactionOf("k")]);
    }

    /// <summary>
    /// Two servers work for one call. Products refuse one of them, since a rival holds the units, and it answers so.
    /// The rival's card is declined, and only then the other server's Reserve arrives. The answer holds: nothing is
    /// taken off sale or charged any more.
    /// </summary>
    [Fact]
    public async Task A_reservation_that_comes_after_its_purchase_was_refused_is_refused_too()
    {
        var rival = await Marketplace.NewBuyerAsync();
        await rival.PostAsync<Cart>("/cart/items", new { itemId = ItemId, quantity = Units });
        Task<HttpResponseMessage>? slow = null;
        var reserves = 0;
        var hangs = new TaskCompletionSource();
        var goesOn = new TaskCompletionSource();
        Marketplace.Wire.Request = async step =>
        {
            if (step == "Reserve" && ++reserves == 2)
            {
                hangs.SetResult();
                await goesOn.Task;
            }

            return true;
        };
        Marketplace.Wire.Answer = async step =>
        {
            if (step == "Charge" && slow is null)
            {
                slow = SendAsync(Buyer, "k");
                await hangs.Task;
                await SendAsync(Elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
            }

            return true;
        };
        await SendAsync(rival, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        Reset();
        goesOn.SetResult();
        await (await slow!).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.DoesNotContain("Charge", Marketplace.Wire.Steps);
        await AssertOutcomeAsync(bought: false);
        await BuyAsync(Buyer, "another");
    }

    /// <summary>
    /// Two servers work for one call, and the cart is emptied in between: the answer of the second holds, whatever
    /// steps of the first are still on their way.
    /// </summary>
    [Theory]
    [InlineData("Reserve", false)]
    [InlineData("Reserve", true)]
    [InlineData("Charge", false)]
    [InlineData("Charge", true)]
    [InlineData("CompletePurchase", false)]
    public async Task Steps_of_a_server_are_undone_before_another_server_answers_that_the_cart_is_empty(
        string step,
        bool afterIt
    )
    {
        var isAnswered = false;
        async Task<bool> AnswerElsewhereAt(string at, bool after)
        {
            if (at == step && after == afterIt && !isAnswered)
            {
                isAnswered = true;
                await Buyer.SendAsync(HttpMethod.Delete, "/cart");
                await SendAsync(Elsewhere, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
                Assert.Equal(Units, (await InProcessMarketplace.ItemAsync(Buyer, ItemId)).Quantity);
                Assert.Equal(TransactionState.Cancelled, Marketplace.Payments[TransactionOf("k")]);
            }

            return true;
        }

        Marketplace.Wire.Request = at => AnswerElsewhereAt(at, false);
        Marketplace.Wire.Answer = at => AnswerElsewhereAt(at, true);
        await SendAsync(Buyer, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
        Assert.True(isAnswered);
        await AssertOutcomeAsync(bought: false);
    }

    /// <summary>
    /// The server hangs before it reserves the cart that it read. The cart is bought with another key, and the next one
    /// is filled.
    /// </summary>
    [Fact]
    public async Task A_cart_filled_since_is_not_bought_in_the_place_of_the_one_that_was_asked_for()
    {
        var next = await InProcessMarketplace.NewItemAsync(await Marketplace.NewSellerAsync(), Units);
        var isBought = false;
        Marketplace.Wire.Request = async step =>
        {
            if (step == "Reserve" && !isBought)
            {
                isBought = true;
                await BuyAsync(Elsewhere, "quicker");
                await Elsewhere.PostAsync<Cart>("/cart/items", new { itemId = next, quantity = 1 });
            }

            return true;
        };
        await SendAsync(Buyer, "k").ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        Assert.Equal(Units, (await InProcessMarketplace.ItemAsync(Buyer, next)).Quantity);
        await AssertNeverChargedAsync("k");
        await AssertOutcomeAsync(bought: true, "quicker");
    }
}
