using System.Globalization;
using System.Runtime.InteropServices;
using Agora.Client;

namespace Agora.Evaluation;

/// <summary>Votes on an item: given, and sent without an answer.</summary>
internal record struct Votes(int Up, int Down, int Maybe);

/// <summary>A buyer of the evaluation, and what the marketplace has answered him.</summary>
internal sealed class BuyerTrader : Trader
{
    private readonly BuyerClient _client;
    private readonly Stall _stall;
    private readonly PurchaseRequest _card;
    private readonly List<string> _unrated = [];
    private IReadOnlyList<Item> _found = [];
    private IReadOnlyList<CartLine> _cart = [];

    /// <param name="plan">His calls.</param>
    /// <param name="servers">All buyer servers.</param>
    /// <param name="index">His number among the buyers; also where in the list of servers he begins.</param>
    /// <param name="stall">Where he buys.</param>
    /// <param name="card">His card.</param>
    public BuyerTrader(Step[] plan, IEnumerable<Uri> servers, int index, Stall stall, PurchaseRequest card) : base(plan)
    {
        _client = new BuyerClient(servers, Options(index));
        _stall = stall;
        _card = card;
        Username = string.Create(CultureInfo.InvariantCulture, $"buyer-{stall.Tag}-{index}");
    }

    public override string Username { get; }

    public override Uri Server => _client.Servers.Current;

    /// <summary>Every purchase that was answered.</summary>
    public List<Receipt> Receipts { get; } = [];

    /// <summary>Purchases that were sent and not answered: they may have been made.</summary>
    public int MaybePurchases { get; private set; }

    /// <summary>Votes by item.</summary>
    public Dictionary<string, Votes> Votes { get; } = [];

    /// <summary>
    /// Units by item that the account's saved cart must hold: as saved last, without what was bought since. Null where an answer is missing
    /// that would tell.
    /// </summary>
    public Dictionary<string, int>? SavedCart { get; private set; } = [];

    protected override async Task CallAsync(Function function, Dice dice, CancellationToken cancel)
    {
        switch (function)
        {
            case Function.BuyerCreateAccount:
                AccountId = (await _client.CreateAccountAsync("Buyer", Username, Stall.Password, cancel: cancel).ConfigureAwait(false)).BuyerId;
                break;
            case Function.BuyerLogin:
                await _client.LoginAsync(Username, Stall.Password, cancel: cancel).ConfigureAwait(false);
                _cart = [];
                break;
            case Function.BuyerLogout:
                await _client.LogoutAsync(cancel: cancel).ConfigureAwait(false);
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
                _cart = (await _client.AddItemToCartAsync(item?.Id ?? Stall.NoItem, quantity, cancel: cancel).ConfigureAwait(false)).Lines;
                break;
            case Function.RemoveItemFromCart:
                // Where the cart is empty against expectation, he is told so.
                var removed = _cart.Count > 0 ? dice.Of(_cart).ItemId : Any(ref dice)?.Id ?? Stall.NoItem;
                _cart = (await _client.RemoveItemFromCartAsync(removed, dice.Below(2) == 0 ? 1 : null, cancel: cancel).ConfigureAwait(false)).Lines;
                break;
            case Function.SaveCart:
                await SaveCartAsync(cancel).ConfigureAwait(false);
                break;
            case Function.ClearCart:
                await _client.ClearCartAsync(cancel: cancel).ConfigureAwait(false);
                _cart = [];
                break;
            case Function.DisplayCart:
                _cart = (await _client.DisplayCartAsync(cancel).ConfigureAwait(false)).Lines;
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
                await _client.GetBuyerPurchasesAsync(cancel: cancel).ConfigureAwait(false);
                break;
            default:
                throw new InvalidOperationException($"A buyer does not call {function}.");
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
        try
        {
            _cart = (await _client.SaveCartAsync(cancel: cancel).ConfigureAwait(false)).Lines;
            SavedCart = _cart.ToDictionary(line => line.ItemId, line => line.Quantity);
        }
        catch (AgoraException e) when (IsFailure(Function.SaveCart, e))
        {
            SavedCart = null;
            throw;
        }
    }

    private async Task PurchaseAsync(CancellationToken cancel)
    {
        try
        {
            var receipt = await _client.MakePurchaseAsync(_card, cancel: cancel).ConfigureAwait(false);
            Receipts.Add(receipt);
            _cart = [];
            foreach (var line in receipt.Lines)
            {
                _unrated.Add(line.ItemId);
                if (SavedCart?.TryGetValue(line.ItemId, out var saved) == true)
                {
                    SavedCart[line.ItemId] = Math.Max(0, saved - line.Quantity);
                }
            }
        }
        catch (AgoraException e) when (IsFailure(Function.MakePurchase, e))
        {
            MaybePurchases++;
            SavedCart = null;
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
            ref var votes = ref CollectionsMarshal.GetValueRefOrAddDefault(Votes, item, out _);
            votes = up ? votes with { Up = votes.Up + 1 } : votes with { Down = votes.Down + 1 };
            _unrated.Remove(item);
        }
        catch (AgoraException e) when (IsFailure(Function.ProvideFeedback, e))
        {
            ref var votes = ref CollectionsMarshal.GetValueRefOrAddDefault(Votes, item, out _);
            votes.Maybe++;
            _unrated.Remove(item);
            throw;
        }
    }

    public override void Dispose() => _client.Dispose();
}
