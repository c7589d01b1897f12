using System.Globalization;
using Agora.Client;
using Agora.Evaluation;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>
/// A buyer, who calls through two clients that begin with different servers: account, items and cart.
/// </summary>
internal sealed partial class ChaosBuyer : ChaosClient
{
    private const int MaxLines = 4;
    private const int MinCalls = 60;
    private const int MaxExtraCalls = 240;

    private readonly PurchaseRequest _card;
    private readonly BuyerClient _one;
    private readonly BuyerClient _other;
    private readonly BuyerAnswers _answers;

    // All items that this account has put into its cart, and how often it has bought and rated each. The number of the
    // account's calls bounds both.
    private readonly Dictionary<string, ListedItem> _items = [];
    private readonly Dictionary<string, (int Bought, int Rated)> _bought = [];
    private ExpectedCart _cart = new();

    public ChaosBuyer(
        Round round,
        ChaosUser user,
        IReadOnlyList<Uri> servers,
        PurchaseRequest card,
        Action<BuyerAnswers> keep
    )
        : base(round, user)
    {
        _card = card;
        _answers = new(Name);
        keep(_answers);
        _one = new(servers, Options(0));
        _other = new(servers, Options(1));
    }

    protected override bool IsLoggedIn => _one.Token is not null;

    public override async Task LiveAsync(CancellationToken cancellationToken)
    {
        var created = await CallAsync(
            MarketplaceFunction.BuyerCreateAccount,
            key => _one.CreateAccountAsync("Buyer", Name, RunNames.Password, key, cancellationToken)
        );
        if (created.End != CallEnd.Done)
        {
            return;
        }

        _answers.AccountId = created.Value!.BuyerId;
        await CallAroundAsync(MinCalls + Random.Below(MaxExtraCalls), cancellationToken);
    }

    public override void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
    }

    private BuyerClient Either() => Random.Below(2) == 0 ? _one : _other;

    // Mostly an item in stock, and mostly one of the last registered, so that several buyers meet at it.
    private ListedItem? AnyItem()
    {
        var open = Round.Listings.Open;
        for (var attempt = 0; attempt < 3 && open.Count > 0; attempt++)
        {
            var listed = open[Math.Max(Random.Below(open.Count), Random.Below(open.Count))];
            if (listed.IsInStock || attempt == 2)
            {
                return listed;
            }
        }

        return null;
    }

    protected override Task CallAnythingAsync(CancellationToken cancellationToken)
    {
        var listed = AnyItem();
        return Random.Below(100) switch
        {
            _ when listed is null => DisplayCartAsync(cancellationToken),
            < 14 => SearchAsync(listed.Category, cancellationToken),
            < 28 => GetItemAsync(listed, cancellationToken),
            < 50 => AddAsync(listed, cancellationToken),
            < 55 => RemoveAsync(listed, cancellationToken),
            < 59 => SaveAsync(cancellationToken),
            < 60 => ClearAsync(cancellationToken),
            < 68 => DisplayCartAsync(cancellationToken),
            < 82 => PurchaseAsync(cancellationToken),
            < 90 => RateAsync(listed, cancellationToken),
            < 94 => ReadRatingAsync(listed, cancellationToken),
            < 98 => ReadPurchasesAsync(cancellationToken),
            _ => LogoutAsync(cancellationToken),
        };
    }

    protected override async Task LoginAsync(CancellationToken cancellationToken)
    {
        var login = await CallAsync(
            MarketplaceFunction.BuyerLogin,
            _ => _one.LoginAsync(Name, RunNames.Password, cancellationToken: cancellationToken)
        );
        if (login.End == CallEnd.Done)
        {
            (_other.Token, _answers.Token, _answers.LoggedOut) = (_one.Token, _one.Token, false);
            _cart = new(_answers.SavedCart!);
        }
    }

    protected override Task LogoutAsync(CancellationToken cancellationToken) =>
        LogoutAsync(
            _one,
            _other,
            MarketplaceFunction.BuyerLogout,
            MarketplaceFunction.DisplayCart,
            () => _other.DisplayCartAsync(cancellationToken),
            _answers
        );

    private async Task SearchAsync(int category, CancellationToken cancellationToken)
    {
        var shown = Round
            .Listings.Open.Where(i => i.Category == category)
            .Select(i => (Item: i, Read: i.History.Begin(Name, new(ItemAction.Read))))
            .ToList();
        string[] keywords = Random.Below(3) == 0 ? ["Chaos"] : [];
        var answer = await CallAsync(
            MarketplaceFunction.SearchItemsForSale,
            _ => Either().SearchItemsForSaleAsync(category, keywords, limit: 100, cancellationToken: cancellationToken)
        );
        if (answer.End != CallEnd.Done)
        {
            shown.ForEach(s => s.Read.Discard());
            return;
        }

        var page = answer.Value!;
        Check(
            "searches in order",
            IsInOrder(page.Items),
            () =>
                $"SearchItemsForSale in category {category} shows, in this order, "
                + string.Join(", ", page.Items.Select(i => $"{i.Id} +{i.Feedback.ThumbsUp} -{i.Feedback.ThumbsDown}"))
        );
        Check(
            "searches of what is on sale",
            page.Items.All(i => i.Quantity > 0 && i.Category == category),
            () => $"SearchItemsForSale in category {category} shows what is not on sale there"
        );
        var found = page.Items.ToDictionary(i => i.Id);
        foreach (var (listed, read) in shown)
        {
            if (found.TryGetValue(listed.Id, out var item))
            {
                Seen(listed, read, item);
            }
            else if (page.NextCursor is null)
            {
                // The item was registered before the search began, and the search shows all items on sale without it.
                // So it has no unit left.
                read.Answer(new(ItemAction.HasFewer, 1));
                listed.IsInStock = false;
            }
            else
            {
                read.Discard();
            }
        }
    }

    // All items have the same keywords, so those with better feedback come first, and then those with lower numbers.
    private static bool IsInOrder(IReadOnlyList<Item> items) =>
        items
            .Zip(items.Skip(1))
            .All(pair =>
                (Feedback(pair.First), -Number(pair.First)).CompareTo((Feedback(pair.Second), -Number(pair.Second))) > 0
            );

    private static long Feedback(Item item) => item.Feedback.ThumbsUp - item.Feedback.ThumbsDown;

    private static long Number(Item item) =>
        long.Parse(item.Id.AsSpan(item.Id.IndexOf('-', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture);

    private void Seen(ListedItem listed, ObjectHistory<ItemState, ItemCall>.RecordedCall read, Item item)
    {
        read.Answer(new(ItemAction.Read, Seen: ItemState.Of(item)));
        listed.IsInStock = item.Quantity > 0;
        Check(
            "items as registered",
            item.Name == listed.Name && item.Category == listed.Category && item.SellerId == listed.Seller.SellerId,
            () =>
                $"item {listed.Id} is shown as {item.Name} in category {item.Category} of seller {item.SellerId}, "
                + $"and was registered as {listed.Name} in {listed.Category} by {listed.Seller.SellerId}"
        );
    }

    private async Task GetItemAsync(ListedItem listed, CancellationToken cancellationToken)
    {
        var read = listed.History.Begin(Name, new(ItemAction.Read));
        var answer = await CallAsync(
            MarketplaceFunction.GetItem,
            _ => Either().GetItemAsync(listed.Id, cancellationToken)
        );
        if (answer.End == CallEnd.Done)
        {
            Seen(listed, read, answer.Value!);
        }
        else
        {
            read.Discard();
        }
    }

    private async Task AddAsync(ListedItem listed, CancellationToken cancellationToken)
    {
        if (_cart.Count >= MaxLines && _cart[listed.Id] == 0)
        {
            await PurchaseAsync(cancellationToken);
            return;
        }

        _items[listed.Id] = listed;
        var units = 1 + Random.Below(3);
        var wanted = _cart[listed.Id] + units;
        var call = listed.History.Begin(Name, new(ItemAction.HasAtLeast, wanted));
        var answer = await CallAsync(
            MarketplaceFunction.AddItemToCart,
            key => Either().AddItemToCartAsync(listed.Id, units, key, cancellationToken)
        );
        switch (answer.End)
        {
            case CallEnd.Done:
                call.Answer();
                _cart[listed.Id] = wanted;
                CheckCart("AddItemToCart", answer.Value!);
                break;
            case CallEnd.Refused:
                call.Answer(new(ItemAction.HasFewer, wanted));
                listed.IsInStock = false;
                break;
            case CallEnd.NotDone:
                call.Discard();
                break;
            default:
                // No call uses this session again, so no answer will show whether the item is in its cart.
                break;
        }
    }

    private async Task RemoveAsync(ListedItem listed, CancellationToken cancellationToken)
    {
        var id = _cart.Count > 0 && Random.Below(8) > 0 ? Random.Of([.. _cart.Units.Keys]) : listed.Id;
        int? units = Random.Below(2) == 0 ? 1 : null;
        var held = _cart[id];
        var answer = await CallAsync(
            MarketplaceFunction.RemoveItemFromCart,
            key => Either().RemoveItemFromCartAsync(id, units, key, cancellationToken)
        );
        if (answer.End == CallEnd.Refused)
        {
            Check("carts", held == 0, () => $"RemoveItemFromCart does not find {id} in a cart that holds {_cart}");
        }
        else if (answer.End == CallEnd.Done)
        {
            _cart.Remove(id, units ?? held);
            CheckCart("RemoveItemFromCart", answer.Value!);
            Check("carts", held > 0, () => $"RemoveItemFromCart finds {id}, which is not in the cart");
        }
    }

    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        var answer = await CallAsync(
            MarketplaceFunction.SaveCart,
            key => Either().SaveCartAsync(key, cancellationToken)
        );
        if (answer.End == CallEnd.Done)
        {
            _answers.SavedCart = new(_cart.Units);
            CheckCart("SaveCart", answer.Value!);
        }
        else if (answer.End == CallEnd.Unknown)
        {
            _answers.SavedCart = null;
        }
    }

    private async Task ClearAsync(CancellationToken cancellationToken)
    {
        var answer = await CallAsync(
            MarketplaceFunction.ClearCart,
            async key =>
            {
                await Either().ClearCartAsync(key, cancellationToken);
                return true;
            }
        );
        if (answer.End == CallEnd.Done)
        {
            _cart = new();
        }
    }

    private async Task DisplayCartAsync(CancellationToken cancellationToken)
    {
        var reads = _cart
            .Units.Keys.Select(id => (Id: id, Call: _items[id].History.Begin(Name, new(ItemAction.ReadLine))))
            .ToList();
        var answer = await CallAsync(
            MarketplaceFunction.DisplayCart,
            _ => Either().DisplayCartAsync(cancellationToken)
        );
        if (answer.End == CallEnd.Done)
        {
            CheckCart("DisplayCart", answer.Value!);
        }

        foreach (var (id, read) in reads)
        {
            if (answer.Value?.Lines.FirstOrDefault(line => line.ItemId == id) is { } line)
            {
                read.Answer(ItemCall.ReadOf(line));
            }
            else
            {
                read.Discard();
            }
        }
    }

    private async Task ReadRatingAsync(ListedItem listed, CancellationToken cancellationToken)
    {
        var read = listed.Seller.Rating.Begin(Name, new(null));
        var answer = await CallAsync(
            MarketplaceFunction.BuyerGetSellerRating,
            _ => Either().GetSellerRatingAsync(listed.Seller.SellerId, cancellationToken)
        );
        if (answer.End == CallEnd.Done)
        {
            read.Answer(new(null, new(answer.Value!.ThumbsUp, answer.Value.ThumbsDown)));
        }
        else
        {
            read.Discard();
        }
    }

    private void CheckCart(string function, Cart cart)
    {
        _cart.Total = cart.Total;
        Check(
            "carts",
            _cart.Matches(cart),
            () =>
                FormattableString.Invariant(
                    $"{function} shows {ExpectedCart.Text(cart.Lines)} for {cart.Total}, and the cart must hold {_cart}"
                )
        );
    }
}
