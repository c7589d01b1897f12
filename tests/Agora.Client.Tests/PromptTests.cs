using Agora.Trading;
using Xunit;
using static Agora.Client.Tests.ScriptedServer;
using static Agora.Client.Tests.ScriptedTerminal;

namespace Agora.Client.Tests;

public sealed class PromptTests : IAsyncLifetime
{
    private readonly Cli _cli = new();
    private ScriptedServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await StartAsync(context =>
        (context.Request.Path.Value == "/sessions" ? Responds(201, """{"token":"t-1","buyerId":9,"expiresInSeconds":300}""") : Responds(200, """{"lines":[]}"""))(context));

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Commands_in_a_file_run_one_after_another_and_a_failure_is_the_exit_status()
    {
        _cli.Terminal = new();
        foreach (var line in new[] { "# a comment", "", "login -u bob -p pw", "cart add 3-17", "no-such-command", "cart", "exit", "cart clear" })
        {
            _cli.Terminal.Lines.Enqueue(line);
        }
        var result = await _cli.BuyerAsync(_server);
        Assert.Equal(1, result.Status);
        Assert.Equal(["POST /sessions", "POST /cart/items", "GET /cart"], _server.Requests.Select(r => $"{r.Method} {r.PathAndQuery}"));
        Assert.All(_server.Requests.Skip(1), request => Assert.Equal("Bearer t-1", request.Authorization));
        Assert.Contains("no-such-command", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("> ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task At_a_keyboard_lines_are_completed_called_back_and_shown_with_who_is_logged_in()
    {
        _cli.Terminal = new ScriptedTerminal { HasKeyboard = true, HasScreen = true }.Types(
            "login -u bob -p pw", Enter, "pur", Tab, Enter, Key(ConsoleKey.UpArrow), Enter, "exit", Enter);
        var result = await _cli.BuyerAsync(_server);
        Assert.Equal(0, result.Status);
        Assert.Equal(["/sessions", "/purchases", "/purchases"], _server.Requests.Select(r => r.PathAndQuery));
        Assert.Contains("buyer bob> ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_lists_the_commands_and_explains_one()
    {
        _cli.Terminal = new();
        _cli.Terminal.Lines.Enqueue("help");
        _cli.Terminal.Lines.Enqueue("help cart add");
        var result = await _cli.BuyerAsync(_server);
        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.Contains("search", result.Output, StringComparison.Ordinal);
        Assert.Contains("How many; 1 unless given", result.Output, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

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
        Assert.Equal("o", Edit(new(), "one", Control(ConsoleKey.A), Key(ConsoleKey.RightArrow), Control(ConsoleKey.K), Enter));
        Assert.Equal("new", Edit(new(), "old", Control(ConsoleKey.C), "new", Enter));
        Assert.Null(Edit(new(), Control(ConsoleKey.D)));
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
        Assert.All(screen.ToString().Split('\r', '\n'), drawn => Assert.True(drawn.Replace("\u001b[K", "", StringComparison.Ordinal).Length < 40, drawn));
    }

    private static string? Edit(StringWriter screen, params object[] keys) =>
        new LineEditor(
            new ScriptedTerminal().Types(keys), screen,
            line => [.. new[] { "call", "cart" }.Where(name => name.StartsWith(line, StringComparison.Ordinal))]).ReadLine("> ");
}
