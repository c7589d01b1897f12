using System.Globalization;
using Agora.Client;
using Agora.Evaluation;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>A seller, who calls through two clients that begin with different servers.</summary>
internal sealed class ChaosSeller : ChaosClient
{
    private const int MaxItems = 10;
    private const int MinCalls = 120;
    private const int MaxExtraCalls = 200;

    // Few items a category, so that a search shows whole categories.
    private const int ItemsInCategory = 4;

    private readonly SellerClient _one;
    private readonly SellerClient _other;
    private readonly SellerAnswers _answers;
    private readonly ListedSeller _listed;
    private int _registered;

    public ChaosSeller(Round round, ChaosUser user, IReadOnlyList<Uri> servers, Action<SellerAnswers> keep)
        : base(round, user)
    {
        _answers = new(Name);
        keep(_answers);
        _listed = new(Name, round.Time);
        _one = new(servers, Options(0));
        _other = new(servers, Options(1));
    }

    protected override bool IsLoggedIn => _one.Token is not null;

    // A full history could record no more calls.
    protected override bool MayGoOn => !_listed.Rating.IsFull && !_listed.Items.Any(i => i.History.IsFull);

    public override async Task LiveAsync(CancellationToken cancellationToken)
    {
        var created = await CallAsync(
            MarketplaceFunction.SellerCreateAccount,
            key => _one.CreateAccountAsync("Seller", Name, RunNames.Password, key, cancellationToken)
        );
        if (created.End != CallEnd.Done)
        {
            return;
        }

        _answers.AccountId = created.Value!.SellerId;
        _listed.SellerId = created.Value.SellerId;
        Round.Listings.Add(_listed);
        await CallAroundAsync(MinCalls + Random.Below(MaxExtraCalls), cancellationToken);
        await Round.Listings.CloseAsync(_listed, cancellationToken);
    }

    public override void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
    }

    private SellerClient Either() => Random.Below(2) == 0 ? _one : _other;

    private ListedItem AnyItem() => Random.Of(_listed.Items);

    protected override async Task LoginAsync(CancellationToken cancellationToken)
    {
        var login = await CallAsync(
            MarketplaceFunction.SellerLogin,
            _ => _one.LoginAsync(Name, RunNames.Password, cancellationToken: cancellationToken)
        );
        if (login.End == CallEnd.Done)
        {
            (_other.Token, _answers.Token, _answers.LoggedOut) = (_one.Token, _one.Token, false);
        }
    }

    protected override Task LogoutAsync(CancellationToken cancellationToken) =>
        LogoutAsync(
            _one,
            _other,
            MarketplaceFunction.SellerLogout,
            MarketplaceFunction.SellerGetSellerRating,
            () => _other.GetSellerRatingAsync(cancellationToken),
            _answers
        );

    protected override Task CallAnythingAsync(CancellationToken cancellationToken) =>
        (_listed.Items.Count < 3 ? 0 : Random.Below(100)) switch
        {
            < 8 when _registered < MaxItems => RegisterAsync(cancellationToken),
            < 40 => ChangePriceAsync(cancellationToken),
            < 58 => WithdrawAsync(cancellationToken),
            < 84 => DisplayAsync(cancellationToken),
            < 98 => ReadRatingAsync(cancellationToken),
            _ => LogoutAsync(cancellationToken),
        };

    private async Task RegisterAsync(CancellationToken cancellationToken)
    {
        var number = _registered++;
        // Prices only rise, so that no two are equal. Some items have few units, so that they sell out.
        OwnItem item = new(
            string.Create(CultureInfo.InvariantCulture, $"{Name}-{number}"),
            2 + Random.Below(Random.Below(3) == 0 ? 6 : 60),
            (100 + Random.Below(5000)) / 100m
        );
        var category = Round.Names.FirstCategory + User.Place * MaxItems + number / ItemsInCategory;
        var answer = await CallAsync(
            MarketplaceFunction.RegisterItemForSale,
            key =>
                Either()
                    .RegisterItemForSaleAsync(
                        new()
                        {
                            Name = item.Name,
                            Category = category,
                            Keywords = ["chaos"],
                            Condition = ItemCondition.New,
                            Price = item.Price,
                            Quantity = item.Registered,
                        },
                        key,
                        cancellationToken
                    )
        );
        switch (answer.End)
        {
            case CallEnd.Done:
                _answers.Items.Add(answer.Value!.ItemId, item);
                ListedItem listed = new(
                    _listed,
                    answer.Value.ItemId,
                    item.Name,
                    category,
                    new((long)(item.Price!.Value * 100), item.Registered, 0, 0),
                    Round.Time
                );
                _listed.Items.Add(listed);
                Round.Listings.Add(listed);
                break;
            case CallEnd.Unknown:
                _answers.MaybeItems.Add(item);
                break;
        }
    }

    private async Task ChangePriceAsync(CancellationToken cancellationToken)
    {
        var listed = AnyItem();
        var item = _answers.Items[listed.Id];
        var price = item.Price.GetValueOrDefault() + (1 + Random.Below(50)) / 100m;
        var call = listed.History.Begin(Name, new(ItemAction.ChangePrice, Price: (long)(price * 100)));
        var answer = await CallAsync(
            MarketplaceFunction.ChangeItemPrice,
            key => Either().ChangeItemPriceAsync(listed.Id, price, key, cancellationToken)
        );
        switch (answer.End)
        {
            case CallEnd.Done:
                call.Answer(call.Operation with { Seen = ItemState.Of(answer.Value!) });
                item.Price = price;
                break;
            case CallEnd.NotDone:
                call.Discard();
                break;
            default:
                item.Price = null;
                break;
        }
    }

    private async Task WithdrawAsync(CancellationToken cancellationToken)
    {
        var listed = AnyItem();
        var item = _answers.Items[listed.Id];
        var units = 1 + Random.Below(3);
        var call = listed.History.Begin(Name, new(ItemAction.Withdraw, units));
        var answer = await CallAsync(
            MarketplaceFunction.UpdateUnitsForSale,
            key => Either().UpdateUnitsForSaleAsync(listed.Id, units, key, cancellationToken)
        );
        switch (answer.End)
        {
            case CallEnd.Done:
                call.Answer(call.Operation with { Seen = ItemState.Of(answer.Value!) });
                item.Withdrawn += units;
                break;
            case CallEnd.Refused:
                call.Answer(new(ItemAction.HasFewer, units));
                break;
            case CallEnd.NotDone:
                call.Discard();
                break;
            default:
                item.MaybeWithdrawn += units;
                break;
        }
    }

    private async Task DisplayAsync(CancellationToken cancellationToken)
    {
        var reads = _listed.Items.ToDictionary(i => i.Id, i => i.History.Begin(Name, new(ItemAction.Read)));
        var answer = await CallAsync(
            MarketplaceFunction.DisplayItemsForSale,
            _ => Either().DisplayItemsForSaleAsync(limit: 200, cancellationToken: cancellationToken)
        );
        if (answer.End != CallEnd.Done)
        {
            foreach (var read in reads.Values)
            {
                read.Discard();
            }

            return;
        }

        var items = answer.Value!.Items;
        Check(
            "own items",
            items.Select(i => i.Id).Order().SequenceEqual(reads.Keys.Order()),
            () =>
                $"DisplayItemsForSale shows {string.Join(", ", items.Select(i => i.Id))}, but the seller has "
                + "registered "
                + string.Join(", ", reads.Keys)
        );
        foreach (var item in items)
        {
            if (reads.TryGetValue(item.Id, out var read))
            {
                read.Answer(new(ItemAction.Read, Seen: ItemState.Of(item)));
            }
        }
    }

    private async Task ReadRatingAsync(CancellationToken cancellationToken)
    {
        var read = _listed.Rating.Begin(Name, new(null));
        var answer = await CallAsync(
            MarketplaceFunction.SellerGetSellerRating,
            _ => Either().GetSellerRatingAsync(cancellationToken)
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
}
