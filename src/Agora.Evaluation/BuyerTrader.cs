using System.Globalization;
using Agora.Client;
using Agora.Lab;
using Agora.Rest;

namespace Agora.Evaluation;

/// <summary>A buyer of the evaluation, and what the marketplace has answered it.</summary>
internal sealed class BuyerTrader : Trader
{
    private static readonly Cart s_empty = new() { Lines = [], Total = 0 };

    private readonly BuyerClient _client;
    private readonly RunNames _names;
    private readonly PurchaseRequest _card;
    private readonly List<string> _unrated = [];
    private IReadOnlyList<Item> _found = [];

    // The cart by its last answer; null where it is not known.
    private Cart? _cart;

    /// <param name="plan">The buyer's calls.</param>
    /// <param name="servers">All buyer servers.</param>
    /// <param name="index">The buyer's number among the buyers.</param>
    /// <param name="server">The server that it begins with; a number beyond the last begins again at the first.</param>
    /// <param name="names">Names of this run alone.</param>
    /// <param name="card">The buyer's card.</param>
    public BuyerTrader(
        PlannedCall[] plan,
        IEnumerable<Uri> servers,
        int index,
        int server,
        RunNames names,
        PurchaseRequest card
    )
        : base(plan, names.Authority)
    {
        _client = new BuyerClient(servers, Options(index, server));
        _names = names;
        _card = card;
        Answers = new(string.Create(CultureInfo.InvariantCulture, $"buyer-{names.Tag}-{index}"));
    }

    public BuyerAnswers Answers { get; }

    protected override MarketplaceClient Client => _client;

    protected override ClientAnswers AllAnswers => Answers;

    protected override async Task CallAsync(
        MarketplaceFunction function,
        SeededRandom random,
        CancellationToken cancellationToken
    )
    {
        switch (function)
        {
            case MarketplaceFunction.BuyerCreateAccount:
                Answers.AccountId = (
                    await _client.CreateAccountAsync(
                        "Buyer",
                        Answers.Username,
                        RunNames.Password,
                        cancellationToken: cancellationToken
                    )
                ).BuyerId;
                break;
            case MarketplaceFunction.BuyerLogin:
                _cart = null;
                LoggedIn(
                    (
                        await _client.LoginAsync(
                            Answers.Username,
                            RunNames.Password,
                            cancellationToken: cancellationToken
                        )
                    ).Token
                );
                break;
            case MarketplaceFunction.BuyerLogout:
                await LogoutAsync(cancellationToken);
                break;
            case MarketplaceFunction.SearchItemsForSale:
                await SearchAsync(random, cancellationToken);
                break;
            case MarketplaceFunction.GetItem:
                await _client.GetItemAsync(AnyItem(ref random)?.Id ?? RunNames.NoItem, cancellationToken);
                break;
            case MarketplaceFunction.AddItemToCart:
                var item = AnyItem(ref random);
                var quantity = item?.Quantity > 1 ? 1 + random.Below(2) : 1;
                await ChangeCartAsync(() =>
                    _client.AddItemToCartAsync(
                        item?.Id ?? RunNames.NoItem,
                        quantity,
                        cancellationToken: cancellationToken
                    )
                );
                break;
            case MarketplaceFunction.RemoveItemFromCart:
                // Where the cart is unexpectedly empty, the call is refused.
                var removed = _cart is { Lines.Count: > 0 }
                    ? random.Of(_cart.Lines).ItemId
                    : AnyItem(ref random)?.Id ?? RunNames.NoItem;
                int? units = random.Below(2) == 0 ? 1 : null;
                await ChangeCartAsync(() =>
                    _client.RemoveItemFromCartAsync(removed, units, cancellationToken: cancellationToken)
                );
                break;
            case MarketplaceFunction.SaveCart:
                await SaveCartAsync(cancellationToken);
                break;
            case MarketplaceFunction.ClearCart:
                await ChangeCartAsync(async () =>
                {
                    await _client.ClearCartAsync(cancellationToken: cancellationToken);
                    return s_empty;
                });
                break;
            case MarketplaceFunction.DisplayCart:
                var shown = await _client.DisplayCartAsync(cancellationToken);
                Contradicts(
                    _cart is not null && !Contents(shown).SequenceEqual(Contents(_cart)),
                    "DisplayCart shows another cart than the last answer about it"
                );
                _cart = shown;
                break;
            case MarketplaceFunction.MakePurchase:
                await PurchaseAsync(cancellationToken);
                break;
            case MarketplaceFunction.ProvideFeedback:
                await RateAsync(random, cancellationToken);
                break;
            case MarketplaceFunction.BuyerGetSellerRating:
                await _client.GetSellerRatingAsync(AnyItem(ref random)?.SellerId ?? 0, cancellationToken);
                break;
            case MarketplaceFunction.GetBuyerPurchases:
                var history = (await _client.GetBuyerPurchasesAsync(cancellationToken: cancellationToken)).Purchases;
                Contradicts(
                    Answers is { MaybePurchases: 0, Receipts: [.., var last] }
                        && (history.Count == 0 || history[0].PurchaseId != last.PurchaseId),
                    "GetBuyerPurchases does not begin with the last purchase that was answered"
                );
                break;
            default:
                throw new InvalidOperationException($"A buyer does not call {function}.");
        }
    }

    // Prices and units on sale change without the buyer, so they are left out.
    private static IEnumerable<(string, int)> Contents(Cart cart) =>
        cart.Lines.Select(line => (line.ItemId, line.Quantity));

    private void Contradicts(bool contradicts, string what)
    {
        if (contradicts)
        {
            Answers.Contradictions.Add(what);
        }
    }

    private async Task ChangeCartAsync(Func<Task<Cart>> change)
    {
        var before = _cart;
        _cart = null;
        try
        {
            _cart = await change();
        }
        catch (AgoraException e) when (e.Code is ErrorCodes.NotEnoughUnits or ErrorCodes.NotInCart)
        {
            _cart = before;
            throw;
        }
    }

    // Where no search has succeeded, there is no item, and the call fails, as it should.
    private Item? AnyItem(ref SeededRandom random) => _found.Count > 0 ? random.Of(_found) : null;

    private async Task SearchAsync(SeededRandom random, CancellationToken cancellationToken)
    {
        var category = _names.FirstCategory + random.Below(RunNames.Categories);
        // The first search names no keyword, so that it surely finds what the calls after it need.
        var keywords = new string[_found.Count == 0 ? 0 : random.Below(3)];
        for (var i = 0; i < keywords.Length; i++)
        {
            keywords[i] = random.Of(RunNames.Keywords);
        }

        var page = await _client.SearchItemsForSaleAsync(category, keywords, cancellationToken: cancellationToken);
        if (page.Items.Count > 0)
        {
            _found = page.Items;
        }
    }

    private async Task SaveCartAsync(CancellationToken cancellationToken)
    {
        Answers.SavedCart = null;
        _cart = await _client.SaveCartAsync(cancellationToken: cancellationToken);
        Answers.SavedCart = _cart.Lines.ToDictionary(line => line.ItemId, line => line.Quantity);
    }

    private async Task PurchaseAsync(CancellationToken cancellationToken)
    {
        try
        {
            // The buyer agrees to pay what the last answer has shown.
            var receipt = await _client.MakePurchaseAsync(
                _card with
                {
                    ExpectedTotal = _cart?.Total,
                },
                cancellationToken: cancellationToken
            );
            Contradicts(
                _cart is not null && receipt.Total != _cart.Total,
                "MakePurchase charges another total than its buyer agreed to"
            );
            Answers.Receipts.Add(receipt);
            _cart = s_empty;
            foreach (var line in receipt.Lines)
            {
                _unrated.Add(line.ItemId);
                // What was bought leaves the saved cart too, so that it does not come back at the next login.
                if (
                    Answers.SavedCart?.TryGetValue(line.ItemId, out var saved) == true
                    && (Answers.SavedCart[line.ItemId] = saved - line.Quantity) <= 0
                )
                {
                    Answers.SavedCart.Remove(line.ItemId);
                }
            }
        }
        catch (AgoraException e) when (e is { Code: ErrorCodes.PriceChanged, Total: { } total })
        {
            Contradicts(total == _cart?.Total, "MakePurchase says that the price has changed, but it has not");
            _cart = new() { Lines = e.Lines, Total = total };
            throw;
        }
        catch (AgoraException e) when (IsFailure(MarketplaceFunction.MakePurchase, e))
        {
            Answers.MaybePurchases++;
            Answers.SavedCart = null;
            _cart = null;
            throw;
        }
    }

    private async Task RateAsync(SeededRandom random, CancellationToken cancellationToken)
    {
        // Where there is nothing to rate, the vote is refused, as it should be.
        var item = _unrated.Count > 0 ? random.Of(_unrated) : AnyItem(ref random)?.Id ?? RunNames.NoItem;
        var up = random.Below(4) > 0;
        try
        {
            await _client.ProvideFeedbackAsync(item, up ? Thumb.Up : Thumb.Down, cancellationToken: cancellationToken);
            Count(item, up ? new(1, 0, 0) : new(0, 1, 0));
        }
        catch (AgoraException e) when (IsFailure(MarketplaceFunction.ProvideFeedback, e))
        {
            Count(item, new(0, 0, 1));
            throw;
        }
    }

    private void Count(string item, VoteCount votes)
    {
        Answers.Votes[item] = Answers.Votes.GetValueOrDefault(item) + votes;
        _unrated.Remove(item);
    }

    protected override Task AskAsync(CancellationToken cancellationToken) =>
        _client.DisplayCartAsync(cancellationToken);
}
