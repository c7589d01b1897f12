using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Agora.Client;

namespace Agora.Trading;

/// <summary>Lines for a screen that is so many columns wide, and may know the escape sequences of styles.</summary>
internal delegate IEnumerable<string> Layout(int width, bool isStyled);

/// <summary>What a function answered, for programs and for people.</summary>
internal sealed record Shown(string Json, Layout Human)
{
    public static Shown Of<T>(T answer, JsonTypeInfo<T> type, Layout human) =>
        new(JsonSerializer.Serialize(answer, type), human);

    /// <summary>For functions that answer nothing.</summary>
    public static Shown Done(string text) => new("{}", Show.Line(text));
}

/// <summary>
/// How the objects of the marketplace look on a screen. Whatever comes from a server goes through <see
/// cref="Printable"/>.
/// </summary>
internal static class Show
{
    /// <summary>
    /// Titles of a list of fields need so much room beside them; with less, each stands above its value.
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
            new("Item"), new("Name", Fit.Wrap), new("Condition"), Right("Price"), Right("Units"), new("Keywords", Fit.Wrap),
            new("Feedback"), Right("Seller"));
        foreach (var item in page.Items)
        {
            table.Add([
                item.Id, item.Name, Condition(item.Condition), Money(item.Price), Number(item.Quantity),
                string.Join(' ', item.Keywords), Votes(item.Feedback), Number(item.SellerId)]);
        }
        return WithNext(table.Lines, page.NextCursor);
    }

    public static Layout Item(Item item) => Fields(
        ("Item", item.Id), ("Name", item.Name), ("Category", Number(item.Category)),
        ("Keywords", string.Join(' ', item.Keywords)), ("Condition", Condition(item.Condition)), ("Price", Money(item.Price)),
        ("Units for sale", Number(item.Quantity)), ("Seller", Number(item.SellerId)), ("Feedback", Votes(item.Feedback)));

    public static Layout Cart(Cart cart) =>
        cart.Lines.Count == 0 ? Line("The cart is empty.") : Cart(cart.Lines, cart.Total);

    /// <summary>
    /// Lines of a cart as they are now, and the total where there is one. Those that cannot be bought are marked.
    /// </summary>
    public static Layout Cart(IReadOnlyList<CartLine> lines, decimal? total)
    {
        var isMarked = lines.Any(Lacks);
        string[] Row(params string[] cells) => isMarked ? cells : cells[..^1];
        Column[] columns =
        [
            new("Item"), new("Name", Fit.Wrap), Right("Unit price"), Right("Units"), Right("Available"), Right("Amount"),
        ];
        TextTable table = new([.. columns, .. isMarked ? (Column[])[new("Note", Fit.Wrap)] : []]);
        foreach (var line in lines)
        {
            table.Add(
                Row(
                    line.ItemId, line.Name, Money(line.UnitPrice), Number(line.Quantity), Number(line.Available),
                    Amount(line.UnitPrice, line.Quantity), Lack(line)),
                Lacks(line) ? TextTable.Red : null);
        }
        if (total is { } sum)
        {
            table.Add(Row("Total", "", "", "", "", Money(sum), ""));
        }
        return table.Lines;
    }

    /// <summary>The line asks for more units than are on sale.</summary>
    public static bool Lacks(CartLine line) => line.Available < line.Quantity;

    public static Layout Receipt(Receipt receipt) =>
        Both(Lines(receipt.Lines, receipt.Total), Line($"Bought and charged: purchase {receipt.PurchaseId}."));

    public static Layout Purchase(Purchase purchase) =>
        Both(
            Lines(purchase.Lines, purchase.Total),
            Line($"Bought at {Time(purchase.At)} UTC: purchase {purchase.PurchaseId}."));

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
            new("When (UTC)"), new("Item"), new("Name", Fit.Wrap), Right("Units"), Right("Unit price"), Right("Amount"));
        foreach (var sale in page.Sales)
        {
            table.Add([
                Time(sale.At), sale.ItemId, sale.Name, Number(sale.Quantity), Money(sale.UnitPrice),
                Amount(sale.UnitPrice, sale.Quantity)]);
        }
        return WithNext(table.Lines, page.NextCursor);
    }

    public static Layout Rating(SellerRating rating) =>
        Line($"Seller {Number(rating.SellerId)}: {Number(rating.ThumbsUp)} up, {Number(rating.ThumbsDown)} down.");

    public static Layout Seller(Seller seller) => Fields(
        ("Seller", Number(seller.SellerId)), ("Name", seller.Name), ("Units sold", Number(seller.ItemsSold)),
        ("Feedback", Votes(seller.Feedback)));

    public static Layout Account(SellerAccount account) => Fields(
        ("Seller", Number(account.SellerId)), ("Name", account.Name), ("Username", account.Username),
        ("Units sold", Number(account.ItemsSold)), ("Feedback", Votes(account.Feedback)));

    public static Layout Account(BuyerAccount account) => Fields(
        ("Buyer", Number(account.BuyerId)), ("Name", account.Name), ("Username", account.Username),
        ("Units bought", Number(account.ItemsPurchased)));

    public static string Money(decimal amount) => amount.ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>
    /// A time to wait, in the unit that people would use; a day of the calendar where it is longer than anybody waits.
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

    // In groups, not columns: with its id, which people copy, a row would be wider than most screens.
    private static IEnumerable<string> Lines(Purchase purchase, int width)
    {
        var when = $"{Time(purchase.At)} UTC  {Money(purchase.Total)}";
        var id = Printable.Of($"purchase {purchase.PurchaseId}");
        string[] heading = Cells.Width(when) + 2 + Cells.Width(id) <= width ? [$"{when}  {id}"] : [when, id];
        return heading.Concat(purchase.Lines.Select(line =>
            Printable.Of($"  {line.ItemId}  {Number(line.Quantity)} x {Money(line.UnitPrice)}")));
    }

    private static Layout Lines(IReadOnlyList<PurchaseLine> lines, decimal total)
    {
        TextTable table = new(new("Item"), Right("Units"), Right("Unit price"), Right("Amount"));
        foreach (var line in lines)
        {
            table.Add([
                line.ItemId, Number(line.Quantity), Money(line.UnitPrice), Amount(line.UnitPrice, line.Quantity)]);
        }
        table.Add(["Total", "", "", Money(total)]);
        return table.Lines;
    }

    private static Layout Fields(params (string Title, string Value)[] fields) => (width, isStyled) =>
    {
        var beside = fields.Max(f => f.Title.Length) + 2;
        if (width - beside < MinBeside)
        {
            TextTable block = new([.. fields.Select(f => new Column(f.Title, IsText(f.Title) ? Fit.Wrap : Fit.Whole))]);
            block.Add([.. fields.Select(f => f.Value)]);
            return block.Blocks(width, isStyled);
        }
        return fields.SelectMany(f =>
        {
            var value = Printable.Of(f.Value);
            IReadOnlyList<string> lines = IsText(f.Title) ? Cells.Wrap(value, width - beside) : [value];
            return lines.Select((line, i) => ((i == 0 ? f.Title : "").PadRight(beside) + line).TrimEnd(' '));
        });
    };

    private static Column Right(string title) => new(title, IsRight: true);

    private static bool IsText(string title) => title is "Name" or "Keywords" or "Username";

    private static Layout Both(Layout above, Layout below) =>
        (width, isStyled) => above(width, isStyled).Concat(below(width, isStyled));

    private static Layout WithNext(Layout page, string? cursor) =>
        cursor is null ? page : Both(page, Line($"There is more: --cursor {cursor}"));

    private static string Lack(CartLine line) =>
        !Lacks(line) ? "" : line.Available > 0 ? $"only {Number(line.Available)} left" : "sold out";

    private static string Time(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string Condition(ItemCondition condition) => condition == ItemCondition.New ? "new" : "used";

    // Of amounts that no marketplace has, what is certain.
    private static string Amount(decimal price, int units) =>
        units == 0 || Math.Abs(price) <= decimal.MaxValue / Math.Abs((decimal)units)
            ? Money(price * units)
            : $"{Money(price)} x {Number(units)}";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Votes(ItemFeedback votes) => $"+{Number(votes.ThumbsUp)} -{Number(votes.ThumbsDown)}";
}
