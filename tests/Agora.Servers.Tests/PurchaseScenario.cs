using System.Buffers.Binary;
using Agora.Contracts.Payments;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>A buyer with a cart, in a marketplace whose steps a test can lose or delay.</summary>
public abstract class PurchaseScenario(BreakableMarketplace marketplace) : IAsyncLifetime
{
    private protected const int Units = 5;

    private protected BreakableMarketplace Marketplace { get; } = marketplace;

    private protected static string[] Steps { get; } = ["GetCheckout", "Reserve", "Charge", "CompletePurchase"];

    private protected static string[] StepsOfDecline { get; } =
    ["GetCheckout", "Reserve", "Charge", "AbandonPurchase", "Release"];

    private protected static string[] Searches { get; } = ["GetOpenReservations", "GetUnforwardedVotes"];

    private protected Caller Buyer { get; set; } = null!;

    private protected Caller Elsewhere { get; set; } = null!;

    private protected string ItemId { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Reset();
        ItemId = await InProcessMarketplace.NewItemAsync(await Marketplace.NewSellerAsync(), Units);
        Buyer = await Marketplace.NewBuyerAsync();
        Elsewhere = Buyer with { Server = Marketplace.OtherBuyer };
        await FillCartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Reset();
        await Marketplace.PassTimeUntilSettledAsync();
        GC.SuppressFinalize(this);
    }

    private protected void Reset()
    {
        Marketplace.Wire.Reset();
        Marketplace.Wire.OnLoss = Marketplace.PassDeadline;
    }

    private protected async Task FillCartAsync()
    {
        await Buyer.PostAsync<Cart>("/cart/items", new { itemId = ItemId, quantity = 2 });
        Reset();
    }

    // A rival buys all units first.
    private protected async Task SellOutAsync()
    {
        var rival = await Marketplace.NewBuyerAsync();
        await rival.PostAsync<Cart>("/cart/items", new { itemId = ItemId, quantity = Units });
        await BuyAsync(rival, "k");
        await Marketplace.PassTimeUntilSettledAsync();
    }

    private protected async Task RestockAsync()
    {
        ItemId = await InProcessMarketplace.NewItemAsync(await Marketplace.NewSellerAsync(), Units);
        await Buyer.SendAsync(HttpMethod.Delete, "/cart");
        await FillCartAsync();
    }

    // From that step on, every message is lost, until the other server takes over.
    private protected async Task DieAtAsync(string step, bool afterIt, bool declined)
    {
        _ = BreakAt(step, afterIt);
        await (await SendAsync(Buyer, "k", declined ? FakePayments.DeclinedCard : FakePayments.GoodCard)).ProblemAsync(
            503,
            ErrorCodes.Unavailable
        );
        Reset();
    }

    // Ends when the first loss has ended the call that waited for it.
    private protected Task BreakAt(string step, bool afterIt)
    {
        var dead = false;
        var lost = new TaskCompletionSource();
        Marketplace.Wire.Request = at => Task.FromResult(!(dead |= at == step && !afterIt));
        Marketplace.Wire.Answer = at => Task.FromResult(!(dead |= at == step && afterIt));
        Marketplace.Wire.OnLoss = () =>
        {
            Marketplace.PassDeadline();
            lost.TrySetResult();
        };
        return lost.Task;
    }

    private protected static Task<HttpResponseMessage> SendAsync(
        Caller buyer,
        string key,
        string card = FakePayments.GoodCard,
        decimal? expectedTotal = null
    ) =>
        buyer.SendAsync(
            HttpMethod.Post,
            "/purchases",
            new
            {
                cardholderName = "Bea",
                cardNumber = card,
                expirationDate = "12/99",
                securityCode = "123",
                expectedTotal,
            },
            key
        );

    private protected static async Task<Receipt> BuyAsync(Caller buyer, string key) =>
        await SendAsync(buyer, key).OkAsync<Receipt>();

    private protected string TransactionOf(string key)
    {
        var account = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(account, Buyer.Id);
        return PurchaseSaga.TransactionId(RequestIds.Derive("MakePurchase Buyer", account, key));
    }

    private protected Task AssertSettledAsync(string key = "k") =>
        AssertOutcomeAsync(Marketplace.Payments[TransactionOf(key)] == TransactionState.Approved, key);

    private protected async Task AssertNeverChargedAsync(string key)
    {
        Assert.False(Marketplace.Payments.WasCharged(TransactionOf(key)));
        Assert.DoesNotContain(
            (await Buyer.GetAsync<PurchasePage>("/purchases")).Purchases,
            purchase => purchase.PurchaseId == TransactionOf(key)
        );
    }

    /// <summary>The three services agree: charged, in the history and off sale; or none of it.</summary>
    private protected async Task AssertOutcomeAsync(bool bought, string key = "k")
    {
        var history = await Buyer.GetAsync<PurchasePage>("/purchases");
        Assert.Equal(bought, history.Purchases.Any(purchase => purchase.PurchaseId == TransactionOf(key)));
        Assert.Equal(bought ? Units - 2 : Units, (await InProcessMarketplace.ItemAsync(Buyer, ItemId)).Quantity);
        Assert.Equal(bought, Marketplace.Payments[TransactionOf(key)] == TransactionState.Approved);
        // Nothing is left for others to settle.
        Reset();
        await Marketplace.PassTimeUntilSettledAsync();
        Reset();
        await Marketplace.Recovery.SettleAllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Searches, Marketplace.Wire.Steps);
    }
}
