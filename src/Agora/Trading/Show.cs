using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Agora.Client;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Agora.Trading;

/// <summary>What a function answered, for programs and for people.</summary>
internal sealed record Shown(string Json, IRenderable Human)
{
    public static Shown Of<T>(T answer, JsonTypeInfo<T> type, IRenderable human) => new(JsonSerializer.Serialize(answer, type), human);

    /// <summary>For functions that answer nothing.</summary>
    public static Shown Done(string text) => new("{}", Show.Line(text));

    public void WriteTo(TextWriter output, bool json)
    {
        if (json)
        {
            output.WriteLine(Json);
            return;
        }
        var console = Show.On(output);
        console.Write(Human);
    }
}

/// <summary>How the objects of the marketplace look on a screen.</summary>
internal static class Show
{
    public static IRenderable Line(string text) => new Text(Printable(text) + Environment.NewLine);

    public static IRenderable Items(ItemPage page)
    {
        if (page.Items.Count == 0)
        {
            return Line("No items.");
        }
        var table = Table("Item", "Name", "Condition", ">Price", ">Units", "Keywords", "Feedback", ">Seller");
        foreach (var item in page.Items)
        {
            table.AddRow(Row(
                item.Id, item.Name, Condition(item.Condition), Money(item.Price), Number(item.Quantity), string.Join(' ', item.Keywords),
                Votes(item.Feedback.ThumbsUp, item.Feedback.ThumbsDown), Number(item.SellerId)));
        }
        return WithNext(table, page.NextCursor);
    }

    public static IRenderable Item(Item item)
    {
        var table = Table("Item", item.Id);
        table.AddRow(Row("Name", item.Name));
        table.AddRow(Row("Category", Number(item.Category)));
        table.AddRow(Row("Keywords", string.Join(' ', item.Keywords)));
        table.AddRow(Row("Condition", Condition(item.Condition)));
        table.AddRow(Row("Price", Money(item.Price)));
        table.AddRow(Row("Units for sale", Number(item.Quantity)));
        table.AddRow(Row("Seller", Number(item.SellerId)));
        table.AddRow(Row("Feedback", Votes(item.Feedback.ThumbsUp, item.Feedback.ThumbsDown)));
        return table;
    }

    public static IRenderable Cart(Cart cart)
    {
        if (cart.Lines.Count == 0)
        {
            return Line("The cart is empty.");
        }
        var table = Table("Item", ">Units");
        foreach (var line in cart.Lines)
        {
            table.AddRow(Row(line.ItemId, Number(line.Quantity)));
        }
        return table;
    }

    public static IRenderable Receipt(Receipt receipt)
    {
        var table = Table("Item", ">Units", ">Unit price", ">Amount");
        foreach (var line in receipt.Lines)
        {
            table.AddRow(Row(line.ItemId, Number(line.Quantity), Money(line.UnitPrice), Money(line.UnitPrice * line.Quantity)));
        }
        table.AddRow(Row("Total", "", "", Money(receipt.Total)));
        return new Rows(table, new Text(Printable($"Bought and charged: purchase {receipt.PurchaseId}.")));
    }

    public static IRenderable Purchases(PurchasePage page)
    {
        if (page.Purchases.Count == 0)
        {
            return Line("No purchases.");
        }
        var table = Table("When (UTC)", "Purchase", "Item", ">Units", ">Unit price", ">Total");
        foreach (var purchase in page.Purchases)
        {
            var at = purchase.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            for (var i = 0; i < purchase.Lines.Count; i++)
            {
                var line = purchase.Lines[i];
                var first = i == 0;
                table.AddRow(Row(
                    first ? at : "", first ? purchase.PurchaseId : "", line.ItemId, Number(line.Quantity), Money(line.UnitPrice),
                    first ? Money(purchase.Total) : ""));
            }
        }
        return WithNext(table, page.NextCursor);
    }

    public static IRenderable Rating(SellerRating rating) =>
        Line($"Seller {Number(rating.SellerId)}: {Number(rating.ThumbsUp)} up, {Number(rating.ThumbsDown)} down.");

    /// <summary>A console that writes there; as wide as the screen, or as wide as it takes where there is none.</summary>
    public static IAnsiConsole On(TextWriter output)
    {
        var destination = new AnsiConsoleOutput(output);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = destination,
            Ansi = destination.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        });
        if (!destination.IsTerminal)
        {
            console.Profile.Width = 240;
        }
        return console;
    }

    /// <summary>A text from elsewhere must not steer the terminal.</summary>
    public static string Printable(string text) =>
        text.AsSpan().IndexOfAnyInRange('\0', '\u001f') < 0 && text.AsSpan().IndexOfAnyInRange('\u007f', '\u009f') < 0
            ? text
            : string.Concat(text.Select(c => char.IsControl(c) && c != '\n' ? '\ufffd' : c));

    private static IRenderable WithNext(Table table, string? cursor) =>
        cursor is null ? table : new Rows(table, new Text(Printable($"There is more: --cursor {cursor}")));

    /// <summary>Columns by their titles; <c>&gt;</c> before one sets its cells to the right.</summary>
    private static Table Table(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = TableBorder.Rounded, UseSafeBorder = true };
        foreach (var column in columns)
        {
            var right = column.StartsWith('>');
            table.AddColumn(new TableColumn(new Text(Printable(column.TrimStart('>')), new Style(decoration: Decoration.Bold)))
            {
                Alignment = right ? Justify.Right : Justify.Left,
                NoWrap = true,
            });
        }
        return table;
    }

    private static IEnumerable<IRenderable> Row(params string[] cells) => cells.Select(cell => new Text(Printable(cell)));

    private static string Condition(ItemCondition condition) => condition == ItemCondition.New ? "new" : "used";

    private static string Money(decimal amount) => amount.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Votes(long up, long down) => $"+{Number(up)} -{Number(down)}";
}
