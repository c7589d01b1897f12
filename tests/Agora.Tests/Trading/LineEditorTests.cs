using Agora.Trading;
using Xunit;
using static Agora.Tests.Trading.ScriptedTerminal;

namespace Agora.Tests.Trading;

public sealed class LineEditorTests
{
    [Fact]
    public void Tab_writes_what_is_certain_and_then_shows_what_is_possible()
    {
        var screen = new StringWriter();
        var line = Edit(screen, "ca", Tab, Tab, "r", Tab, "x", Enter);
        Assert.Equal("cart x", line);
        Assert.Contains("call  cart", screen.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_is_edited_by_the_keys_of_a_shell()
    {
        Assert.Equal("abc", Edit(new(), "bc", Key(ConsoleKey.Home), "a", Enter));
        Assert.Equal("ac", Edit(new(), "abc", Key(ConsoleKey.LeftArrow), Key(ConsoleKey.Backspace), Enter));
        Assert.Equal("bc", Edit(new(), "abc", Control(ConsoleKey.A), Key(ConsoleKey.Delete), Enter));
        Assert.Equal("one ", Edit(new(), "one two", Control(ConsoleKey.W), Enter));
        Assert.Equal("two", Edit(new(), "one", Control(ConsoleKey.U), "two", Enter));
        Assert.Equal(
            "o",
            Edit(new(), "one", Control(ConsoleKey.A), Key(ConsoleKey.RightArrow), Control(ConsoleKey.K), Enter)
        );
        Assert.Equal("new", Edit(new(), "old", Control(ConsoleKey.C), "new", Enter));
        Assert.Null(Edit(new(), Control(ConsoleKey.D)));
    }

    [Theory]
    [InlineData("🚲")]
    [InlineData("👩‍👩‍👧")]
    [InlineData("e\u0301")]
    [InlineData("🇩🇪")]
    [InlineData("자")]
    public void A_letter_is_removed_and_passed_whole(string letter)
    {
        Assert.Equal("a", Edit(new(), "a" + letter, Key(ConsoleKey.Backspace), Enter));
        Assert.Equal(
            "xa",
            Edit(
                new(),
                "a" + letter,
                Key(ConsoleKey.LeftArrow),
                Key(ConsoleKey.Delete),
                Control(ConsoleKey.A),
                "x",
                Enter
            )
        );
        Assert.Equal("ax" + letter, Edit(new(), "a" + letter, Key(ConsoleKey.LeftArrow), "x", Enter));
        Assert.Equal(letter + "x", Edit(new(), letter, Key(ConsoleKey.Home), Key(ConsoleKey.RightArrow), "x", Enter));
    }

    [Fact]
    public void Words_are_passed_and_removed_by_the_keys_of_a_shell()
    {
        Assert.Equal("one Xtwo", Edit(new(), "one two", Alt(ConsoleKey.B), "X", Enter));
        Assert.Equal("oneX two", Edit(new(), "one two", Control(ConsoleKey.A), Alt(ConsoleKey.F), "X", Enter));
        Assert.Equal(" two", Edit(new(), "one two", Control(ConsoleKey.A), Alt(ConsoleKey.D), Enter));
        Assert.Equal("one ", Edit(new(), "one two", Alt(ConsoleKey.Backspace), Enter));
        Assert.Equal("one", Edit(new(), "one", Alt(ConsoleKey.X), Enter));
    }

    [Fact]
    public void The_cursor_goes_back_over_the_cells_that_letters_take()
    {
        StringWriter screen = new();
        Edit(screen, "自転車", Key(ConsoleKey.LeftArrow), Key(ConsoleKey.LeftArrow), Enter);
        Assert.Contains("\u001b[4D", screen.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(40)]
    public void No_line_is_drawn_wider_than_the_screen(int width)
    {
        StringWriter screen = new();
        var text = string.Concat(Enumerable.Repeat("自転車🚲e\u0301 a", 12));
        object[] keys =
        [
            text,
            Control(ConsoleKey.A),
            .. Enumerable.Repeat((object)Key(ConsoleKey.RightArrow), 30),
            Key(ConsoleKey.Backspace),
            Enter,
        ];
        new LineEditor(new ScriptedTerminal { Width = width }.Types(keys), screen, _ => []).ReadLine("buyer 自転車> ");
        var drawn = screen.ToString().Split('\r', '\n').Select(line => line.Split('\u001b')[0]);
        Assert.All(drawn, line => Assert.True(Cells.Width(line) <= Math.Max(1, width - 1), line));
    }

    [Fact]
    public void Older_lines_come_back_and_the_unfinished_one_is_kept()
    {
        var terminal = new ScriptedTerminal().Types("one", Enter, "two", Enter, "two", Enter);
        var editor = new LineEditor(terminal, new StringWriter(), _ => []);
        for (var i = 0; i < 3; i++)
        {
            editor.ReadLine("> ");
        }

        var up = Key(ConsoleKey.UpArrow);
        var down = Key(ConsoleKey.DownArrow);
        terminal.Types(up, up, up, Enter);
        Assert.Equal("one", editor.ReadLine("> "));
        terminal.Types("unfin", up, up, down, down, "ished", Enter);
        Assert.Equal("unfinished", editor.ReadLine("> "));
    }

    [Fact]
    public void A_line_longer_than_the_screen_shows_the_part_around_the_cursor()
    {
        var screen = new StringWriter();
        var text = new string('a', 100) + "z";
        var terminal = new ScriptedTerminal { Width = 40 }.Types(text, Enter);
        Assert.Equal(text, new LineEditor(terminal, screen, _ => []).ReadLine("> "));
        Assert.All(
            screen.ToString().Split('\r', '\n'),
            drawn => Assert.True(drawn.Replace("\u001b[K", "", StringComparison.Ordinal).Length < 40, drawn)
        );
    }

    private static string? Edit(StringWriter screen, params object[] keys) =>
        new LineEditor(
            new ScriptedTerminal().Types(keys),
            screen,
            line => [.. new[] { "call", "cart" }.Where(name => name.StartsWith(line, StringComparison.Ordinal))]
        ).ReadLine("> ");
}
