using Agora.Rest;
using Agora.Trading;
using CsCheck;
using Xunit;

namespace Agora.Tests.Trading;

/// <summary>
/// A terminal shows foreign text with every letter in its cells, and nothing is hidden or cut off at any width.
/// </summary>
public sealed class TerminalTextTests
{
    // Letters of all kinds and other characters: wide, combining, joined, hidden, reversing, halves, controls, spaces.
    private static readonly Gen<string> s_text = Gen.OneOf(
            Gen.Char[' ', '~'].Select(c => c.ToString()),
            OneOf("自", "転", "🚲", "👩‍👩‍👧", "👍🏽", "🇩🇪", "é", "ل", "क्ष", "ㄱ", "각", "❤️", "⚠"),
            OneOf(
                "\u0301",
                "\u200b",
                "\u200d",
                "\u202e",
                "\u001b[2J",
                "\r",
                "\n",
                "\ud83d",
                "\udeb2",
                "\ufe0f",
                "\u00ad",
                "  ",
                "\U000e0041"
            ),
            Gen.Char.Select(c => c.ToString())
        )
        .Array[0, 40]
        .Select(string.Concat);

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    [Theory]
    [InlineData("bike", 4)]
    [InlineData("自転車", 6)]
    [InlineData("e\u0301", 1)]
    [InlineData("🚲", 2)]
    [InlineData("👩‍👩‍👧", 2)]
    [InlineData("👍🏽", 2)]
    [InlineData("🇩🇪", 2)]
    [InlineData("❤️", 2)]
    [InlineData("한국", 4)]
    [InlineData("\u1112\u1161\u11ab", 2)]
    [InlineData("می\u200cخواهم", 7)]
    public void Text_is_as_wide_as_a_terminal_draws_it(string text, int cells) =>
        Assert.Equal(cells, Cells.Width(text));

    [Theory]
    [InlineData("Straße, 自転車 🚲 👩‍👩‍👧 🇩🇪 ❤️ می\u200cخواهم क्\u200dष e\u0301", null)]
    [InlineData("Bike \u202egnp.exe", """Bike \u202egnp.exe""")]
    [InlineData("sam\u200b", """sam\u200b""")]
    [InlineData("sam\u200d", """sam\u200d""")]
    [InlineData("a\u200cb", """a\u200cb""")]
    [InlineData("\u001b[31mred\a", """\u001b[31mred\u0007""")]
    [InlineData("one\r\ntwo", """one\u000d\u000atwo""")]
    [InlineData("\u009b2J", """\u009b2J""")]
    [InlineData("soft\u00adhyphen", """soft\u00adhyphen""")]
    [InlineData("hidden\U000e0041", """hidden\U000e0041""")]
    [InlineData("\ufeffmark", """\ufeffmark""")]
    [InlineData("filler\u3164", """filler\u3164""")]
    [InlineData("para\u2029graph", """para\u2029graph""")]
    public void Invisible_characters_are_escaped_and_letters_of_any_language_stay(string text, string? shown) =>
        Assert.Equal(shown ?? text, Printable.Of(text));

    [Fact]
    public void Half_a_character_is_shown_escaped() =>
        Assert.Equal("""half\ud83d-\udeb2""", Printable.Of("half\ud83d-\udeb2"));

    [Fact]
    public void No_text_leaves_anything_that_controls_a_terminal() =>
        s_text.Sample(text =>
            Assert.DoesNotContain(
                Printable.Of(text),
                c =>
                    char.IsControl(c) || c is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or '\u200b'
            )
        );

    [Fact]
    public void A_wrapped_text_keeps_every_letter_and_no_line_is_wider_than_asked() =>
        Gen.Select(s_text, Gen.Int[1, 60])
            .Sample(
                (text, width) =>
                {
                    var shown = Printable.Of(text);
                    var lines = Cells.Wrap(shown, width);
                    Assert.Equal(
                        string.Concat(shown.Split(' ')),
                        string.Concat(lines.SelectMany(line => line.Split(' ')))
                    );
                    Assert.All(
                        lines,
                        line =>
                            Assert.True(Cells.Width(line) <= width || Cells.Clusters(line.Trim()).Count() == 1, line)
                    );
                }
            );

    [Fact]
    public void Every_answer_of_a_server_is_shown_whole_at_any_width() =>
        Gen.Select(Gen.Select(s_text, s_text, s_text, Gen.Decimal, Gen.Long).Array[0, 4], Gen.Int[1, 200])
            .Sample(
                (rows, width) =>
                {
                    ItemPage page = new()
                    {
                        Items =
                        [
                            .. rows.Select(row => new Item
                            {
                                Id = row.Item1,
                                Name = row.Item2,
                                Category = 3,
                                Keywords = [row.Item3, row.Item2],
                                Condition = ItemCondition.New,
                                Price = row.Item4,
                                Quantity = row.Item5,
                                SellerId = row.Item5,
                                Feedback = new() { ThumbsUp = row.Item5, ThumbsDown = 0 },
                            }),
                        ],
                        NextCursor = rows.Length > 2 ? rows[0].Item1 : null,
                    };
                    CartLine[] lines =
                    [
                        .. rows.Select(row => new CartLine
                        {
                            ItemId = row.Item1,
                            Name = row.Item2,
                            Quantity = (int)row.Item5,
                            UnitPrice = row.Item4,
                            Available = row.Item5,
                        }),
                    ];
                    PurchaseLine[] bought =
                    [
                        .. rows.Select(row => new PurchaseLine
                        {
                            ItemId = row.Item1,
                            Quantity = (int)row.Item5,
                            UnitPrice = row.Item4,
                        }),
                    ];
                    Purchase purchase = new()
                    {
                        PurchaseId = string.Concat(rows.Select(r => r.Item1)),
                        At = DateTimeOffset.MaxValue,
                        Lines = bought,
                        Total = 1,
                    };
                    Layout[] all =
                    [
                        Layouts.Items(page),
                        .. page.Items.Select(Layouts.Item),
                        Layouts.Cart(lines, 1),
                        Layouts.Purchase(purchase),
                        Layouts.Purchases(new() { Purchases = [purchase, purchase] }),
                    ];
                    foreach (var layout in all)
                    {
                        Assert.DoesNotContain(string.Concat(layout(width, false)), char.IsControl);
                    }

                    var shown = Layouts.Items(page)(width, false).ToArray();
                    foreach (var item in page.Items)
                    {
                        // Ids, which people type again, and prices are never split.
                        Assert.Contains(shown, line => line.Contains(Printable.Of(item.Id), StringComparison.Ordinal));
                        Assert.Contains(
                            shown,
                            line => line.Contains(Layouts.Money(item.Price), StringComparison.Ordinal)
                        );
                    }
                },
                iter: 2000
            );

    [Theory]
    [InlineData("Red bike with three gears, as new", "red bike gears classic city")]
    [InlineData("自転車🚲自転車🚲自転車🚲自転車🚲", "自転車 自転車 🚲🚲🚲 e\u0301e\u0301e\u0301 한국어")]
    public void Columns_line_up_at_80_columns_and_names_wrap(string name, string keywords)
    {
        ItemPage page = new() { Items = [Item("3-17", name, keywords), Item("3-38693093", "Lamp", "oak")] };
        var lines = Layouts.Items(page)(80, false).ToArray();
        Assert.All(lines, line => Assert.InRange(Cells.Width(line), 1, 80));
        Assert.True(lines.Length > 3, "names and keywords wrap");

        // The prices end in one column, whatever precedes them.
        var title = Cells.Width(lines[0][..(lines[0].IndexOf("Price", StringComparison.Ordinal) + 5)]);
        Assert.Equal(2, lines.Count(line => Ends(line, "1199.90") == title));

        var narrow = Layouts.Items(page)(40, false).ToArray();
        Assert.Contains("Item: 3-17", narrow);
        Assert.Contains("Price: 1199.90", narrow);
        Assert.Contains("Units: 2", narrow);
        Assert.All(narrow, line => Assert.InRange(Cells.Width(line), 0, 40));

        static int Ends(string line, string cell) =>
            line.IndexOf(cell, StringComparison.Ordinal) is >= 0 and var start
                ? Cells.Width(line[..(start + cell.Length)])
                : -1;

        static Item Item(string id, string name, string keywords) =>
            new()
            {
                Id = id,
                Name = name,
                Category = 3,
                Keywords = keywords.Split(' '),
                Condition = ItemCondition.Used,
                Price = 1199.90m,
                Quantity = 2,
                SellerId = 17,
                Feedback = new() { ThumbsUp = 12, ThumbsDown = 3 },
            };
    }

    [Theory]
    [InlineData(1, "in 1 s")]
    [InlineData(119.5, "in 120 s")]
    [InlineData(600, "in 10 minutes")]
    [InlineData(86400, "in 24 hours")]
    [InlineData(2300263449, "on 22 November 2098, not before")]
    public void A_time_to_wait_is_shown_in_a_unit_that_suits_it(double seconds, string shown) =>
        Assert.Equal(
            shown,
            Layouts.After(TimeSpan.FromSeconds(seconds), new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
        );
}
