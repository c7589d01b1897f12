using System.Globalization;
using Agora.Client;

namespace Agora.Evaluation;

/// <summary>A buyer of the evaluation, and what the marketplace has answered him.</summary>
internal sealed class BuyerTrader : Trader
{
    private static readonly Cart s_empty = new() { Lines = [], Total = 0 };

    private readonly BuyerClient _client;
    private readonly Stall _stall;
    private readonly PurchaseRequest _card;
    private readonly List<string> _unrated = [];
    private IReadOnlyList<Item> _found = [];

    // As answered last; null where it is not known.
    private Cart? _cart;

    /// <param name="plan">His calls.</param>
    /// <param name="servers">All buyer servers.</param>
    /// <param name="index">His number among the buyers.</param>
    /// <param name="server">The server that he begins with, of a list that goes round.</param>
    /// <param name="stall">Where he buys.</param>
    /// <param name="card">His card.</param>
    public BuyerTrader(Step[] plan, IEnumerable<Uri> servers, int index, int server, Stall stall, PurchaseRequest card) : base(plan, stall.Authority)
    {
        _client = new BuyerClient(servers, Options(index, server));
        _stall = stall;
        _card = card;
        Answers = new(string.Create(CultureInfo.InvariantCulture, $"buyer-{stall.Tag}-{index}"));
    }

    public BuyersAnswers Answers { get; }

    protected override MarketplaceClient Client => _client;

    protected override Answers AllAnswers => Answers;

    protected override async Task CallAsync(Function function, Dice dice, CancellationToken cancel)
    {
        switch (function)
        {
            case Function.BuyerCreateAccount:
                Answers.AccountId = (await _client.CreateAccountAsync("Buyer", Answers.Username, Stall.Password, cancel: cancel).ConfigureAwait(false)).BuyerId;
                break;
            case Function.BuyerLogin:
                _cart = null;
                LoggedIn((await _client.LoginAsync(Answers.Username, Stall.Password, cancel: cancel).ConfigureAwait(false)).Token);
                break;
            case Function.BuyerLogout:
                await LogoutAsync(cancel).ConfigureAwait(false);
                break;
            case Function.SearchItemsForSale:
                await SearchAsync(dice, cancel).ConfigureAwait(false);
                break;
            case Function.GetItem:
                await _client.GetItemAsync(Any(ref dice)?.Id ?? Stall.NoItem, cancel).ConfigureAwait(false);
                break;
            case Function.AddItemToCart:
                var item = Any(ref dice);
                var quantity = item?.Quantity > 1 ? 1 + dice.Below(2) : 1;
                await ChangeCartAsync(() => _client.AddItemToCartAsync(item?.Id ?? Stall.NoItem, quantity, cancel: cancel)).ConfigureAwait(false);
                break;
            case Function.RemoveItemFromCart:
                // Where the cart is empty against expectation, he is told so.
                var removed = _cart is { Lines.Count: > 0 } ? dice.Of(_cart.Lines).ItemId : Any(ref dice)?.Id ?? Stall.NoItem;
                int? units = dice.Below(2) == 0 ? 1 : null;
                await ChangeCartAsync(() => _client.RemoveItemFromCartAsync(removed, units, cancel: cancel)).ConfigureAwait(false);
                break;
            case Function.SaveCart:
                await SaveCartAsync(cancel).ConfigureAwait(false);
                break;
            case Function.ClearCart:
                await ChangeCartAsync(async () =>
                {
                    await _client.ClearCartAsync(cancel: cancel).ConfigureAwait(false);
                    return s_empty;
                }).ConfigureAwait(false);
                break;
            case Function.DisplayCart:
                var shown = await _client.DisplayCartAsync(cancel).ConfigureAwait(false);
                Contradicts(_cart is not null && !Contents(shown).SequenceEqual(Contents(_cart)), "DisplayCart shows another cart than the last answer about it");
                _cart = shown;
                break;
            case Function.MakePurchase:
                await PurchaseAsync(cancel).ConfigureAwait(false);
                break;
            case Function.ProvideFeedback:
                await RateAsync(dice, cancel).ConfigureAwait(false);
                break;
            case Function.BuyerGetSellerRating:
                await _client.GetSellerRatingAsync(Any(ref dice)?.SellerId ?? 0, cancel).ConfigureAwait(false);
                break;
            case Function.GetBuyerPurchases:
                var history = (await _client.GetBuyerPurchasesAsync(cancel: cancel).ConfigureAwait(false)).Purchases;
                Contradicts(
                    Answers is { MaybePurchases: 0, Receipts: [.., var last] } && (history.Count == 0 || history[0].PurchaseId != last.PurchaseId),
                    "GetBuyerPurchases does not begin with the last purchase that was answered");
                break;
            default:
                throw new InvalidOperationException($"A buyer does not call {function}.");
        }
    }

    // Prices and units on sale change without its buyer.
    private static IEnumerable<(string, int)> Contents(Cart cart) => cart.Lines.Select(line => (line.ItemId, line.Quantity));

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
            _cart = await change().ConfigureAwait(false);
        }
        catch (AgoraException e) when (e.Code is ErrorCodes.NotEnoughUnits or ErrorCodes.NotInCart)
        {
            _cart = before;
            throw;
        }
    }

    // Where no search has succeeded there is none, and the call fails, as it should.
    private Item? Any(ref Dice dice) => _found.Count > 0 ? dice.Of(_found) : null;

    private async Task SearchAsync(Dice dice, CancellationToken cancel)
    {
        var category = _stall.FirstCategory + dice.Below(Stall.Categories);
        // The first search names no keyword: it finds something for certain, which the calls after it need.
        var keywords = new string[_found.Count == 0 ? 0 : dice.Below(3)];
        for (var i = 0; i < keywords.Length; i++)
        {
            keywords[i] = dice.Of(Stall.Keywords);
        }
        var page = await _client.SearchItemsForSaleAsync(category, keywords, cancel: cancel).ConfigureAwait(false);
        if (page.Items.Count > 0)
        {
            _found = page.Items;
        }
    }

    private async Task SaveCartAsync(CancellationToken cancel)
    {
        Answers.SavedCart = null;
        _cart = await _client.SaveCartAsync(cancel: cancel).ConfigureAwait(false);
        Answers.SavedCart = _cart.Lines.ToDictionary(line => line.ItemId, line => line.Quantity);
    }

    private async Task PurchaseAsync(CancellationToken cancel)
    {
        try
        {
            // What was shown last is what this buyer agrees to pay.
            var receipt = await _client.MakePurchaseAsync(_card with { ExpectedTotal = _cart?.Total }, cancel: cancel).ConfigureAwait(false);
            Contradicts(_cart is not null && receipt.Total != _cart.Total, "MakePurchase charges something else than its buyer agreed to");
            Answers.Receipts.Add(receipt);
            _cart = s_empty;
            foreach (var line in receipt.Lines)
            {
                _unrated.Add(line.ItemId);
                // What was bought leaves the saved cart too, so that it does not come back at the next login.
                if (Answers.SavedCart?.TryGetValue(line.ItemId, out var saved) == true && (Answers.SavedCart[line.ItemId] = saved - line.Quantity) <= 0)
                {
                    Answers.SavedCart.Remove(line.ItemId);
                }
            }
        }
        catch (AgoraException e) when (e is { Code: ErrorCodes.PriceChanged, Total: { } total })
        {
            Contradicts(total == _cart?.Total, "MakePurchase says that the price has changed, and it has not");
            _cart = new() { Lines = e.Lines, Total = total };
            throw;
        }
        catch (AgoraException e) when (IsFailure(Function.MakePurchase, e))
        {
            Answers.MaybePurchases++;
            Answers.SavedCart = null;
            _cart = null;
            throw;
        }
    }

    private async Task RateAsync(Dice dice, CancellationToken cancel)
    {
        // Without anything to rate, the vote is refused, as it should be.
        var item = _unrated.Count > 0 ? dice.Of(_unrated) : Any(ref dice)?.Id ?? Stall.NoItem;
        var up = dice.Below(4) > 0;
        try
        {
            await _client.ProvideFeedbackAsync(item, up ? Thumb.Up : Thumb.Down, cancel: cancel).ConfigureAwait(false);
            Count(item, up ? new(1, 0, 0) : new(0, 1, 0));
        }
        catch (AgoraException e) when (IsFailure(Function.ProvideFeedback, e))
        {
            Count(item, new(0, 0, 1));
            throw;
        }
    }

    private void Count(string item, Votes votes)
    {
        Answers.Votes[item] = Answers.Votes.GetValueOrDefault(item) + votes;
        _unrated.Remove(item);
    }

    protected override Task AskAsync(CancellationToken cancel) => _client.DisplayCartAsync(cancel);
}
