using System.Collections.Concurrent;
using Agora.Client;
using Agora.Rest;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// Records what the marketplace has acknowledged to its users, and audits that all of it is still there.
/// </summary>
public sealed class TradeLedger
{
    private readonly ConcurrentDictionary<string, ItemEntry> _items = [];
    private readonly ConcurrentDictionary<long, SellerEntry> _sellers = [];
    private readonly ConcurrentDictionary<long, BuyerEntry> _buyers = [];
    private int _purchases;

    /// <summary>Purchases acknowledged so far.</summary>
    public int Purchases => Volatile.Read(ref _purchases);

    /// <summary>Units withdrawn and prices changed so far.</summary>
    public int Changes => _items.Values.Sum(i => i.Changes);

    public void SellerCreated(long id, string username) => _sellers[id] = new(username);

    public void BuyerCreated(long id, string username) => _buyers[id] = new(username);

    public void Registered(string itemId, long seller, int units, decimal price) =>
        _items[itemId] = new()
        {
            Seller = seller,
            Registered = units,
            Price = price,
        };

    // Only its own seller changes an item, one call at a time.
    public void Withdrawn(string itemId, int units) =>
        _items[itemId] = _items[itemId] with
        {
            Withdrawn = _items[itemId].Withdrawn + units,
            Changes = _items[itemId].Changes + 1,
        };

    public void Priced(string itemId, decimal price) =>
        _items[itemId] = _items[itemId] with { Price = price, Changes = _items[itemId].Changes + 1 };

    public void Bought(long buyer, Receipt receipt)
    {
        _buyers[buyer].Receipts.Enqueue(receipt);
        Interlocked.Increment(ref _purchases);
    }

    // An item of before a restore is in another ledger.
    public void Rated(string itemId, Thumb thumb)
    {
        if (_items.TryGetValue(itemId, out var item))
        {
            _sellers[item.Seller].Thumbs.Enqueue((itemId, thumb));
        }
    }

    /// <summary>All that was acknowledged so far.</summary>
    public AcknowledgedTrade Acknowledged() =>
        new(
            [.. _sellers.Select(s => (s.Value.Username, Items(s.Key)))],
            [.. _buyers.Select(b => (b.Value.Username, (IReadOnlyList<Receipt>)[.. b.Value.Receipts]))]
        );

    /// <summary>
    /// Checks that the books balance: every acknowledged write is there, and nothing else is. Units registered are on
    /// sale, withdrawn or sold. A purchase whose server died is settled within a bounded time, so the audit waits for
    /// it.
    /// </summary>
    public async Task AuditAsync(Func<SellerClient> seller, Func<BuyerClient> buyer)
    {
        Dictionary<string, long> sold = [];
        foreach ((var id, var entry) in _buyers)
        {
            using var client = buyer();
            Assert.Equal(id, (await client.LoginAsync(entry.Username, Traders.Password)).BuyerId);
            Assert.Empty((await client.DisplayCartAsync()).Lines);
            var history = await PurchasesAsync(client);
            Assert.Equal(
                Lines(entry.Receipts.Select(r => (r.PurchaseId, r.Total, r.Lines))),
                Lines(history.Select(p => (p.PurchaseId, p.Total, p.Lines)))
            );
            foreach (var line in history.SelectMany(p => p.Lines))
            {
                sold[line.ItemId] = sold.GetValueOrDefault(line.ItemId) + line.Quantity;
            }

            await client.LogoutAsync();
        }

        foreach ((var id, var entry) in _sellers)
        {
            using var client = seller();
            Assert.Equal(id, (await client.LoginAsync(entry.Username, Traders.Password)).SellerId);
            KeyValuePair<string, ItemEntry>[] own =
            [
                .. _items.Where(i => i.Value.Seller == id).OrderBy(i => i.Key, StringComparer.Ordinal),
            ];
            string[] expected =
            [
                .. own.Select(i =>
                {
                    var left = i.Value.Registered - i.Value.Withdrawn - sold.GetValueOrDefault(i.Key);
                    return $"{i.Key} for {i.Value.Price:0.00}: {left} on sale, {Votes(entry, i.Key)}";
                }),
            ];
            string[] found = [];
            try
            {
                await RunningMarketplace.UntilAsync(
                    "the units are where the purchases say",
                    async () =>
                    {
                        found =
                        [
                            .. (await ItemsAsync(client))
                                .OrderBy(i => i.Id, StringComparer.Ordinal)
                                .Select(i =>
                                    $"{i.Id} for {i.Price:0.00}: {i.Quantity} on sale, "
                                    + $"+{i.Feedback.ThumbsUp} -{i.Feedback.ThumbsDown}"
                                ),
                        ];
                        return expected.SequenceEqual(found) ? found : null;
                    }
                );
            }
            catch (TimeoutException)
            {
                Assert.Equal(expected, found);
            }

            var rating = await client.GetSellerRatingAsync();
            Assert.Equal(
                (entry.Thumbs.Count(t => t.Thumb == Thumb.Up), entry.Thumbs.Count(t => t.Thumb == Thumb.Down)),
                (rating.ThumbsUp, rating.ThumbsDown)
            );
            await client.LogoutAsync();
        }
    }

    private IReadOnlyList<string> Items(long seller) =>
        [.. _items.Where(i => i.Value.Seller == seller).Select(i => i.Key)];

    private static string Votes(SellerEntry seller, string itemId) =>
        $"+{seller.Thumbs.Count(t => t == (itemId, Thumb.Up))} -{seller.Thumbs.Count(t => t == (itemId, Thumb.Down))}";

    internal static IEnumerable<string> Lines(
        IEnumerable<(string Id, decimal Total, IReadOnlyList<PurchaseLine> Lines)> purchases
    ) =>
        purchases
            .Select(p =>
            {
                var lines = p.Lines.Select(l => $"{l.Quantity} x {l.ItemId} at {l.UnitPrice:0.00}");
                return $"{p.Id} for {p.Total:0.00}: {string.Join(", ", lines.Order(StringComparer.Ordinal))}";
            })
            .Order(StringComparer.Ordinal);

    internal static async Task<List<Purchase>> PurchasesAsync(BuyerClient client)
    {
        List<Purchase> all = [];
        string? cursor = null;
        do
        {
            var page = await client.GetBuyerPurchasesAsync(200, cursor);
            all.AddRange(page.Purchases);
            cursor = page.NextCursor;
        } while (cursor is not null);
        return all;
    }

    internal static async Task<List<Item>> ItemsAsync(SellerClient client)
    {
        List<Item> all = [];
        string? cursor = null;
        do
        {
            var page = await client.DisplayItemsForSaleAsync(200, cursor);
            all.AddRange(page.Items);
            cursor = page.NextCursor;
        } while (cursor is not null);
        return all;
    }

    private sealed record ItemEntry
    {
        public long Seller { get; init; }
        public long Registered { get; init; }
        public long Withdrawn { get; init; }
        public decimal Price { get; init; }
        public int Changes { get; init; }
    }

    private sealed record SellerEntry(string Username)
    {
        public ConcurrentQueue<(string ItemId, Thumb Thumb)> Thumbs { get; } = new();
    }

    private sealed record BuyerEntry(string Username)
    {
        public ConcurrentQueue<Receipt> Receipts { get; } = new();
    }
}
