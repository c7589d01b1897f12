using System.Collections.Concurrent;
using System.Globalization;
using Agora.Client;
using Agora.Cluster;
using Agora.Rest;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// A steady load of sellers and buyers, spread over all servers. Each has its own session and connection. Everything
/// that is acknowledged goes into the ledger. A refusal by a rule of the marketplace is an answer; any other failed
/// call is recorded as a failure.
/// </summary>
public sealed class Traders : IAsyncDisposable
{
    public const string Password = "correct horse battery";

    private const int Category = 7;
    private static readonly PurchaseRequest s_card = new()
    {
        CardholderName = "Ada Buyer",
        CardNumber = "4242424242424242",
        ExpirationDate = "12/39",
        SecurityCode = "123",
    };

    private static int s_people;

    private readonly ITradedMarketplace _marketplace;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _loops = [];

    public Traders(ITradedMarketplace marketplace) => _marketplace = marketplace;

    /// <summary>Calls that failed though they should not have.</summary>
    public ConcurrentQueue<string> Failures { get; } = new();

    public static IEnumerable<Uri> Servers(ServerGroup group) =>
        group.Replicas.Select(r => new Uri($"http://{r.Dial().Host}:{r.Dial().Port}"));

    public SellerClient Seller(int? server = null) =>
        new(
            _marketplace.Clients.AddressesOf(_marketplace.Clients.SellerServers),
            _marketplace.CallOptions with
            {
                Start = server,
            }
        );

    public BuyerClient Buyer(int? server = null) =>
        new(
            _marketplace.Clients.AddressesOf(_marketplace.Clients.BuyerServers),
            _marketplace.CallOptions with
            {
                Start = server,
            }
        );

    /// <summary>Opens the accounts, puts the first items up for sale, and then trades until disposed.</summary>
    public async Task StartAsync(int sellers, int buyers)
    {
        var loops = await Task.WhenAll([
            .. Enumerable.Range(0, sellers).Select(OpenSellerAsync),
            .. Enumerable.Range(0, buyers).Select(OpenBuyerAsync),
        ]);
        _loops.AddRange(loops.Select(loop => Task.Run(loop)));
    }

    /// <summary>
    /// Waits until so many more purchases and changes by sellers have been acknowledged.
    /// </summary>
    public async Task GoOnAsync(int purchases = 15, int changes = 5)
    {
        (var bought, var changed) = (_marketplace.Ledger.Purchases, _marketplace.Ledger.Changes);
        await RunningMarketplace.UntilAsync(
            "trade goes on",
            () =>
                Task.FromResult(
                    _loops.Any(l => l.IsCompleted)
                    || (
                        _marketplace.Ledger.Purchases >= bought + purchases
                        && _marketplace.Ledger.Changes >= changed + changes
                    )
                        ? this
                        : null
                )
        );
        await Task.WhenAll(_loops.Where(l => l.IsCompleted));
    }

    /// <summary>Ends the load after the calls under way have their answers.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_loops);
        Assert.Empty(Failures);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_loops).ContinueWith(_ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    private async Task<Func<Task>> OpenSellerAsync(int number)
    {
        var client = Seller(number % _marketplace.Cluster.SellerServers.Replicas.Count);
        var name = Name("seller");
        var id = (await client.CreateAccountAsync(name, name, Password)).SellerId;
        _marketplace.Ledger.SellerCreated(id, name);
        await client.LoginAsync(name, Password);
        Random random = new(number);
        List<(string Id, long Left)> items = [];
        await SellAsync();
        return TradeAsync;

        async Task SellAsync()
        {
            var price = random.Next(100, 10_000) / 100m;
            var units = random.Next(50, 200);
            var item = (
                await client.RegisterItemForSaleAsync(
                    new()
                    {
                        Name = $"thing {items.Count}",
                        Category = Category,
                        Keywords = ["thing"],
                        Condition = ItemCondition.New,
                        Price = price,
                        Quantity = units,
                    }
                )
            ).ItemId;
            _marketplace.Ledger.Registered(item, id, units, price);
            items.Add((item, units));
        }

        async Task TradeAsync()
        {
            using var owned = client;
            while (!_stop.IsCancellationRequested)
            {
                await TryAsync(
                    "seller",
                    async () =>
                    {
                        var item = items[random.Next(items.Count)].Id;
                        switch (random.Next(4))
                        {
                            case 0:
                                await SellAsync();
                                break;
                            case 1:
                                await client.UpdateUnitsForSaleAsync(item, 1);
                                _marketplace.Ledger.Withdrawn(item, 1);
                                break;
                            default:
                                var price = random.Next(100, 10_000) / 100m;
                                await client.ChangeItemPriceAsync(item, price);
                                _marketplace.Ledger.Priced(item, price);
                                break;
                        }
                    }
                );
            }

            await client.LogoutAsync();
        }
    }

    private async Task<Func<Task>> OpenBuyerAsync(int number)
    {
        var client = Buyer(number % _marketplace.Cluster.BuyerServers.Replicas.Count);
        var name = Name("buyer");
        var id = (await client.CreateAccountAsync(name, name, Password)).BuyerId;
        _marketplace.Ledger.BuyerCreated(id, name);
        await client.LoginAsync(name, Password);
        Random random = new(1000 + number);
        return TradeAsync;

        async Task TradeAsync()
        {
            using var owned = client;
            while (!_stop.IsCancellationRequested)
            {
                await TryAsync("buyer", BuyAsync);
            }

            await TryAsync("buyer", () => client.ClearCartAsync());
            await client.LogoutAsync();
        }

        async Task BuyAsync()
        {
            var found = (await client.SearchItemsForSaleAsync(Category, ["thing"], 20)).Items;
            foreach (var item in found.OrderBy(_ => random.Next()).Take(random.Next(1, 3)))
            {
                await client.AddItemToCartAsync(item.Id, random.Next(1, 3));
            }

            try
            {
                var receipt = await client.MakePurchaseAsync(s_card);
                _marketplace.Ledger.Bought(id, receipt);
                if (random.Next(3) == 0)
                {
                    var thumb = random.Next(3) == 0 ? Thumb.Down : Thumb.Up;
                    var item = receipt.Lines[0].ItemId;
                    await client.ProvideFeedbackAsync(item, thumb);
                    _marketplace.Ledger.Rated(item, thumb);
                }
            }
            catch (AgoraException e) when (e.Code is "payment-declined" or "not-enough-units")
            {
                await client.ClearCartAsync();
            }
        }
    }

    // A refusal by a rule of the marketplace is an answer. Any other failure breaks a promise to users.
    private async Task TryAsync(string who, Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (AgoraException e) when (e.Code is "not-enough-units" or "cart-empty") { }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            var at = DateTime.UtcNow.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
            Failures.Enqueue($"{at} {who}: {(e as AgoraException)?.Status} {(e as AgoraException)?.Code} {e}");
            await _stop.CancelAsync();
        }
    }

    private static string Name(string kind) =>
        string.Create(CultureInfo.InvariantCulture, $"{kind}-{Interlocked.Increment(ref s_people)}");
}
