using System.Globalization;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;

namespace Agora.Evaluation;

/// <summary>
/// Compares the users' answers with the books, and the books with each other. It has no side effects.
/// </summary>
internal sealed class Audit
{
    private readonly List<string> _wrong = [];

    private Audit() { }

    /// <summary>What is wrong, in words; empty where the books balance.</summary>
    public static IReadOnlyList<string> Of(
        IReadOnlyList<SellerAnswers> sellers,
        IReadOnlyList<BuyerAnswers> buyers,
        Books books
    )
    {
        var audit = new Audit();
        var sold = books
            .Buyers.SelectMany(b => b.Purchases)
            .SelectMany(p => p.Lines)
            .GroupBy(line => line.ItemId)
            .ToDictionary(g => g.Key, g => g.Sum(line => (long)line.Quantity));
        var votes = buyers
            .SelectMany(b => b.Votes)
            .GroupBy(v => v.Key)
            .ToDictionary(g => g.Key, g => g.Aggregate(default(VoteCount), (sum, v) => sum + v.Value));
        foreach (var (answers, book) in sellers.Zip(books.Sellers))
        {
            audit.CheckSeller(answers, book, sold, votes);
        }

        foreach (var (answers, book) in buyers.Zip(books.Buyers))
        {
            audit.CheckBuyer(answers, book);
        }

        var items = books.Sellers.SelectMany(s => s.Items).Select(item => item.ItemId).ToHashSet();
        foreach (var item in sold.Keys.Where(id => !items.Contains(id)))
        {
            audit.Wrong($"item {item} was bought, and no seller has it");
        }

        audit.CheckCharges(books);
        return audit._wrong;
    }

    private void CheckSeller(
        SellerAnswers answers,
        SellerBook book,
        Dictionary<string, long> sold,
        Dictionary<string, VoteCount> votes
    )
    {
        CheckAccount(answers, book.AccountId);
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
                CheckItem(own, item, sold.GetValueOrDefault(item.ItemId), votes.GetValueOrDefault(item.ItemId));
            }
            else
            {
                Wrong($"item {item.ItemId} of {answers.Username} is there, and was never registered, or twice");
            }
        }

        CheckEqual(
            $"itemsSold of {answers.Username}",
            book.ItemsSold,
            "in all histories",
            book.Items.Sum(item => sold.GetValueOrDefault(item.ItemId))
        );
        CheckEqual(
            $"thumbs up of {answers.Username}",
            book.ThumbsUp,
            "of all its items",
            book.Items.Sum(item => item.ThumbsUp)
        );
        CheckEqual(
            $"thumbs down of {answers.Username}",
            book.ThumbsDown,
            "of all its items",
            book.Items.Sum(item => item.ThumbsDown)
        );
    }

    private void CheckItem(OwnItem own, ItemRecord item, long sold, VoteCount votes)
    {
        if (item.Name != own.Name)
        {
            Wrong($"item {item.ItemId} is named {item.Name}, and was registered as {own.Name}");
        }

        if (own.Price is { } price && item.PriceCents != price * 100)
        {
            Wrong($"item {item.ItemId} costs {Money(item.PriceCents)}, and its price was set to {price:0.00}");
        }
        // Once every purchase is settled, nothing is reserved. So units that are missing here are lost, or were sold
        // and not recorded.
        var missing = own.Registered - item.Quantity - own.Withdrawn - sold;
        if (missing < 0 || missing > own.MaybeWithdrawn)
        {
            Wrong(
                $"item {item.ItemId}: {own.Registered} units registered, but {item.Quantity} on sale "
                    + $"+ {own.Withdrawn} withdrawn + {sold} sold"
                    + (own.MaybeWithdrawn > 0 ? $" (+ {own.MaybeWithdrawn} perhaps withdrawn)" : "")
            );
        }

        var extra = item.ThumbsUp - votes.Up + item.ThumbsDown - votes.Down;
        if (item.ThumbsUp < votes.Up || item.ThumbsDown < votes.Down || extra > votes.Maybe)
        {
            Wrong(
                $"item {item.ItemId} has +{item.ThumbsUp} -{item.ThumbsDown}, and was given +{votes.Up} -{votes.Down}"
                    + (votes.Maybe > 0 ? $" ({votes.Maybe} more perhaps)" : "")
            );
        }
    }

    private void CheckBuyer(BuyerAnswers answers, BuyerBook book)
    {
        CheckAccount(answers, book.AccountId);
        var history = new Dictionary<string, PurchaseRecord>();
        foreach (var purchase in book.Purchases)
        {
            var id = Id(purchase);
            if (!history.TryAdd(id, purchase))
            {
                Wrong($"purchase {id} is twice in the history of {answers.Username}");
            }

            CheckEqual(
                $"the total of purchase {id} in cents",
                purchase.TotalCents,
                "over its lines",
                purchase.Lines.Sum(line => line.Quantity * line.UnitPriceCents)
            );
        }

        foreach (var receipt in answers.Receipts)
        {
            if (!history.Remove(receipt.PurchaseId, out var purchase))
            {
                Wrong($"purchase {receipt.PurchaseId} was answered to {answers.Username}, and is not in the history");
            }
            else if (
                purchase.TotalCents != receipt.Total * 100
                || !purchase
                    .Lines.Select(l => (l.ItemId, l.Quantity, l.UnitPriceCents))
                    .SequenceEqual(receipt.Lines.Select(l => (l.ItemId, l.Quantity, (long)(l.UnitPrice * 100))))
            )
            {
                Wrong($"purchase {receipt.PurchaseId} is not in the history as it was answered to {answers.Username}");
            }
        }

        if (history.Count > answers.MaybePurchases)
        {
            Wrong(
                $"{answers.Username} has {history.Count} purchases without a receipt, "
                    + $"but only {answers.MaybePurchases} were not answered"
            );
        }

        CheckEqual(
            $"itemsPurchased of {answers.Username}",
            book.ItemsPurchased,
            "in the history",
            book.Purchases.Sum(p => p.Lines.Sum(line => (long)line.Quantity))
        );
        if (
            answers.SavedCart is { } saved
            && (
                saved.Count != book.SavedCart.Count
                || saved.Any(line => book.SavedCart.GetValueOrDefault(line.Key) != line.Value)
            )
        )
        {
            Wrong($"the saved cart of {answers.Username} holds {Cart(book.SavedCart)}, and should hold {Cart(saved)}");
        }
    }

    private void CheckCharges(Books books)
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
                CheckEqual($"the charge of purchase {id} in cents", cents, "in the history", same[0].TotalCents);
            }

            if (same.Count > 1)
            {
                Wrong($"purchase {id} is {same.Count} times in histories");
            }
        }

        foreach (var id in books.Charges.Keys.Where(id => !purchases.ContainsKey(id)))
        {
            Wrong($"transaction {id} is charged ({Money(books.Charges[id])}), and no purchase belongs to it");
        }
    }

    private void CheckAccount(ClientAnswers answers, long? id)
    {
        if (answers.AccountId is { } answered && answered != id)
        {
            Wrong(
                id is null
                    ? $"the account {answers.Username} was created, and is not there"
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"the account {answers.Username} was created as {answered}, and is {id}"
                    )
            );
        }

        _wrong.AddRange(answers.Contradictions.Select(what => $"{what} ({answers.Username})"));
    }

    private void CheckEqual(string what, long one, string where, long other)
    {
        if (one != other)
        {
            Wrong(string.Create(CultureInfo.InvariantCulture, $"{what}: {one}, but {other} {where}"));
        }
    }

    private void Wrong(string what) => _wrong.Add(what);

    private static string Id(PurchaseRecord purchase) => Convert.ToHexStringLower(purchase.PurchaseId.Span);

    private static string Money(long cents) => (cents / 100m).ToString("0.00", CultureInfo.InvariantCulture);

    private static string Cart(IReadOnlyDictionary<string, int> cart) =>
        cart.Count == 0
            ? "nothing"
            : string.Join(
                ", ",
                cart.OrderBy(l => l.Key, StringComparer.Ordinal)
                    .Select(l => FormattableString.Invariant($"{l.Value} of {l.Key}"))
            );
}
