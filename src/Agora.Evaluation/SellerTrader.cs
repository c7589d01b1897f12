using System.Globalization;
using Agora.Client;
using Agora.Lab;
using Agora.Rest;

namespace Agora.Evaluation;

/// <summary>A seller of the evaluation, and what the marketplace has answered it.</summary>
internal sealed class SellerTrader : Trader
{
    private readonly SellerClient _client;
    private readonly RunNames _names;
    private readonly List<string> _ids = [];
    private readonly int? _quantity;
    private int _registered;

    /// <param name="plan">The seller's calls.</param>
    /// <param name="servers">All seller servers.</param>
    /// <param name="index">The seller's number among the sellers.</param>
    /// <param name="server">The server that it begins with; a number beyond the last begins again at the first.</param>
    /// <param name="names">Names of this run alone.</param>
    /// <param name="quantity">Units of each of its items; without it, a few.</param>
    public SellerTrader(
        PlannedCall[] plan,
        IEnumerable<Uri> servers,
        int index,
        int server,
        RunNames names,
        int? quantity = null
    )
        : base(plan, names.Authority)
    {
        _client = new SellerClient(servers, Options(index, server));
        _names = names;
        _quantity = quantity;
        Answers = new(
            string.Create(CultureInfo.InvariantCulture, $"seller-{names.Tag}-{(quantity is null ? "" : "w")}{index}")
        );
    }

    public SellerAnswers Answers { get; }

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
            case MarketplaceFunction.SellerCreateAccount:
                Answers.AccountId = (
                    await _client.CreateAccountAsync(
                        "Seller",
                        Answers.Username,
                        RunNames.Password,
                        cancellationToken: cancellationToken
                    )
                ).SellerId;
                break;
            case MarketplaceFunction.SellerLogin:
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
            case MarketplaceFunction.SellerLogout:
                await LogoutAsync(cancellationToken);
                break;
            case MarketplaceFunction.SellerGetSellerRating:
                await _client.GetSellerRatingAsync(cancellationToken);
                break;
            case MarketplaceFunction.RegisterItemForSale:
                await RegisterAsync(random, cancellationToken);
                break;
            case MarketplaceFunction.ChangeItemPrice:
                await ChangePriceAsync(random, cancellationToken);
                break;
            case MarketplaceFunction.UpdateUnitsForSale:
                await WithdrawAsync(random, cancellationToken);
                break;
            case MarketplaceFunction.DisplayItemsForSale:
                await _client.DisplayItemsForSaleAsync(cancellationToken: cancellationToken);
                break;
            default:
                throw new InvalidOperationException($"A seller does not call {function}.");
        }
    }

    private async Task RegisterAsync(SeededRandom random, CancellationToken cancellationToken)
    {
        var number = _registered++;
        var keywords = new string[3];
        var first = random.Below(RunNames.Keywords.Count);
        for (var i = 0; i < keywords.Length; i++)
        {
            keywords[i] = RunNames.Keywords[(first + i * 5) % RunNames.Keywords.Count];
        }

        var item = new OwnItem(
            string.Create(CultureInfo.InvariantCulture, $"{Answers.Username}-{number}"),
            _quantity ?? 5 + random.Below(46),
            Price(ref random)
        );
        try
        {
            var answer = await _client.RegisterItemForSaleAsync(
                new()
                {
                    Name = item.Name,
                    Category = _names.FirstCategory + number % RunNames.Categories,
                    Keywords = keywords,
                    Condition = random.Below(2) == 0 ? ItemCondition.New : ItemCondition.Used,
                    Price = item.Price,
                    Quantity = item.Registered,
                },
                cancellationToken: cancellationToken
            );
            Answers.Items.Add(answer.ItemId, item);
            _ids.Add(answer.ItemId);
        }
        catch (AgoraException e) when (IsFailure(MarketplaceFunction.RegisterItemForSale, e))
        {
            Answers.MaybeItems.Add(item);
            throw;
        }
    }

    private async Task ChangePriceAsync(SeededRandom random, CancellationToken cancellationToken)
    {
        var (id, item) = AnyItem(ref random);
        var price = Price(ref random);
        try
        {
            await _client.ChangeItemPriceAsync(id, price, cancellationToken: cancellationToken);
            item.Price = price;
        }
        catch (AgoraException e) when (IsFailure(MarketplaceFunction.ChangeItemPrice, e))
        {
            item.Price = null;
            throw;
        }
    }

    private async Task WithdrawAsync(SeededRandom random, CancellationToken cancellationToken)
    {
        var (id, item) = AnyItem(ref random);
        try
        {
            await _client.UpdateUnitsForSaleAsync(id, 1, cancellationToken: cancellationToken);
            item.Withdrawn++;
        }
        catch (AgoraException e) when (IsFailure(MarketplaceFunction.UpdateUnitsForSale, e))
        {
            item.MaybeWithdrawn++;
            throw;
        }
    }

    // Where no registration has succeeded, there is no item, and the call fails, as it should.
    private (string Id, OwnItem Item) AnyItem(ref SeededRandom random)
    {
        var id = _ids.Count > 0 ? random.Of(_ids) : RunNames.NoItem;
        return (id, Answers.Items.TryGetValue(id, out var item) ? item : new OwnItem("", 0, 0));
    }

    private static decimal Price(ref SeededRandom random) => (100 + random.Below(50_000)) / 100m;

    protected override Task AskAsync(CancellationToken cancellationToken) =>
        _client.GetSellerRatingAsync(cancellationToken);
}
