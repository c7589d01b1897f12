using System.Globalization;
using Agora.Client;

namespace Agora.Evaluation.Chaos;

/// <summary>Sellers, one after the other, each through two servers at a time.</summary>
internal sealed class ChaosSeller(Round round, int place, IReadOnlyList<Uri> servers, Action<SellersAnswers> keep) : ChaosClient(round, "seller", place)
{
    private const int MostItems = 10;
    private const int FewestCalls = 120;
    private const int MoreCalls = 200;

    // Few items a category, so that a search shows whole categories.
    private const int ItemsInCategory = 4;

    private SellerClient _one = null!;
    private SellerClient _other = null!;
    private SellersAnswers _answers = null!;
    private Stand _stand = null!;
    private int _registered;

    protected override bool IsLoggedIn => _one.Token is not null;

    // A history that is full could hold no more calls.
    protected override bool MayGoOn => !_stand.Rating.IsFull && !_stand.Wares.Any(w => w.History.IsFull);

    protected override async Task LiveAsync(int server, CancellationToken cancel)
    {
        _answers = new(Name);
        keep(_answers);
        _registered = 0;
        using SellerClient one = new(servers, Options(server)), other = new(servers, Options(server + 1));
        (_one, _other) = (one, other);
        var created = await CallAsync(Function.SellerCreateAccount, key => _one.CreateAccountAsync("Seller", Name, Stall.Password, key, cancel));
        if (created.End != End.Done)
        {
            return;
        }
        _answers.AccountId = created.Value!.SellerId;
        _stand = new(created.Value.SellerId, Name);
        Round.Shop.Add(_stand);
        await CallAroundAsync(FewestCalls + Dice.Below(MoreCalls), cancel);
        await Round.Shop.CloseAsync(_stand, cancel);
    }

    private SellerClient Either() => Dice.Below(2) == 0 ? _one : _other;

    private Ware AnyWare() => Dice.Of(_stand.Wares);

    protected override async Task LoginAsync(CancellationToken cancel)
    {
        var login = await CallAsync(Function.SellerLogin, _ => _one.LoginAsync(Name, Stall.Password, cancel: cancel));
        if (login.End == End.Done)
        {
            (_other.Token, _answers.Token, _answers.LoggedOut) = (_one.Token, _one.Token, false);
        }
    }

    protected override Task LogoutAsync(CancellationToken cancel) => LogoutAsync(
        _one, _other, Function.SellerLogout, Function.SellerGetSellerRating, () => _other.GetSellerRatingAsync(cancel), _answers);

    protected override Task CallAnythingAsync(CancellationToken cancel) => (_stand.Wares.Count < 3 ? 0 : Dice.Below(100)) switch
    {
        < 8 when _registered < MostItems => RegisterAsync(cancel),
        < 40 => ChangePriceAsync(cancel),
        < 58 => WithdrawAsync(cancel),
        < 84 => DisplayAsync(cancel),
        < 98 => ReadRatingAsync(cancel),
        _ => LogoutAsync(cancel),
    };

    private async Task RegisterAsync(CancellationToken cancel)
    {
        var number = _registered++;
        // Prices only rise, so that each is told from all others; some items are few, so that they sell out.
        OwnItem item = new(string.Create(CultureInfo.InvariantCulture, $"{Name}-{number}"), 2 + Dice.Below(Dice.Below(3) == 0 ? 6 : 60), (100 + Dice.Below(5000)) / 100m);
        var category = Round.Stall.FirstCategory + Place * MostItems + number / ItemsInCategory;
        var answer = await CallAsync(Function.RegisterItemForSale, key => Either().RegisterItemForSaleAsync(
            new() { Name = item.Name, Category = category, Keywords = ["chaos"], Condition = ItemCondition.New, Price = item.Price, Quantity = item.Registered }, key, cancel));
        switch (answer.End)
        {
            case End.Done:
                _answers.Items.Add(answer.Value!.ItemId, item);
                Ware ware = new(_stand, answer.Value.ItemId, item.Name, category, new((long)(item.Price!.Value * 100), item.Registered, 0, 0));
                _stand.Wares.Add(ware);
                Round.Shop.Add(ware);
                break;
            case End.Unknown:
                _answers.MaybeItems.Add(item);
                break;
        }
    }

    private async Task ChangePriceAsync(CancellationToken cancel)
    {
        var ware = AnyWare();
        var item = _answers.Items[ware.Id];
        var price = item.Price.GetValueOrDefault() + (1 + Dice.Below(50)) / 100m;
        var entry = ware.History.Begin(Name, new(ItemAct.Price, Price: (long)(price * 100)));
        var answer = await CallAsync(Function.ChangeItemPrice, key => Either().ChangeItemPriceAsync(ware.Id, price, key, cancel));
        switch (answer.End)
        {
            case End.Done:
                entry.Answer(entry.Operation with { Seen = ItemState.Of(answer.Value!) });
                item.Price = price;
                break;
            case End.NotDone:
                entry.Refuse();
                break;
            default:
                item.Price = null;
                break;
        }
    }

    private async Task WithdrawAsync(CancellationToken cancel)
    {
        var ware = AnyWare();
        var item = _answers.Items[ware.Id];
        var units = 1 + Dice.Below(3);
        var entry = ware.History.Begin(Name, new(ItemAct.Withdraw, units));
        var answer = await CallAsync(Function.UpdateUnitsForSale, key => Either().UpdateUnitsForSaleAsync(ware.Id, units, key, cancel));
        switch (answer.End)
        {
            case End.Done:
                entry.Answer(entry.Operation with { Seen = ItemState.Of(answer.Value!) });
                item.Withdrawn += units;
                break;
            case End.Refused:
                entry.Answer(new(ItemAct.HasFewer, units));
                break;
            case End.NotDone:
                entry.Refuse();
                break;
            default:
                item.MaybeWithdrawn += units;
                break;
        }
    }

    private async Task DisplayAsync(CancellationToken cancel)
    {
        var entries = _stand.Wares.ToDictionary(w => w.Id, w => w.History.Begin(Name, new(ItemAct.Read)));
        var answer = await CallAsync(Function.DisplayItemsForSale, _ => Either().DisplayItemsForSaleAsync(limit: 200, cancel: cancel));
        if (answer.End != End.Done)
        {
            foreach (var entry in entries.Values)
            {
                entry.Refuse();
            }
            return;
        }
        var items = answer.Value!.Items;
        Check("own items", items.Select(i => i.Id).Order().SequenceEqual(entries.Keys.Order()),
            () => $"DisplayItemsForSale shows {string.Join(", ", items.Select(i => i.Id))}, and has registered {string.Join(", ", entries.Keys)}");
        foreach (var item in items)
        {
            if (entries.TryGetValue(item.Id, out var entry))
            {
                entry.Answer(new(ItemAct.Read, Seen: ItemState.Of(item)));
            }
        }
    }

    private async Task ReadRatingAsync(CancellationToken cancel)
    {
        var entry = _stand.Rating.Begin(Name, new(null));
        var answer = await CallAsync(Function.SellerGetSellerRating, _ => Either().GetSellerRatingAsync(cancel));
        if (answer.End == End.Done)
        {
            entry.Answer(new(null, new(answer.Value!.ThumbsUp, answer.Value.ThumbsDown)));
        }
        else
        {
            entry.Refuse();
        }
    }
}
