using Agora.Contracts.Payments;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>
/// "Whatever fails on the way, at any point between any two steps, ends in one of two states: bought and charged, or
/// not bought and not charged with the units back on sale." Here: one server at a time, and nothing is lost.
/// </summary>
[Collection(PurchaseGroup.Name)]
public sealed class PurchaseSagaTests(BreakableMarketplace marketplace) : PurchaseScenario(marketplace)
{
    [Fact]
    public async Task An_approved_purchase_takes_four_steps_in_order_before_its_answer()
    {
        await BuyAsync(Buyer, "k");
        Assert.Equal(Steps, Marketplace.Wire.Steps);
    }

    [Fact]
    public async Task The_steps_after_the_answers_are_taken_for_many_in_one_command()
    {
        await SendAsync(Buyer, "declined", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        await BuyAsync(Buyer, "k");
        await Buyer.SendAsync(HttpMethod.Post, $"/items/{ItemId}/feedback", new { thumb = "up" });
        await FillCartAsync();
        await BuyAsync(Buyer, "another");
        Reset();
        await Marketplace.PassTimeUntilSettledAsync();
        Assert.Equal(["Confirm", "MarkForwarded"], Marketplace.Wire.Steps.Where(step => !Searches.Contains(step)));
    }

    [Fact]
    public async Task A_declined_purchase_puts_the_units_back_and_leaves_the_cart()
    {
        await SendAsync(Buyer, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        Assert.Equal(StepsOfDecline, Marketplace.Wire.Steps);
        await AssertOutcomeAsync(bought: false);
        Assert.Single((await Buyer.GetAsync<Cart>("/cart")).Lines);
        await BuyAsync(Buyer, "another");
    }

    [Fact]
    public async Task A_repeat_answers_as_the_first_did_and_charges_nothing()
    {
        var first = await BuyAsync(Buyer, "k");
        Reset();
        var second = await BuyAsync(Elsewhere, "k");

        Assert.Equal((first.PurchaseId, first.Total), (second.PurchaseId, second.Total));
        Assert.Equal(first.Lines, second.Lines);
        Assert.Equal(["GetCheckout"], Marketplace.Wire.Steps);
        await AssertOutcomeAsync(bought: true);
    }

    [Fact]
    public async Task A_repeat_after_a_decline_is_declined_again()
    {
        var first = await SendAsync(Buyer, "k", FakePayments.DeclinedCard)
            .ProblemAsync(402, ErrorCodes.PaymentDeclined);
        var second = await SendAsync(Elsewhere, "k", FakePayments.DeclinedCard)
            .ProblemAsync(402, ErrorCodes.PaymentDeclined);
        Assert.Equal(first.Detail, second.Detail);
        await AssertOutcomeAsync(bought: false);
    }

    [Fact]
    public async Task Another_card_or_another_total_under_the_same_key_is_another_request()
    {
        await SendAsync(Buyer, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        await SendAsync(Elsewhere, "k").ProblemAsync(422, ErrorCodes.KeyReused);
        await AssertOutcomeAsync(bought: false);
        var total = (await Buyer.GetAsync<Cart>("/cart")).Total;
        await SendAsync(Buyer, "agreed", expectedTotal: total).OkAsync<Receipt>();
        await SendAsync(Buyer, "agreed").ProblemAsync(422, ErrorCodes.KeyReused);
        await SendAsync(Buyer, "agreed", expectedTotal: total + 0.01m).ProblemAsync(422, ErrorCodes.KeyReused);
        using var repeat = await SendAsync(Elsewhere, "agreed", expectedTotal: total);
        Assert.Equal("true", repeat.Headers.GetValues("Idempotency-Replayed").Single());
    }

    [Fact]
    public async Task The_key_of_a_purchase_means_the_same_in_another_session()
    {
        var first = await BuyAsync(Buyer, "k");
        var session = await Marketplace.OtherBuyer.PostAsync<BuyerSession>(
            "/sessions",
            new { username = Buyer.Username, password = InProcessMarketplace.Password }
        );
        var again = Elsewhere with { Token = session.Token };
        await again.PostAsync<Cart>("/cart/items", new { itemId = ItemId, quantity = 1 });
        Assert.Equal(first.PurchaseId, (await BuyAsync(again, "k")).PurchaseId);
        Assert.Single((await again.GetAsync<PurchasePage>("/purchases")).Purchases);
        await again.SendAsync(HttpMethod.Delete, "/sessions/current");
        await SendAsync(again, "k").ProblemAsync(401, ErrorCodes.NotLoggedIn);
        await AssertOutcomeAsync(bought: true);
    }

    [Fact]
    public async Task A_purchase_that_would_cost_something_else_than_agreed_is_refused_with_the_cart_as_it_is()
    {
        var seller = await Marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, Units, 5m);
        var buyer = await Marketplace.NewBuyerAsync();
        var agreed = (await buyer.PostAsync<Cart>("/cart/items", new { itemId = item, quantity = 2 })).Total;
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 500 }).OkAsync<Item>();
        Reset();

        var first = await SendAsync(buyer, "k", expectedTotal: agreed).ProblemAsync(409, ErrorCodes.PriceChanged);
        Assert.Equal(["GetCheckout", "Reserve", "AbandonPurchase"], Marketplace.Wire.Steps);
        Assert.Equal(
            (1000m, item, 2, 500m, 5L),
            (
                first.Total,
                first.Lines!.Single().ItemId,
                first.Lines![0].Quantity,
                first.Lines[0].UnitPrice,
                first.Lines[0].Available
            )
        );
        Assert.Empty((await buyer.GetAsync<PurchasePage>("/purchases")).Purchases);
        Assert.Equal(Units, (await InProcessMarketplace.ItemAsync(buyer, item)).Quantity);

        // A refusal stays the answer of its key, even if the price is the old one again. Another key buys.
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 5 }).OkAsync<Item>();
        var second = await SendAsync(buyer with { Server = Marketplace.OtherBuyer }, "k", expectedTotal: agreed)
            .ProblemAsync(409, ErrorCodes.PriceChanged);
        Assert.Equal((first.Detail, first.Total), (second.Detail, second.Total));
        Assert.Equal(first.Lines, second.Lines);
        Assert.Equal(agreed, (await SendAsync(buyer, "another", expectedTotal: agreed).OkAsync<Receipt>()).Total);
    }

    [Fact]
    public async Task A_refusal_for_too_few_units_names_every_such_line()
    {
        var seller = await Marketplace.NewSellerAsync();
        var buyer = await Marketplace.NewBuyerAsync();
        string[] items =
        [
            await InProcessMarketplace.NewItemAsync(seller, 5),
            await InProcessMarketplace.NewItemAsync(seller, 5),
            await InProcessMarketplace.NewItemAsync(seller, 5),
        ];
        foreach (var itemId in items)
        {
            await buyer.PostAsync<Cart>("/cart/items", new { itemId, quantity = 3 });
        }

        await seller.PostAsync<Item>($"/items/{items[0]}/withdrawals", new { quantity = 4 });
        await seller.PostAsync<Item>($"/items/{items[2]}/withdrawals", new { quantity = 5 });

        // Too few units are reported before a changed price.
        var problem = await SendAsync(buyer, "k", expectedTotal: 0.01m).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Equal(
            [(items[0], 3, 1L), (items[2], 3, 0L)],
            problem.Lines!.Select(line => (line.ItemId, line.Quantity, line.Available))
        );
        Assert.All([items[0], items[2]], item => Assert.Contains(item, problem.Detail, StringComparison.Ordinal));
        Assert.DoesNotContain(items[1], problem.Detail, StringComparison.Ordinal);
        var again = await SendAsync(buyer, "k", expectedTotal: 0.01m).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Equal(problem.Lines, again.Lines);
    }

    [Fact]
    public async Task Nothing_is_bought_when_one_line_has_too_few_units_and_a_repeat_says_so_again()
    {
        await SellOutAsync();
        var first = await SendAsync(Buyer, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Contains(ItemId, first.Detail, StringComparison.Ordinal);
        var second = await SendAsync(Elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Equal(first.Detail, second.Detail);
        Assert.Empty((await Buyer.GetAsync<PurchasePage>("/purchases")).Purchases);
        Assert.Equal(TransactionState.Unknown, Marketplace.Payments[TransactionOf("k")]);
    }

    [Fact]
    public async Task An_empty_cart_buys_nothing()
    {
        var buyer = await Marketplace.NewBuyerAsync();
        await SendAsync(buyer, "k").ProblemAsync(409, ErrorCodes.CartEmpty);

        // A key gets its first answer, whatever the cart holds later.
        await buyer.PostAsync<Cart>("/cart/items", new { itemId = ItemId, quantity = 2 });
        await SendAsync(buyer, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
        await BuyAsync(buyer, "another");
    }

    [Fact]
    public async Task A_card_that_only_the_payment_service_finds_malformed_buys_nothing_and_a_repeat_says_so_again()
    {
        var first = await SendAsync(Buyer, "k", FakePayments.MalformedCard)
            .ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        Assert.Contains("expirationDate", first.Detail, StringComparison.Ordinal);
        var second = await SendAsync(Elsewhere, "k", FakePayments.MalformedCard)
            .ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        Assert.Equal(first.Detail, second.Detail);
        await AssertOutcomeAsync(bought: false);
        await BuyAsync(Buyer, "another");
    }
}
