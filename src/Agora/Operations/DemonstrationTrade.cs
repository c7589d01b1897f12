using System.Security.Cryptography;
using Agora.Client;
using Agora.Cluster;
using Agora.Rest;
using Agora.Web.Operations;

namespace Agora.Operations;

/// <summary>
/// The small load of a demonstration: four clients with accounts and an item of their own, each of which makes one kind
/// of calls, one at a time. Each write adds one unit, so what is there at the end says whether each was done, and once.
/// </summary>
internal sealed class DemonstrationTrade : IDisposable
{
    private const int FirstUnits = 1000;

    // No category that the shop has a name for, so the item does not stand among the goods.
    private const int Category = int.MaxValue;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(20);

    private readonly SellerClient _seller;
    private readonly BuyerClient _buyer;
    private readonly BuyerClient _looker;
    private readonly BuyerClient _voter;
    private readonly DemonstrationCalls _additions = new("Writes to products");
    private readonly DemonstrationCalls _cart = new("Writes to customers");
    private readonly DemonstrationCalls _items = new("Reads of products");
    private readonly DemonstrationCalls _ratings = new("Reads of customers");
    private string _item = "";
    private long _sellerId;

    public DemonstrationTrade(ClusterFile cluster)
    {
        var sellers = cluster.AddressesOf(cluster.SellerServers);
        var buyers = cluster.AddressesOf(cluster.BuyerServers);
        _seller = new SellerClient(sellers, Options(cluster, 0));
        _buyer = new BuyerClient(buyers, Options(cluster, 0));
        _looker = new BuyerClient(buyers, Options(cluster, 1));
        _voter = new BuyerClient(buyers, Options(cluster, 2));
    }

    /// <summary>Makes accounts and the item.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        var name = $"demo-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        _sellerId = (
            await _seller.CreateAccountAsync("Demonstration", name, password, cancellationToken: cancellationToken)
        ).SellerId;
        await _seller.LoginAsync(name, password, cancellationToken: cancellationToken);
        await _buyer.CreateAccountAsync("Demonstration", name, password, cancellationToken: cancellationToken);
        await _buyer.LoginAsync(name, password, cancellationToken: cancellationToken);
        var item = await _seller.RegisterItemForSaleAsync(
            new()
            {
                Name = "Demonstration",
                Category = Category,
                Condition = ItemCondition.New,
                Price = 1,
                Quantity = FirstUnits,
            },
            cancellationToken: cancellationToken
        );
        _item = item.ItemId;
    }

    /// <summary>Trades until the end is signalled. Every call that has begun ends before this does.</summary>
    /// <param name="end">The signal.</param>
    /// <param name="cancellationToken">Breaks off.</param>
    public Task RunAsync(CancellationToken end, CancellationToken cancellationToken)
    {
        return Task.WhenAll(
            RepeatAsync(_additions, () => _seller.AddUnitsForSaleAsync(_item, 1, cancellationToken: cancellationToken)),
            RepeatAsync(_cart, () => _buyer.AddItemToCartAsync(_item, 1, cancellationToken: cancellationToken)),
            RepeatAsync(_items, () => _looker.GetItemAsync(_item, cancellationToken)),
            RepeatAsync(_ratings, () => _voter.GetSellerRatingAsync(_sellerId, cancellationToken))
        );

        async Task RepeatAsync(DemonstrationCalls calls, Func<Task> call)
        {
            using PeriodicTimer timer = new(s_interval);
            while (!end.IsCancellationRequested)
            {
                await calls.MakeAsync(call);
                await timer.WaitForNextTickAsync(cancellationToken);
            }
        }
    }

    /// <summary>What was measured, with what is there now.</summary>
    /// <param name="actedAt">The timestamp of what was done meanwhile.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<DemonstrationLoad>> MeasureAsync(long actedAt, CancellationToken cancellationToken)
    {
        var item = await _seller.GetItemAsync(_item, cancellationToken);
        var cart = await _buyer.DisplayCartAsync(cancellationToken);
        return
        [
            _additions.Measure(actedAt, item.Quantity - FirstUnits),
            _cart.Measure(actedAt, cart.Lines.FirstOrDefault(l => l.ItemId == _item)?.Quantity ?? 0),
            _items.Measure(actedAt, found: null),
            _ratings.Measure(actedAt, found: null),
        ];
    }

    /// <summary>Takes the item off sale and ends the sessions.</summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        await _buyer.ClearCartAsync(cancellationToken: cancellationToken);
        var item = await _seller.GetItemAsync(_item, cancellationToken);
        await _seller.UpdateUnitsForSaleAsync(_item, (int)item.Quantity, cancellationToken: cancellationToken);
        await _buyer.LogoutAsync(cancellationToken: cancellationToken);
        await _seller.LogoutAsync(cancellationToken: cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _seller.Dispose();
        _buyer.Dispose();
        _looker.Dispose();
        _voter.Dispose();
    }

    private static ReplicaOptions Options(ClusterFile cluster, int start) =>
        new()
        {
            Start = start,
            Deadline = s_deadline,
            Authority = cluster.Https?.Authority,
        };
}
