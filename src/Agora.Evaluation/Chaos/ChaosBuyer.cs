using System.Globalization;
using Agora.Client;

namespace Agora.Evaluation.Chaos;

/// <summary>Buyers, one after the other, each through two servers at a time.</summary>
internal sealed class ChaosBuyer(Round round, int place, IReadOnlyList<Uri> servers, PurchaseRequest card, Action<BuyersAnswers> keep) : ChaosClient(round, "buyer", place)
{
    private const int MostLines = 4;
    private const int FewestCalls = 60;
    private const int MoreCalls = 240;
    private const int HistoryPage = 50;

    // Everything that this account has had to do with, and how often it may still rate it: bounded by its calls.
    private readonly Dictionary<string, Ware> _wares = [];
    private readonly Dictionary<string, (int Bought, int Rated)> _bought = [];
    private Dictionary<string, int> _cart = [];

    // What the cart costs as it was answered last, which this buyer agrees to pay; null where that is not known.
    private decimal? _total;
    private BuyerClient _one = null!;
    private BuyerClient _other = null!;
    private BuyersAnswers _answers = null!;

    protected override bool IsLoggedIn => _one.Token is not null;

    protected override async Task LiveAsync(int server, CancellationToken cancel)
    {
        _answers = new(Name);
        keep(_answers);
        _wares.Clear();
        _bought.Clear();
        _cart = [];
        using BuyerClient one = new(servers, Options(server)), other = new(servers, Options(server + 1));
        (_one, _other) = (one, other);
        var created = await CallAsync(Function.BuyerCreateAccount, key => _one.CreateAccountAsync("Buyer", Name, Stall.Password, key, cancel));
        if (created.End != End.Done)
        {
            return;
        }
        _answers.AccountId = created.Value!.BuyerId;
        await CallAroundAsync(FewestCalls + Dice.Below(MoreCalls), cancel);
    }

    private BuyerClient Either() => Dice.Below(2) == 0 ? _one : _other;

    // Mostly something that is in stock, and mostly what was registered last, so that several buyers meet at it.
    private Ware? Any()
    {
        var open = Round.Shop.Open;
        for (var attempt = 0; attempt < 3 && open.Count > 0; attempt++)
        {
            var ware = open[Math.Max(Dice.Below(open.Count), Dice.Below(open.Count))];
            if (ware.IsInStock || attempt == 2)
            {
                return ware;
            }
        }
        return null;
    }

    protected override Task CallAnythingAsync(CancellationToken cancel)
    {
        var ware = Any();
        return Dice.Below(100) switch
        {
            _ when ware is null => DisplayCartAsync(cancel),
            < 14 => SearchAsync(ware.Category, cancel),
            < 28 => GetItemAsync(ware, cancel),
            < 50 => AddAsync(ware, cancel),
            < 55 => RemoveAsync(ware, cancel),
            < 59 => SaveAsync(cancel),
            < 60 => ClearAsync(cancel),
            < 68 => DisplayCartAsync(cancel),
            < 82 => PurchaseAsync(cancel),
            < 90 => RateAsync(ware, cancel),
            < 94 => ReadRatingAsync(ware, cancel),
            < 98 => ReadPurchasesAsync(cancel),
            _ => LogoutAsync(cancel),
        };
    }

    protected override async Task LoginAsync(CancellationToken cancel)
    {
        var login = await CallAsync(Function.BuyerLogin, _ => _one.LoginAsync(Name, Stall.Password, cancel: cancel));
        if (login.End == End.Done)
        {
            (_other.Token, _answers.Token, _answers.LoggedOut) = (_one.Token, _one.Token, false);
            _cart = new(_answers.SavedCart!);
            _total = null;
        }
    }

    protected override Task LogoutAsync(CancellationToken cancel) => LogoutAsync(
        _one, _other, Function.BuyerLogout, Function.DisplayCart, () => _other.DisplayCartAsync(cancel), _answers);

    private async Task SearchAsync(int category, CancellationToken cancel)
    {
        var shown = Round.Shop.Open.Where(w => w.Category == category).Select(w => (Ware: w, Entry: w.History.Begin(Name, new(ItemAct.Read)))).ToList();
        string[] keywords = Dice.Below(3) == 0 ? ["Chaos"] : [];
        var answer = await CallAsync(Function.SearchItemsForSale, _ => Either().SearchItemsForSaleAsync(category, keywords, limit: 100, cancel: cancel));
        if (answer.End != End.Done)
        {
            shown.ForEach(s => s.Entry.Refuse());
            return;
        }
        var page = answer.Value!;
        Check("searches in order", IsInOrder(page.Items), () => $"SearchItemsForSale in category {category} shows, in this order, {string.Join(", ", page.Items.Select(i => $"{i.Id} +{i.Feedback.ThumbsUp} -{i.Feedback.ThumbsDown}"))}");
        Check("searches of what is on sale", page.Items.All(i => i.Quantity > 0 && i.Category == category), () => $"SearchItemsForSale in category {category} shows what is not on sale there");
        var found = page.Items.ToDictionary(i => i.Id);
        foreach (var (ware, entry) in shown)
        {
            if (found.TryGetValue(ware.Id, out var item))
            {
                Seen(ware, entry, item);
            }
            else if (page.NextCursor is null)
            {
                // It was registered before the search began, and is not among all that is on sale: so it has no unit left.
                entry.Answer(new(ItemAct.HasFewer, 1));
                ware.IsInStock = false;
            }
            else
            {
                entry.Refuse();
            }
        }
    }

    // All have the same keywords: better feedback first, then the item's number.
    private static bool IsInOrder(IReadOnlyList<Item> items) => items.Zip(items.Skip(1)).All(pair =>
        (Feedback(pair.First), -Number(pair.First)).CompareTo((Feedback(pair.Second), -Number(pair.Second))) > 0);

    private static long Feedback(Item item) => item.Feedback.ThumbsUp - item.Feedback.ThumbsDown;

    private static long Number(Item item) => long.Parse(item.Id.AsSpan(item.Id.IndexOf('-', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture);

    private void Seen(Ware ware, History<ItemState, ItemCall>.Entry entry, Item item)
    {
        entry.Answer(new(ItemAct.Read, Seen: ItemState.Of(item)));
        ware.IsInStock = item.Quantity > 0;
        Check("items as registered", item.Name == ware.Name && item.Category == ware.Category && item.SellerId == ware.Stand.SellerId,
            () => $"item {ware.Id} is shown as {item.Name} in category {item.Category} of seller {item.SellerId}, and was registered as {ware.Name} in {ware.Category} by {ware.Stand.SellerId}");
    }

    private async Task GetItemAsync(Ware ware, CancellationToken cancel)
    {
        var entry = ware.History.Begin(Name, new(ItemAct.Read));
        var answer = await CallAsync(Function.GetItem, _ => Either().GetItemAsync(ware.Id, cancel));
        if (answer.End == End.Done)
        {
            Seen(ware, entry, answer.Value!);
        }
        else
        {
            entry.Refuse();
        }
    }

    private async Task AddAsync(Ware ware, CancellationToken cancel)
    {
        if (_cart.Count >= MostLines && !_cart.ContainsKey(ware.Id))
        {
            await PurchaseAsync(cancel);
            return;
        }
        _wares[ware.Id] = ware;
        var units = 1 + Dice.Below(3);
        var wanted = _cart.GetValueOrDefault(ware.Id) + units;
        var entry = ware.History.Begin(Name, new(ItemAct.HasAtLeast, wanted));
        var answer = await CallAsync(Function.AddItemToCart, key => Either().AddItemToCartAsync(ware.Id, units, key, cancel));
        switch (answer.End)
        {
            case End.Done:
                entry.Answer();
                _cart[ware.Id] = wanted;
                CheckCart("AddItemToCart", answer.Value!);
                break;
            case End.Refused:
                entry.Answer(new(ItemAct.HasFewer, wanted));
                ware.IsInStock = false;
                break;
            case End.NotDone:
                entry.Refuse();
                break;
            default:
                // The session is never used again, so nobody will see whether this one is in its cart.
                break;
        }
    }

    private async Task RemoveAsync(Ware ware, CancellationToken cancel)
    {
        var id = _cart.Count > 0 && Dice.Below(8) > 0 ? Dice.Of([.. _cart.Keys]) : ware.Id;
        int? units = Dice.Below(2) == 0 ? 1 : null;
        var held = _cart.GetValueOrDefault(id);
        var answer = await CallAsync(Function.RemoveItemFromCart, key => Either().RemoveItemFromCartAsync(id, units, key, cancel));
        if (answer.End == End.Refused)
        {
            Check("carts", held == 0, () => $"RemoveItemFromCart does not find {id} in a cart that holds {Text(_cart)}");
        }
        else if (answer.End == End.Done)
        {
            Take(_cart, id, units ?? held);
            CheckCart("RemoveItemFromCart", answer.Value!);
            Check("carts", held > 0, () => $"RemoveItemFromCart finds {id}, which is not in the cart");
        }
    }

    private async Task SaveAsync(CancellationToken cancel)
    {
        var answer = await CallAsync(Function.SaveCart, key => Either().SaveCartAsync(key, cancel));
        if (answer.End == End.Done)
        {
            _answers.SavedCart = new(_cart);
            CheckCart("SaveCart", answer.Value!);
        }
        else if (answer.End == End.Unknown)
        {
            _answers.SavedCart = null;
        }
    }

    private async Task ClearAsync(CancellationToken cancel)
    {
        var answer = await CallAsync(Function.ClearCart, async key =>
        {
            await Either().ClearCartAsync(key, cancel);
            return true;
        });
        if (answer.End == End.Done)
        {
            (_cart, _total) = ([], null);
        }
    }

    private async Task DisplayCartAsync(CancellationToken cancel)
    {
        var reads = _cart.Keys.Select(id => (Id: id, Entry: _wares[id].History.Begin(Name, new(ItemAct.ReadLine)))).ToList();
        var answer = await CallAsync(Function.DisplayCart, _ => Either().DisplayCartAsync(cancel));
        if (answer.End == End.Done)
        {
            CheckCart("DisplayCart", answer.Value!);
        }
        foreach (var (id, entry) in reads)
        {
            if (answer.Value?.Lines.FirstOrDefault(line => line.ItemId == id) is { } line)
            {
                entry.Answer(Read(line));
            }
            else
            {
                entry.Refuse();
            }
        }
    }

    private static ItemCall Read(CartLine line) => new(ItemAct.ReadLine, line.Available, (long)(line.UnitPrice * 100));

    private async Task PurchaseAsync(CancellationToken cancel)
    {
        var invoked = System.Diagnostics.Stopwatch.GetTimestamp();
        var lines = _cart.Select(line => (Ware: _wares[line.Key], Units: line.Value)).Select(line =>
        {
            var reserve = line.Ware.History.Begin(Name, new(ItemAct.Reserve, line.Units));
            return (line.Ware, line.Units, Reserve: reserve, Release: line.Ware.History.Begin(Name, new(ItemAct.Release, line.Units), reserve));
        }).ToList();
        // One in four pays whatever it costs.
        var agreed = Dice.Below(4) > 0 ? _total : null;
        var answer = await CallAsync(
            Function.MakePurchase, key => Either().MakePurchaseAsync(card with { ExpectedTotal = agreed }, key, cancel), ErrorCodes.PurchaseAbandoned);
        switch (answer.End)
        {
            case End.Done:
                Check("receipts", Matches(answer.Value!, _cart), () => $"MakePurchase of a cart that holds {Text(_cart)} was answered {Text(answer.Value!)}");
                var prices = answer.Value!.Lines.GroupBy(l => l.ItemId).ToDictionary(g => g.Key, g => (long)(g.First().UnitPrice * 100));
                foreach (var (ware, units, reserve, release) in lines)
                {
                    reserve.Answer(reserve.Operation with { Price = prices.GetValueOrDefault(ware.Id) });
                    release.Refuse();
                    _bought[ware.Id] = _bought.GetValueOrDefault(ware.Id) is var (bought, rated) ? (bought + 1, rated) : default;
                    // What was bought leaves the saved cart too, so that it does not come back at the next login.
                    Take(_answers.SavedCart!, ware.Id, units);
                }
                Check("totals that were agreed to", agreed is null || answer.Value.Total == agreed,
                    () => $"MakePurchase of a cart for which {agreed} was agreed to was answered {Text(answer.Value)}");
                Check("purchase ids", _answers.Receipts.All(r => r.PurchaseId != answer.Value.PurchaseId), () => $"purchase {answer.Value.PurchaseId} was answered twice");
                _answers.Receipts.Add(answer.Value);
                (_cart, _total) = ([], null);
                break;
            case End.Refused:
                Check("purchases of an empty cart", answer.Code == ErrorCodes.CartEmpty == (_cart.Count == 0), () => $"MakePurchase of a cart that holds {Text(_cart)} was answered {answer.Code}");
                if (answer.Code == ErrorCodes.PurchaseAbandoned)
                {
                    Check("purchases given up", Round.Excuses.MayBeGivenUp(invoked), () => "MakePurchase was given up, though nothing bad was going on for long");
                    // Units may have been taken and put back, by whoever gave it up; the history may hold both, or neither.
                    break;
                }
                if (answer is { Code: ErrorCodes.PriceChanged, Refusal: { Total: { } now } changed })
                {
                    Check("changed prices", agreed is not null && now != agreed && now == changed.Lines.Sum(l => l.Quantity * l.UnitPrice) && Same(changed.Lines, _cart),
                        () => FormattableString.Invariant($"MakePurchase of {Text(_cart)} for {agreed} was answered that it costs {now} now"));
                    _total = now;
                }
                foreach (var (ware, units, reserve, release) in lines)
                {
                    if (answer.Code is ErrorCodes.PriceChanged or ErrorCodes.NotEnoughUnits)
                    {
                        // All lines were looked at, at one moment; those that are named were as they are shown.
                        release.Refuse();
                        if (answer.Refusal!.Lines.FirstOrDefault(l => l.ItemId == ware.Id) is { } shown)
                        {
                            reserve.Answer(Read(shown));
                        }
                        else
                        {
                            reserve.Answer(new(ItemAct.HasAtLeast, units));
                        }
                        continue;
                    }

                    if (answer.Code == ErrorCodes.PaymentDeclined)
                    {
                        reserve.Answer();
                        release.Answer();
                    }
                    else
                    {
                        reserve.Refuse();
                        release.Refuse();
                    }
                }
                if (answer.Code == ErrorCodes.NotEnoughUnits)
                {
                    Check("lines that lack units", answer.Refusal!.Lines.Count > 0
                            && answer.Refusal.Lines.All(l => l.Available < l.Quantity && _cart.GetValueOrDefault(l.ItemId) == l.Quantity),
                        () => $"MakePurchase of {Text(_cart)} was answered that {Text(answer.Refusal.Lines.ToDictionary(l => l.ItemId, l => l.Quantity))} lack units");
                    await ClearAsync(cancel);
                }
                break;
            case End.NotDone:
                lines.ForEach(l => l.Reserve.Refuse());
                lines.ForEach(l => l.Release.Refuse());
                break;
            default:
                _answers.MaybePurchases++;
                _answers.SavedCart = null;
                break;
        }
    }

    private async Task RateAsync(Ware any, CancellationToken cancel)
    {
        var ware = _bought.Count > 0 && Dice.Below(8) > 0 ? _wares[Dice.Of([.. _bought.Keys])] : any;
        var (bought, rated) = _bought.GetValueOrDefault(ware.Id);
        var up = Dice.Below(4) > 0;
        var onItem = ware.History.Begin(Name, new(up ? ItemAct.ThumbUp : ItemAct.ThumbDown));
        var onSeller = ware.Stand.Rating.Begin(Name, new(up ? Thumb.Up : Thumb.Down));
        var answer = await CallAsync(Function.ProvideFeedback, async key =>
        {
            await Either().ProvideFeedbackAsync(ware.Id, up ? Thumb.Up : Thumb.Down, key, cancel);
            return true;
        });
        if (answer.End is End.Done or End.Refused)
        {
            var right = bought == 0 ? ErrorCodes.NotPurchased : rated >= bought ? ErrorCodes.AlreadyRated : "";
            Check("votes", answer.Code == right, () => FormattableString.Invariant(
                $"ProvideFeedback on {ware.Id}, bought {bought} times and rated {rated} times, was answered {(answer.Code is "" ? "with yes" : answer.Code)}"));
        }
        switch (answer.End)
        {
            case End.Done:
                onItem.Answer();
                onSeller.Answer();
                _bought[ware.Id] = (bought, rated + 1);
                Count(up ? new(1, 0, 0) : new(0, 1, 0));
                break;
            case End.Unknown:
                Count(new(0, 0, 1));
                break;
            default:
                onItem.Refuse();
                onSeller.Refuse();
                break;
        }

        void Count(Votes votes) => _answers.Votes[ware.Id] = _answers.Votes.GetValueOrDefault(ware.Id) + votes;
    }

    private async Task ReadRatingAsync(Ware ware, CancellationToken cancel)
    {
        var entry = ware.Stand.Rating.Begin(Name, new(null));
        var answer = await CallAsync(Function.BuyerGetSellerRating, _ => Either().GetSellerRatingAsync(ware.Stand.SellerId, cancel));
        if (answer.End == End.Done)
        {
            entry.Answer(new(null, new(answer.Value!.ThumbsUp, answer.Value.ThumbsDown)));
        }
        else
        {
            entry.Refuse();
        }
    }

    private async Task ReadPurchasesAsync(CancellationToken cancel)
    {
        var answer = await CallAsync(Function.GetBuyerPurchases, _ => Either().GetBuyerPurchasesAsync(limit: HistoryPage, cancel: cancel));
        if (answer.End != End.Done)
        {
            return;
        }
        var shown = answer.Value!.Purchases;
        var expected = Enumerable.Reverse(_answers.Receipts).Take(HistoryPage).ToList();
        Check("purchase histories", shown.Select(p => p.PurchaseId).SequenceEqual(expected.Select(r => r.PurchaseId))
                && shown.Zip(expected).All(pair => pair.First.Total == pair.Second.Total && pair.First.Lines.SequenceEqual(pair.Second.Lines)),
            () => $"GetBuyerPurchases shows {string.Join(", ", shown.Select(p => p.PurchaseId))}, and was answered before, newest first, {string.Join(", ", expected.Select(r => r.PurchaseId))}");
    }

    private void CheckCart(string function, Cart cart)
    {
        _total = cart.Total;
        Check("carts", Same(cart.Lines, _cart) && cart.Total == cart.Lines.Sum(line => line.Quantity * line.UnitPrice),
            () => FormattableString.Invariant(
                $"{function} shows {Text(cart.Lines.ToDictionary(l => l.ItemId, l => l.Quantity))} for {cart.Total}, and the cart must hold {Text(_cart)}"));
    }

    private static bool Same(IReadOnlyList<CartLine> lines, Dictionary<string, int> expected) =>
        lines.Count == expected.Count && lines.All(line => expected.GetValueOrDefault(line.ItemId) == line.Quantity);

    private static bool Matches(Receipt receipt, Dictionary<string, int> cart) => receipt.Lines.Count == cart.Count
        && receipt.Lines.All(line => cart.GetValueOrDefault(line.ItemId) == line.Quantity) && receipt.Total == receipt.Lines.Sum(l => l.Quantity * l.UnitPrice);

    private static void Take(Dictionary<string, int> cart, string item, int units)
    {
        if (cart.TryGetValue(item, out var held) && (cart[item] = held - units) <= 0)
        {
            cart.Remove(item);
        }
    }

    private static string Text(Dictionary<string, int> cart) =>
        cart.Count == 0 ? "nothing" : string.Join(", ", cart.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => FormattableString.Invariant($"{l.Value} of {l.Key}")));

    private static string Text(Receipt receipt) => FormattableString.Invariant($"{string.Join(", ", receipt.Lines.Select(l => $"{l.Quantity} of {l.ItemId} at {l.UnitPrice}"))}: {receipt.Total}");
}
