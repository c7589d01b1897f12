using System.Globalization;
using Agora.Contracts.Customers;
using Item = Agora.Contracts.Products.Item;

namespace Agora.Evaluation;

/// <summary>A seller as the databases have him.</summary>
internal sealed record SellersBook(long? AccountId, long ThumbsUp, long ThumbsDown, long ItemsSold, IReadOnlyList<Item> Items);

/// <summary>A buyer as the customers database has him.</summary>
internal sealed record BuyersBook(long? AccountId, long ItemsPurchased, IReadOnlyList<Purchase> Purchases, IReadOnlyDictionary<string, int> SavedCart);

/// <summary>The marketplace's books about one run.</summary>
/// <param name="Sellers">In the order of the sellers' answers.</param>
/// <param name="Buyers">In the order of the buyers' answers.</param>
/// <param name="Charges">Cents by transaction: every charge that is approved and was made since the audit before.</param>
internal sealed record Books(IReadOnlyList<SellersBook> Sellers, IReadOnlyList<BuyersBook> Buyers, IReadOnlyDictionary<string, long> Charges);

/// <summary>Compares what users were answered with what the books say, and the books with each other. Pure.</summary>
internal sealed class Audit
{
    private readonly List<string> _wrong = [];

    private Audit() { }

    /// <summary>What is wrong, in words; empty where the books balance.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyList<SellersAnswers> sellers, IReadOnlyList<BuyersAnswers> buyers, Books books)
    {
        var audit = new Audit();
        var sold = books.Buyers.SelectMany(b => b.Purchases).SelectMany(p => p.Lines)
            .GroupBy(line => line.ItemId).ToDictionary(g => g.Key, g => g.Sum(line => (long)line.Quantity));
        var votes = buyers.SelectMany(b => b.Votes).GroupBy(v => v.Key).ToDictionary(g => g.Key, g => g.Aggregate(default(Votes), (sum, v) => sum + v.Value));
        foreach (var (answers, book) in sellers.Zip(books.Sellers))
        {
            audit.Seller(answers, book, sold, votes);
        }
        foreach (var (answers, book) in buyers.Zip(books.Buyers))
        {
            audit.Buyer(answers, book);
        }
        var items = books.Sellers.SelectMany(s => s.Items).Select(item => item.ItemId).ToHashSet();
        foreach (var item in sold.Keys.Where(id => !items.Contains(id)))
        {
            audit.Wrong($"item {item} was bought, and no seller has it");
        }
        audit.Charges(books);
        return audit._wrong;
    }

    private void Seller(SellersAnswers answers, SellersBook book, Dictionary<string, long> sold, Dictionary<string, Votes> votes)
    {
        Account(answers, book.AccountId);
        var found = book.Items.ToDictionary(item => item.ItemId);
        foreach (var (id, _) in answers.Items.Where(own => !found.ContainsKey(own.Key)))
        {
            Wrong($"item {id} was registered by {answers.Username}, and is not there");
        }
        var maybe = answers.MaybeItems.ToDictionary(item => item.Name);
        foreach (var item in book.Items)
        {
            if (answers.Items.TryGetValue(item.ItemId, out var own) || maybe.Remove(item.Name, out own))
            {
                OwnItem(own, item, sold.GetValueOrDefault(item.ItemId), votes.GetValueOrDefault(item.ItemId));
            }
            else
            {
                Wrong($"item {item.ItemId} of {answers.Username} is there, and was never registered, or twice");
            }
        }
        Same($"itemsSold of {answers.Username}", book.ItemsSold, "in all histories", book.Items.Sum(item => sold.GetValueOrDefault(item.ItemId)));
        Same($"thumbs up of {answers.Username}", book.ThumbsUp, "of all his items", book.Items.Sum(item => item.ThumbsUp));
        Same($"thumbs down of {answers.Username}", book.ThumbsDown, "of all his items", book.Items.Sum(item => item.ThumbsDown));
    }

    private void OwnItem(OwnItem own, Item item, long sold, Votes votes)
    {
        if (item.Name != own.Name)
        {
            Wrong($"item {item.ItemId} is named {item.Name}, and was registered as {own.Name}");
        }
        if (own.Price is { } price && item.PriceCents != price * 100)
        {
            Wrong($"item {item.ItemId} costs {Money(item.PriceCents)}, and its price was set to {price:0.00}");
        }
        // Nothing is reserved any more once every purchase is settled: whatever is missing here is lost, or was sold and not written down.
        var missing = own.Registered - item.Quantity - own.Withdrawn - sold;
        if (missing < 0 || missing > own.MaybeWithdrawn)
        {
            Wrong($"item {item.ItemId}: {own.Registered} units registered, but {item.Quantity} on sale + {own.Withdrawn} withdrawn + {sold} sold"
                + (own.MaybeWithdrawn > 0 ? $" (+ {own.MaybeWithdrawn} perhaps withdrawn)" : ""));
        }
        var extra = item.ThumbsUp - votes.Up + item.ThumbsDown - votes.Down;
        if (item.ThumbsUp < votes.Up || item.ThumbsDown < votes.Down || extra > votes.Maybe)
        {
            Wrong($"item {item.ItemId} has +{item.ThumbsUp} -{item.ThumbsDown}, and was given +{votes.Up} -{votes.Down}"
                + (votes.Maybe > 0 ? $" ({votes.Maybe} more perhaps)" : ""));
        }
    }

    private void Buyer(BuyersAnswers answers, BuyersBook book)
    {
        Account(answers, book.AccountId);
        var history = new Dictionary<string, Purchase>();
        foreach (var purchase in book.Purchases)
        {
            var id = Id(purchase);
            if (!history.TryAdd(id, purchase))
            {
                Wrong($"purchase {id} stands twice in the history of {answers.Username}");
            }
            Same($"the total of purchase {id} in cents", purchase.TotalCents, "over its lines", purchase.Lines.Sum(line => line.Quantity * line.UnitPriceCents));
        }
        foreach (var receipt in answers.Receipts)
        {
            if (!history.Remove(receipt.PurchaseId, out var purchase))
            {
                Wrong($"purchase {receipt.PurchaseId} was answered to {answers.Username}, and is not in the history");
            }
            else if (purchase.TotalCents != receipt.Total * 100
                || !purchase.Lines.Select(l => (l.ItemId, l.Quantity, l.UnitPriceCents)).SequenceEqual(
                    receipt.Lines.Select(l => (l.ItemId, l.Quantity, (long)(l.UnitPrice * 100)))))
            {
                Wrong($"purchase {receipt.PurchaseId} stands otherwise in the history than it was answered to {answers.Username}");
            }
        }
        if (history.Count > answers.MaybePurchases)
        {
            Wrong($"{answers.Username} has {history.Count} purchases that he was not told of, and only {answers.MaybePurchases} that were not answered");
        }
        Same($"itemsPurchased of {answers.Username}", book.ItemsPurchased, "in the history", book.Purchases.Sum(p => p.Lines.Sum(line => (long)line.Quantity)));
        if (answers.SavedCart is { } saved && (saved.Count != book.SavedCart.Count || saved.Any(line => book.SavedCart.GetValueOrDefault(line.Key) != line.Value)))
        {
            Wrong($"the saved cart of {answers.Username} holds {Cart(book.SavedCart)}, and should hold {Cart(saved)}");
        }
    }

    private void Charges(Books books)
    {
        var purchases = books.Buyers.SelectMany(b => b.Purchases).GroupBy(Id).ToDictionary(g => g.Key, g => g.ToList());
        foreach (var (id, same) in purchases)
        {
            if (!books.Charges.TryGetValue(id, out var cents))
            {
                Wrong($"purchase {id} is completed, and its charge is not approved");
            }
            else
            {
                Same($"the charge of purchase {id} in cents", cents, "bought for", same[0].TotalCents);
            }
            if (same.Count > 1)
            {
                Wrong($"purchase {id} stands {same.Count} times in histories");
            }
        }
        foreach (var id in books.Charges.Keys.Where(id => !purchases.ContainsKey(id)))
        {
            Wrong($"transaction {id} is charged ({Money(books.Charges[id])}), and nobody has bought anything for it");
        }
    }

    private void Account(Answers answers, long? id)
    {
        if (answers.AccountId is { } answered && answered != id)
        {
            Wrong(id is null ? $"the account {answers.Username} was created, and is not there"
                : string.Create(CultureInfo.InvariantCulture, $"the account {answers.Username} was created as {answered}, and is {id}"));
        }
        _wrong.AddRange(answers.Contradictions.Select(what => $"{what} ({answers.Username})"));
    }

    private void Same(string what, long one, string where, long other)
    {
        if (one != other)
        {
            Wrong(string.Create(CultureInfo.InvariantCulture, $"{what}: {one}, but {other} {where}"));
        }
    }

    private void Wrong(string what) => _wrong.Add(what);

    private static string Id(Purchase purchase) => Convert.ToHexStringLower(purchase.PurchaseId.Span);

    private static string Money(long cents) => (cents / 100m).ToString("0.00", CultureInfo.InvariantCulture);

    private static string Cart(IReadOnlyDictionary<string, int> cart) =>
        cart.Count == 0 ? "nothing" : string.Join(", ", cart.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => FormattableString.Invariant($"{l.Value} of {l.Key}")));
}
