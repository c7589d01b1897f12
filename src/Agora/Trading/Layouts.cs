using System.Globalization;
using Agora.Rest;

namespace Agora.Trading;

/// <summary>Lays lines out for a screen of a given width, with escape sequences for styles if it knows them.</summary>
internal delegate IEnumerable<string> Layout(int width, bool isStyled);

/// <summary>
/// How the objects of the marketplace look on a screen. All text from a server passes through <see cref="Printable"/>.
/// </summary>
internal static class Layouts
{
    /// <summary>
    /// A list of fields shows each value beside its title if that leaves at least so many columns for the value.
    /// Otherwise it shows each value below its title.
    /// </summary>
    private const int MinBeside = 16;

    public static Layout Line(string text) => (_, _) => [Printable.Of(text)];

    public static Layout Items(ItemPage page)
    {
        if (page.Items.Count == 0)
        {
            return WithNext(Line("No items."), page.NextCursor);
        }

        TextTable table = new(
            new("Item"),
            new("Name", Fit.Wrap),
            new("Condition"),
            Right("Price"),
            Right("Units"),
            new("Keywords", Fit.Wrap),
            new("Feedback"),
            Right("Seller")
        );
        foreach (var item in page.Items)
        {
            table.Add([
                item.Id,
                item.Name,
                Condition(item.Condition),
                Money(item.Price),
                Number(item.Quantity),
                string.Join(' ', item.Keywords),
                Votes(item.Feedback),
                Number(item.SellerId),
            ]);
        }

        return WithNext(table.Lines, page.NextCursor);
    }

    public static Layout Item(Item item) =>
        Fields(
            ("Item", item.Id),
            ("Name", item.Name),
            ("Category", Number(item.Category)),
            ("Keywords", string.Join(' ', item.Keywords)),
            ("Condition", Condition(item.Condition)),
            ("Price", Money(item.Price)),
            ("Units for sale", Number(item.Quantity)),
            ("Seller", Number(item.SellerId)),
            ("Feedback", Votes(item.Feedback))
        );

    public static Layout Cart(Cart cart) =>
        cart.Lines.Count == 0 ? Line("The cart is empty.") : Cart(cart.Lines, cart.Total);

    /// <summary>
    /// The lines of a cart with present prices and units, and the total if there is one. Lines that cannot be bought
    /// are marked.
    /// </summary>
    public static Layout Cart(IReadOnlyList<CartLine> lines, decimal? total)
    {
        var isMarked = lines.Any(IsShort);
        string[] Row(params string[] cells) => isMarked ? cells : cells[..^1];
        Column[] columns =
        [
            new("Item"),
            new("Name", Fit.Wrap),
            Right("Unit price"),
            Right("Units"),
            Right("Available"),
            Right("Amount"),
        ];
        TextTable table = new([.. columns, .. isMarked ? (Column[])[new("Note", Fit.Wrap)] : []]);
        foreach (var line in lines)
        {
            table.Add(
                Row(
                    line.ItemId,
                    line.Name,
                    Money(line.UnitPrice),
                    Number(line.Quantity),
                    Number(line.Available),
                    Amount(line.UnitPrice, line.Quantity),
                    Shortage(line)
                ),
                IsShort(line) ? TextTable.Red : null
            );
        }

        if (total is { } sum)
        {
            table.Add(Row("Total", "", "", "", "", Money(sum), ""));
        }

        return table.Lines;
    }

    /// <summary>The line asks for more units than are on sale.</summary>
    public static bool IsShort(CartLine line) => line.Available < line.Quantity;

    public static Layout Receipt(Receipt receipt) =>
        Both(Lines(receipt.Lines, receipt.Total), Line($"Bought and charged: purchase {receipt.PurchaseId}."));

    public static Layout Purchase(Purchase purchase) =>
        Both(
            Lines(purchase.Lines, purchase.Total),
            Line($"Bought at {Time(purchase.At)} UTC: purchase {purchase.PurchaseId}.")
        );

    public static Layout Purchases(PurchasePage page)
    {
        if (page.Purchases.Count == 0)
        {
            return WithNext(Line("No purchases."), page.NextCursor);
        }

        return WithNext((width, _) => page.Purchases.SelectMany(purchase => Lines(purchase, width)), page.NextCursor);
    }

    public static Layout Sales(SalePage page)
    {
        if (page.Sales.Count == 0)
        {
            return WithNext(Line("Nothing has been sold yet."), page.NextCursor);
        }

        TextTable table = new(
            new("When (UTC)"),
            new("Item"),
            new("Name", Fit.Wrap),
            Right("Units"),
            Right("Unit price"),
            Right("Amount")
        );
        foreach (var sale in page.Sales)
        {
            table.Add([
                Time(sale.At),
                sale.ItemId,
                sale.Name,
                Number(sale.Quantity),
                Money(sale.UnitPrice),
                Amount(sale.UnitPrice, sale.Quantity),
            ]);
        }

        return WithNext(table.Lines, page.NextCursor);
    }

    public static Layout Rating(SellerRating rating) =>
        Line($"Seller {Number(rating.SellerId)}: {Number(rating.ThumbsUp)} up, {Number(rating.ThumbsDown)} down.");

    public static Layout Seller(Seller seller) =>
        Fields(
            ("Seller", Number(seller.SellerId)),
            ("Name", seller.Name),
            ("Units sold", Number(seller.ItemsSold)),
            ("Feedback", Votes(seller.Feedback))
        );

    public static Layout Account(SellerAccount account) =>
        Fields(
            ("Seller", Number(account.SellerId)),
            ("Name", account.Name),
            ("Username", account.Username),
            ("Units sold", Number(account.ItemsSold)),
            ("Feedback", Votes(account.Feedback))
        );

    public static Layout Account(BuyerAccount account) =>
        Fields(
            ("Buyer", Number(account.BuyerId)),
            ("Name", account.Name),
            ("Username", account.Username),
            ("Units bought", Number(account.ItemsPurchased))
        );

    public static string Money(decimal amount) => amount.ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>
    /// A time to wait, in a unit that suits its length; for more than two days, the date.
    /// </summary>
    public static string After(TimeSpan wait, DateTimeOffset now)
    {
        static string In(double time, string unit) => $"in {Number((long)Math.Ceiling(time))} {unit}";
        return wait switch
        {
            { TotalSeconds: <= 120 } => In(wait.TotalSeconds, "s"),
            { TotalMinutes: <= 120 } => In(wait.TotalMinutes, "minutes"),
            { TotalHours: <= 48 } => In(wait.TotalHours, "hours"),
            _ when wait >= DateTimeOffset.MaxValue - now => "in some thousand years",
            _ => string.Create(CultureInfo.InvariantCulture, $"on {(now + wait).UtcDateTime:d MMMM yyyy}, not before"),
        };
    }

    // Each purchase is a group of lines. A row with the long id, which people copy, would not fit most screens.
    private static IEnumerable<string> Lines(Purchase purchase, int width)
    {
        var when = $"{Time(purchase.At)} UTC  {Money(purchase.Total)}";
        var id = Printable.Of($"purchase {purchase.PurchaseId}");
        string[] heading = Cells.Width(when) + 2 + Cells.Width(id) <= width ? [$"{when}  {id}"] : [when, id];
        return heading.Concat(
            purchase.Lines.Select(line =>
                Printable.Of($"  {line.ItemId}  {Number(line.Quantity)} x {Money(line.UnitPrice)}")
            )
        );
    }

    private static Layout Lines(IReadOnlyList<PurchaseLine> lines, decimal total)
    {
        TextTable table = new(new("Item"), Right("Units"), Right("Unit price"), Right("Amount"));
        foreach (var line in lines)
        {
            table.Add([
                line.ItemId,
                Number(line.Quantity),
                Money(line.UnitPrice),
                Amount(line.UnitPrice, line.Quantity),
            ]);
        }

        table.Add(["Total", "", "", Money(total)]);
        return table.Lines;
    }

    private static Layout Fields(params (string Title, string Value)[] fields) =>
        (width, isStyled) =>
        {
            var beside = fields.Max(f => f.Title.Length) + 2;
            if (width - beside < MinBeside)
            {
                TextTable block = new([
                    .. fields.Select(f => new Column(f.Title, IsText(f.Title) ? Fit.Wrap : Fit.Whole)),
                ]);
                block.Add([.. fields.Select(f => f.Value)]);
                return block.Blocks(width, isStyled);
            }

            return fields.SelectMany(f =>
            {
                var value = Printable.Of(f.Value);
                var lines = IsText(f.Title) ? Cells.Wrap(value, width - beside) : [value];
                return lines.Select((line, i) => ((i == 0 ? f.Title : "").PadRight(beside) + line).TrimEnd(' '));
            });
        };

    private static Column Right(string title) => new(title, IsRight: true);

    private static bool IsText(string title) => title is "Name" or "Keywords" or "Username";

    private static Layout Both(Layout above, Layout below) =>
        (width, isStyled) => above(width, isStyled).Concat(below(width, isStyled));

    private static Layout WithNext(Layout page, string? cursor) =>
        cursor is null ? page : Both(page, Line($"There is more: --cursor {cursor}"));

    private static string Shortage(CartLine line) =>
        !IsShort(line) ? ""
        : line.Available > 0 ? $"only {Number(line.Available)} left"
        : "sold out";

    private static string Time(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string Condition(ItemCondition condition) => condition == ItemCondition.New ? "new" : "used";

    // A product that exceeds the range of decimal is shown as its factors.
    private static string Amount(decimal price, int units) =>
        units == 0 || Math.Abs(price) <= decimal.MaxValue / Math.Abs((decimal)units)
            ? Money(price * units)
            : $"{Money(price)} x {Number(units)}";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Votes(ItemFeedback votes) => $"+{Number(votes.ThumbsUp)} -{Number(votes.ThumbsDown)}";
}
