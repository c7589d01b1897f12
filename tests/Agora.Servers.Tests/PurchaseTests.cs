using System.Buffers.Binary;
using System.Net;
using Agora.Client;
using Agora.Contracts.Payments;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>
/// "Whatever fails on the way, at any point between any two steps, ends in one of two states: bought and charged, or not bought and not
/// charged with the units back on sale."
/// </summary>
public sealed partial class PurchaseTests(PurchaseTests.Breakable marketplace) : IClassFixture<PurchaseTests.Breakable>, IAsyncLifetime
{
    /// <summary>Whatever is pending may be rescued at once, and a call that loses a step has reached its deadline.</summary>
    public sealed class Breakable : Marketplace
    {
        private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

        public Breakable()
        {
            Time = _time;
            HasFakePayments = true;
            Settings = new ServerSettings
            {
                AbandonedAfter = TimeSpan.FromDays(-1),
                RecoveryInterval = TimeSpan.FromDays(10),
                // By the system's clock: a step that a test holds up is not sent once more.
                ReplicaTimeout = TimeSpan.FromMinutes(1),
            };
        }

        public void PassDeadline() => Pass(Settings.CallDeadline);

        public void Pass(TimeSpan time) => _time.Advance(time);

        public async Task PassTimeUntilAsync(Task end)
        {
            while (!end.IsCompleted)
            {
                _time.Advance(TimeSpan.FromMilliseconds(50));
                await Task.WhenAny(end, Task.Delay(1));
            }
            await end;
        }

        /// <summary>Has the servers take the last steps, those behind their answers. Nobody else settles anything.</summary>
        public async Task PassTimeUntilSettledAsync()
        {
            for (var i = 0; !await IsSettledAsync(); i++)
            {
                Assert.True(i < 1_000, "Something is left unsettled.");
                if (i % 20 == 0)
                {
                    _time.Advance(TimeSpan.FromSeconds(1));
                }
                await Task.Delay(10);
            }
        }

        private async Task<bool> IsSettledAsync()
        {
            var cancel = TestContext.Current.CancellationToken;
            var open = await ProductsDatabase.GetOpenReservationsAsync(new() { Before = long.MaxValue, Limit = 1 }, cancel);
            var votes = await CustomersDatabase.GetUnforwardedVotesAsync(new() { Before = long.MaxValue, Limit = 1 }, cancel);
            return open.Reservations.Count == 0 && votes.Votes.Count == 0;
        }
    }

    private const int Units = 5;

    private static readonly string[] s_steps = ["GetCheckout", "Reserve", "Charge", "CompletePurchase"];
    private static readonly string[] s_stepsOfDecline = ["GetCheckout", "Reserve", "Charge", "AbandonPurchase", "Release"];

    private static readonly string[] s_searches = ["GetOpenReservations", "GetUnforwardedVotes"];

    private Caller _buyer = null!;
    private Caller _elsewhere = null!;
    private string _item = "";

    public async ValueTask InitializeAsync()
    {
        Reset();
        _item = await Marketplace.NewItemAsync(await marketplace.NewSellerAsync(), Units);
        _buyer = await marketplace.NewBuyerAsync();
        _elsewhere = _buyer with { Server = marketplace.OtherBuyer };
        await FillCartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Reset();
        await marketplace.PassTimeUntilSettledAsync();
    }

    [Fact]
    public async Task An_approved_purchase_takes_four_steps_in_order_before_its_answer()
    {
        await BuyAsync(_buyer, "k");
        Assert.Equal(s_steps, marketplace.Wire.Steps);
    }

    [Fact]
    public async Task The_steps_behind_the_answers_are_taken_for_many_in_one_command()
    {
        await SendAsync(_buyer, "declined", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        await BuyAsync(_buyer, "k");
        await _buyer.SendAsync(HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" });
        await FillCartAsync();
        await BuyAsync(_buyer, "another");
        Reset();
        await marketplace.PassTimeUntilSettledAsync();
        Assert.Equal(["Confirm", "MarkForwarded"], marketplace.Wire.Steps.Where(step => !s_searches.Contains(step)));
    }

    [Fact]
    public async Task A_declined_purchase_puts_the_units_back_and_leaves_the_cart()
    {
        await SendAsync(_buyer, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        Assert.Equal(s_stepsOfDecline, marketplace.Wire.Steps);
        await AssertOutcomeAsync(bought: false);
        Assert.Single((await _buyer.GetAsync<Cart>("/cart")).Lines);
        await BuyAsync(_buyer, "another");
    }

    [Fact]
    public async Task A_repeat_answers_as_the_first_did_and_charges_nothing()
    {
        var first = await BuyAsync(_buyer, "k");
        Reset();
        var second = await BuyAsync(_elsewhere, "k");

        Assert.Equal((first.PurchaseId, first.Total), (second.PurchaseId, second.Total));
        Assert.Equal(first.Lines, second.Lines);
        Assert.Equal(["GetCheckout"], marketplace.Wire.Steps);
        await AssertOutcomeAsync(bought: true);
    }

    [Fact]
    public async Task A_repeat_after_a_decline_is_declined_again()
    {
        var first = await SendAsync(_buyer, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        var second = await SendAsync(_elsewhere, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        Assert.Equal(first.Detail, second.Detail);
        await AssertOutcomeAsync(bought: false);
    }

    [Fact]
    public async Task Another_card_or_another_total_under_the_same_key_is_another_request()
    {
        await SendAsync(_buyer, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        await SendAsync(_elsewhere, "k").ProblemAsync(422, ErrorCodes.KeyReused);
        await AssertOutcomeAsync(bought: false);
        var total = (await _buyer.GetAsync<Cart>("/cart")).Total;
        await SendAsync(_buyer, "agreed", expectedTotal: total).OkAsync<Receipt>();
        await SendAsync(_buyer, "agreed").ProblemAsync(422, ErrorCodes.KeyReused);
        await SendAsync(_buyer, "agreed", expectedTotal: total + 0.01m).ProblemAsync(422, ErrorCodes.KeyReused);
        using var repeat = await SendAsync(_elsewhere, "agreed", expectedTotal: total);
        Assert.Equal("true", repeat.Headers.GetValues("Idempotency-Replayed").Single());
    }

    /// <summary>The first is under way when another request comes under its key: that one neither charges its own card nor is told the first one's answer.</summary>
    [Theory]
    [InlineData("Reserve")]
    [InlineData("Charge")]
    [InlineData("CompletePurchase")]
    public async Task Another_request_under_the_key_of_a_purchase_under_way_does_not_touch_it(string step)
    {
        var refused = 0;
        marketplace.Wire.Answer = async at =>
        {
            if (at == step && refused == 0)
            {
                refused++;
                await SendAsync(_elsewhere, "k", FakePayments.DeclinedCard).ProblemAsync(422, ErrorCodes.KeyReused);
            }
            return true;
        };
        await BuyAsync(_buyer, "k");
        Assert.Equal(1, refused);
        await AssertOutcomeAsync(bought: true);
    }

    [Fact]
    public async Task The_key_of_a_purchase_means_the_same_in_another_session()
    {
        var first = await BuyAsync(_buyer, "k");
        var session = await marketplace.OtherBuyer.PostAsync<BuyerSession>("/sessions", new { username = _buyer.Username, password = Marketplace.Password });
        var again = _elsewhere with { Token = session.Token };
        await again.PostAsync<Cart>("/cart/items", new { itemId = _item, quantity = 1 });
        Assert.Equal(first.PurchaseId, (await BuyAsync(again, "k")).PurchaseId);
        Assert.Single((await again.GetAsync<PurchasePage>("/purchases")).Purchases);
        await again.SendAsync(HttpMethod.Delete, "/sessions/current");
        await SendAsync(again, "k").ProblemAsync(401, ErrorCodes.NotLoggedIn);
        await AssertOutcomeAsync(bought: true);
    }

    [Fact]
    public async Task A_purchase_that_would_cost_something_else_than_agreed_is_refused_with_the_cart_as_it_is()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await Marketplace.NewItemAsync(seller, Units, 5m);
        var buyer = await marketplace.NewBuyerAsync();
        var agreed = (await buyer.PostAsync<Cart>("/cart/items", new { itemId = item, quantity = 2 })).Total;
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 500 }).OkAsync<Item>();
        Reset();

        var first = await SendAsync(buyer, "k", expectedTotal: agreed).ProblemAsync(409, ErrorCodes.PriceChanged);
        Assert.Equal(["GetCheckout", "Reserve", "AbandonPurchase"], marketplace.Wire.Steps);
        Assert.Equal((1000m, item, 2, 500m, 5L), (first.Total, first.Lines!.Single().ItemId, first.Lines![0].Quantity, first.Lines[0].UnitPrice, first.Lines[0].Available));
        Assert.Empty((await buyer.GetAsync<PurchasePage>("/purchases")).Purchases);
        Assert.Equal(Units, (await Marketplace.ItemAsync(buyer, item)).Quantity);

        // What was refused stays refused under its key, even when the price is the old one again; another key buys.
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 5 }).OkAsync<Item>();
        var second = await SendAsync(buyer with { Server = marketplace.OtherBuyer }, "k", expectedTotal: agreed).ProblemAsync(409, ErrorCodes.PriceChanged);
        Assert.Equal((first.Detail, first.Total), (second.Detail, second.Total));
        Assert.Equal(first.Lines, second.Lines);
        Assert.Equal(agreed, (await SendAsync(buyer, "another", expectedTotal: agreed).OkAsync<Receipt>()).Total);
    }

    [Fact]
    public async Task A_refusal_for_want_of_units_names_every_line_that_lacks_them()
    {
        var seller = await marketplace.NewSellerAsync();
        var buyer = await marketplace.NewBuyerAsync();
        string[] items = [await Marketplace.NewItemAsync(seller, 5), await Marketplace.NewItemAsync(seller, 5), await Marketplace.NewItemAsync(seller, 5)];
        foreach (var itemId in items)
        {
            await buyer.PostAsync<Cart>("/cart/items", new { itemId, quantity = 3 });
        }
        await seller.PostAsync<Item>($"/items/{items[0]}/withdrawals", new { quantity = 4 });
        await seller.PostAsync<Item>($"/items/{items[2]}/withdrawals", new { quantity = 5 });

        // It goes before a changed price.
        var problem = await SendAsync(buyer, "k", expectedTotal: 0.01m).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Equal([(items[0], 3, 1L), (items[2], 3, 0L)], problem.Lines!.Select(line => (line.ItemId, line.Quantity, line.Available)));
        Assert.All([items[0], items[2]], item => Assert.Contains(item, problem.Detail, StringComparison.Ordinal));
        Assert.DoesNotContain(items[1], problem.Detail, StringComparison.Ordinal);
        var again = await SendAsync(buyer, "k", expectedTotal: 0.01m).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Equal(problem.Lines, again.Lines);
    }

    [Fact]
    public async Task Nothing_is_bought_when_one_line_lacks_units_and_a_repeat_says_so_again()
    {
        await SellOutAsync();
        var first = await SendAsync(_buyer, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Contains(_item, first.Detail, StringComparison.Ordinal);
        var second = await SendAsync(_elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Equal(first.Detail, second.Detail);
        Assert.Empty((await _buyer.GetAsync<PurchasePage>("/purchases")).Purchases);
        Assert.Equal(TransactionState.Unknown, marketplace.Payments[TransactionOf("k")]);
    }

    [Fact]
    public async Task An_empty_cart_buys_nothing()
    {
        var buyer = await marketplace.NewBuyerAsync();
        await SendAsync(buyer, "k").ProblemAsync(409, ErrorCodes.CartEmpty);

        // Whatever is in it later: a key is answered as it was the first time.
        await buyer.PostAsync<Cart>("/cart/items", new { itemId = _item, quantity = 2 });
        await SendAsync(buyer, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
        await BuyAsync(buyer, "another");
    }

    [Fact]
    public async Task While_a_cart_is_being_bought_it_is_bought_under_no_other_key()
    {
        var other = HttpStatusCode.OK;
        marketplace.Wire.Answer = async step =>
        {
            if (step == "Charge" && other == HttpStatusCode.OK)
            {
                other = HttpStatusCode.Continue;
                await SendAsync(_elsewhere, "other").ProblemAsync(409, ErrorCodes.PurchasePending);
                other = HttpStatusCode.Conflict;
            }
            return true;
        };
        await BuyAsync(_buyer, "k");
        Assert.Equal(HttpStatusCode.Conflict, other);
        await AssertOutcomeAsync(bought: true);
        await SendAsync(_elsewhere, "other").ProblemAsync(409, ErrorCodes.CartEmpty);
        await AssertNeverChargedAsync("other");
    }

    /// <summary>Two keys at two servers, who have both read the cart. One of them does everything else while the other hangs.</summary>
    [Theory]
    [InlineData(FakePayments.GoodCard)]
    [InlineData(FakePayments.DeclinedCard)]
    public async Task A_cart_that_two_have_read_is_bought_once(string quickersCard)
    {
        HttpResponseMessage? quicker = null;
        marketplace.Wire.Request = async step =>
        {
            if (step == "Reserve" && quicker is null)
            {
                quicker = new HttpResponseMessage();
                quicker = await SendAsync(_elsewhere, "quicker", quickersCard);
            }
            return true;
        };
        var slower = await SendAsync(_buyer, "k");
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

    /// <summary>The buyer was not answered, empties the cart and asks again: what is told now is what it comes to.</summary>
    [Theory]
    [InlineData("Charge", false)]
    [InlineData("Charge", true)]
    [InlineData("CompletePurchase", false)]
    public async Task A_cart_that_was_emptied_while_its_purchase_was_left_unsettled_is_not_bought_after_all(string step, bool afterIt)
    {
        await DieAtAsync(step, afterIt, declined: false);
        await _buyer.SendAsync(HttpMethod.Delete, "/cart");
        await SendAsync(_elsewhere, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
        await marketplace.OtherRecovery.SettleAllAsync(TestContext.Current.CancellationToken);
        await AssertOutcomeAsync(bought: false);
        Assert.Equal(TransactionState.Cancelled, marketplace.Payments[TransactionOf("k")]);
    }

    /// <summary>
    /// Two servers work for one call. One is refused units that a rival holds, and says so; the rival's card is declined; only then comes the
    /// other's Reserve. What the user was told was no holds: nothing is taken off sale or charged any more.
    /// </summary>
    [Fact]
    public async Task A_reservation_that_comes_after_its_purchase_was_refused_is_refused_too()
    {
        var rival = await marketplace.NewBuyerAsync();
        await rival.PostAsync<Cart>("/cart/items", new { itemId = _item, quantity = Units });
        Task<HttpResponseMessage>? slow = null;
        var reserves = 0;
        var hangs = new TaskCompletionSource();
        var goesOn = new TaskCompletionSource();
        marketplace.Wire.Request = async step =>
        {
            if (step == "Reserve" && ++reserves == 2)
            {
                hangs.SetResult();
                await goesOn.Task;
            }
            return true;
        };
        marketplace.Wire.Answer = async step =>
        {
            if (step == "Charge" && slow is null)
            {
                slow = SendAsync(_buyer, "k");
                await hangs.Task;
                await SendAsync(_elsewhere, "k").ProblemAsync(409, ErrorCodes.NotEnoughUnits);
            }
            return true;
        };
        await SendAsync(rival, "k", FakePayments.DeclinedCard).ProblemAsync(402, ErrorCodes.PaymentDeclined);
        Reset();
        goesOn.SetResult();
        await (await slow!).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.DoesNotContain("Charge", marketplace.Wire.Steps);
        await AssertOutcomeAsync(bought: false);
        await BuyAsync(_buyer, "another");
    }

    /// <summary>Two servers work for one call, and the cart is emptied between them: what the second says holds, whatever the first has under way.</summary>
    [Theory]
    [InlineData("Reserve", false)]
    [InlineData("Reserve", true)]
    [InlineData("Charge", false)]
    [InlineData("Charge", true)]
    [InlineData("CompletePurchase", false)]
    public async Task What_a_server_has_under_way_for_a_purchase_that_another_has_found_empty_is_undone_before_that_one_answers(string step, bool afterIt)
    {
        var isAnswered = false;
        async Task<bool> AnswerElsewhereAt(string at, bool after)
        {
            if (at == step && after == afterIt && !isAnswered)
            {
                isAnswered = true;
                await _buyer.SendAsync(HttpMethod.Delete, "/cart");
                await SendAsync(_elsewhere, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
                Assert.Equal(Units, (await Marketplace.ItemAsync(_buyer, _item)).Quantity);
                Assert.Equal(TransactionState.Cancelled, marketplace.Payments[TransactionOf("k")]);
            }
            return true;
        }
        marketplace.Wire.Request = at => AnswerElsewhereAt(at, false);
        marketplace.Wire.Answer = at => AnswerElsewhereAt(at, true);
        await SendAsync(_buyer, "k").ProblemAsync(409, ErrorCodes.CartEmpty);
        Assert.True(isAnswered);
        await AssertOutcomeAsync(bought: false);
    }

    /// <summary>The server hangs before it reserves what it has read; the cart is bought under another key, and the next one filled.</summary>
    [Fact]
    public async Task A_cart_filled_since_is_not_bought_in_the_place_of_the_one_that_was_asked_for()
    {
        var next = await Marketplace.NewItemAsync(await marketplace.NewSellerAsync(), Units);
        var isBought = false;
        marketplace.Wire.Request = async step =>
        {
            if (step == "Reserve" && !isBought)
            {
                isBought = true;
                await BuyAsync(_elsewhere, "quicker");
                await _elsewhere.PostAsync<Cart>("/cart/items", new { itemId = next, quantity = 1 });
            }
            return true;
        };
        await SendAsync(_buyer, "k").ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        Assert.Equal(Units, (await Marketplace.ItemAsync(_buyer, next)).Quantity);
        await AssertNeverChargedAsync("k");
        await AssertOutcomeAsync(bought: true, "quicker");
    }

    [Fact]
    public async Task A_card_that_only_the_payment_service_finds_malformed_buys_nothing_and_a_repeat_says_so_again()
    {
        var first = await SendAsync(_buyer, "k", FakePayments.MalformedCard).ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        Assert.Contains("expirationDate", first.Detail, StringComparison.Ordinal);
        var second = await SendAsync(_elsewhere, "k", FakePayments.MalformedCard).ProblemAsync(409, ErrorCodes.PurchaseAbandoned);
        Assert.Equal(first.Detail, second.Detail);
        await AssertOutcomeAsync(bought: false);
        await BuyAsync(_buyer, "another");
    }

    private void Reset()
    {
        marketplace.Wire.Reset();
        marketplace.Wire.OnLoss = marketplace.PassDeadline;
    }

    private async Task FillCartAsync()
    {
        await _buyer.PostAsync<Cart>("/cart/items", new { itemId = _item, quantity = 2 });
        Reset();
    }

    // A rival is quicker.
    private async Task SellOutAsync()
    {
        var rival = await marketplace.NewBuyerAsync();
        await rival.PostAsync<Cart>("/cart/items", new { itemId = _item, quantity = Units });
        await BuyAsync(rival, "k");
        await marketplace.PassTimeUntilSettledAsync();
    }

    private async Task RestockAsync()
    {
        _item = await Marketplace.NewItemAsync(await marketplace.NewSellerAsync(), Units);
        await _buyer.SendAsync(HttpMethod.Delete, "/cart");
        await FillCartAsync();
    }

    // From that moment on, nothing that anybody sends arrives, until the other server takes over.
    private async Task DieAtAsync(string step, bool afterIt, bool declined)
    {
        _ = BreakAt(step, afterIt);
        await (await SendAsync(_buyer, "k", declined ? FakePayments.DeclinedCard : FakePayments.GoodCard))
            .ProblemAsync(503, ErrorCodes.Unavailable);
        Reset();
    }

    // Ends when the first loss has been taken for the end by whoever waited for an answer.
    private Task BreakAt(string step, bool afterIt)
    {
        var dead = false;
        var lost = new TaskCompletionSource();
        marketplace.Wire.Request = at => Task.FromResult(!(dead |= at == step && !afterIt));
        marketplace.Wire.Answer = at => Task.FromResult(!(dead |= at == step && afterIt));
        marketplace.Wire.OnLoss = () =>
        {
            marketplace.PassDeadline();
            lost.TrySetResult();
        };
        return lost.Task;
    }

    private static Task<HttpResponseMessage> SendAsync(
        Caller buyer, string key, string card = FakePayments.GoodCard, decimal? expectedTotal = null) => buyer.SendAsync(
        HttpMethod.Post,
        "/purchases",
        new { cardholderName = "Bea", cardNumber = card, expirationDate = "12/99", securityCode = "123", expectedTotal },
        key);

    private static async Task<Receipt> BuyAsync(Caller buyer, string key) => await SendAsync(buyer, key).OkAsync<Receipt>();

    private string TransactionOf(string key)
    {
        var account = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(account, _buyer.Id);
        return PurchaseSaga.TransactionId(RequestId.Derive("MakePurchase Buyer", account, key));
    }

    private Task AssertSettledAsync(string key = "k") =>
        AssertOutcomeAsync(marketplace.Payments[TransactionOf(key)] == TransactionState.Approved, key);

    private async Task AssertNeverChargedAsync(string key)
    {
        Assert.False(marketplace.Payments.WasCharged(TransactionOf(key)));
        Assert.DoesNotContain((await _buyer.GetAsync<PurchasePage>("/purchases")).Purchases, purchase => purchase.PurchaseId == TransactionOf(key));
    }

    /// <summary>The three services agree: charged, in the history and off sale; or none of it.</summary>
    private async Task AssertOutcomeAsync(bool bought, string key = "k")
    {
        var history = await _buyer.GetAsync<PurchasePage>("/purchases");
        Assert.Equal(bought, history.Purchases.Any(purchase => purchase.PurchaseId == TransactionOf(key)));
        Assert.Equal(bought ? Units - 2 : Units, (await Marketplace.ItemAsync(_buyer, _item)).Quantity);
        Assert.Equal(bought, marketplace.Payments[TransactionOf(key)] == TransactionState.Approved);
        // Nothing is left to settle by others.
        Reset();
        await marketplace.PassTimeUntilSettledAsync();
        Reset();
        await marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(s_searches, marketplace.Wire.Steps);
    }
}
