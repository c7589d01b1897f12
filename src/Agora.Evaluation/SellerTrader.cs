using System.Globalization;
using Agora.Client;

namespace Agora.Evaluation;

/// <summary>A seller of the evaluation, and what the marketplace has answered him.</summary>
internal sealed class SellerTrader : Trader
{
    private readonly SellerClient _client;
    private readonly Stall _stall;
    private readonly List<string> _ids = [];
    private readonly int? _quantity;
    private int _registered;

    /// <param name="plan">His calls.</param>
    /// <param name="servers">All seller servers.</param>
    /// <param name="index">His number among the sellers.</param>
    /// <param name="server">The server that he begins with, of a list that goes round.</param>
    /// <param name="stall">Where he sells.</param>
    /// <param name="quantity">Units of each of his items; without it, a few.</param>
    public SellerTrader(Step[] plan, IEnumerable<Uri> servers, int index, int server, Stall stall, int? quantity = null) : base(plan, stall.Authority)
    {
        _client = new SellerClient(servers, Options(index, server));
        _stall = stall;
        _quantity = quantity;
        Answers = new(string.Create(CultureInfo.InvariantCulture, $"seller-{stall.Tag}-{(quantity is null ? "" : "w")}{index}"));
    }

    public SellersAnswers Answers { get; }

    protected override MarketplaceClient Client => _client;

    protected override Answers AllAnswers => Answers;

    protected override async Task CallAsync(Function function, Dice dice, CancellationToken cancel)
    {
        switch (function)
        {
            case Function.SellerCreateAccount:
                Answers.AccountId = (await _client.CreateAccountAsync("Seller", Answers.Username, Stall.Password, cancel: cancel).ConfigureAwait(false)).SellerId;
                break;
            case Function.SellerLogin:
                LoggedIn((await _client.LoginAsync(Answers.Username, Stall.Password, cancel: cancel).ConfigureAwait(false)).Token);
                break;
            case Function.SellerLogout:
                await LogoutAsync(cancel).ConfigureAwait(false);
                break;
            case Function.SellerGetSellerRating:
                await _client.GetSellerRatingAsync(cancel).ConfigureAwait(false);
                break;
            case Function.RegisterItemForSale:
                await RegisterAsync(dice, cancel).ConfigureAwait(false);
                break;
            case Function.ChangeItemPrice:
                await ChangePriceAsync(dice, cancel).ConfigureAwait(false);
                break;
            case Function.UpdateUnitsForSale:
                await WithdrawAsync(dice, cancel).ConfigureAwait(false);
                break;
            case Function.DisplayItemsForSale:
                await _client.DisplayItemsForSaleAsync(cancel: cancel).ConfigureAwait(false);
                break;
            default:
                throw new InvalidOperationException($"A seller does not call {function}.");
        }
    }

    private async Task RegisterAsync(Dice dice, CancellationToken cancel)
    {
        var number = _registered++;
        var keywords = new string[3];
        var first = dice.Below(Stall.Keywords.Count);
        for (var i = 0; i < keywords.Length; i++)
        {
            keywords[i] = Stall.Keywords[(first + i * 5) % Stall.Keywords.Count];
        }
        var item = new OwnItem(
            string.Create(CultureInfo.InvariantCulture, $"{Answers.Username}-{number}"), _quantity ?? 5 + dice.Below(46), Price(ref dice));
        try
        {
            var answer = await _client.RegisterItemForSaleAsync(
                new()
                {
                    Name = item.Name,
                    Category = _stall.FirstCategory + number % Stall.Categories,
                    Keywords = keywords,
                    Condition = dice.Below(2) == 0 ? ItemCondition.New : ItemCondition.Used,
                    Price = item.Price,
                    Quantity = item.Registered,
                },
                cancel: cancel).ConfigureAwait(false);
            Answers.Items.Add(answer.ItemId, item);
            _ids.Add(answer.ItemId);
        }
        catch (AgoraException e) when (IsFailure(Function.RegisterItemForSale, e))
        {
            Answers.MaybeItems.Add(item);
            throw;
        }
    }

    private async Task ChangePriceAsync(Dice dice, CancellationToken cancel)
    {
        var (id, item) = Any(ref dice);
        var price = Price(ref dice);
        try
        {
            await _client.ChangeItemPriceAsync(id, price, cancel: cancel).ConfigureAwait(false);
            item.Price = price;
        }
        catch (AgoraException e) when (IsFailure(Function.ChangeItemPrice, e))
        {
            item.Price = null;
            throw;
        }
    }

    private async Task WithdrawAsync(Dice dice, CancellationToken cancel)
    {
        var (id, item) = Any(ref dice);
        try
        {
            await _client.UpdateUnitsForSaleAsync(id, 1, cancel: cancel).ConfigureAwait(false);
            item.Withdrawn++;
        }
        catch (AgoraException e) when (IsFailure(Function.UpdateUnitsForSale, e))
        {
            item.MaybeWithdrawn++;
            throw;
        }
    }

    // Where no registration has succeeded there is none, and the call fails, as it should.
    private (string Id, OwnItem Item) Any(ref Dice dice)
    {
        var id = _ids.Count > 0 ? dice.Of(_ids) : Stall.NoItem;
        return (id, Answers.Items.TryGetValue(id, out var item) ? item : new OwnItem("", 0, 0));
    }

    private static decimal Price(ref Dice dice) => (100 + dice.Below(50_000)) / 100m;

    protected override Task AskAsync(CancellationToken cancel) => _client.GetSellerRatingAsync(cancel);
}
