using Agora.Testing;
using Xunit;
using static Agora.Testing.ScriptedServer;
using static Agora.Tests.Trading.ScriptedTerminal;

namespace Agora.Tests.Trading;

public sealed class PromptTests : IAsyncLifetime
{
    private readonly Cli _cli = new();
    private ScriptedServer _server = null!;

    public async ValueTask InitializeAsync() =>
        _server = await StartAsync(context =>
            (
                context.Request.Path.Value == "/sessions"
                    ? Responds(201, """{"token":"t-1","buyerId":9,"expiresInSeconds":300}""")
                    : Responds(200, """{"lines":[],"total":0.00}""")
            )(context)
        );

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Commands_in_a_file_run_one_after_another_and_a_failure_is_the_exit_status()
    {
        _cli.Terminal = new();
        foreach (
            var line in new[]
            {
                "# a comment",
                "",
                "login -u bob -p pw",
                "cart add 3-17",
                "no-such-command",
                "cart",
                "exit",
                "cart clear",
            }
        )
        {
            _cli.Terminal.Lines.Enqueue(line);
        }

        var result = await _cli.BuyerAsync(_server);
        Assert.Equal(1, result.Status);
        Assert.Equal(
            ["POST /sessions", "POST /cart/items", "GET /cart"],
            _server.Requests.Select(r => $"{r.Method} {r.PathAndQuery}")
        );
        Assert.All(_server.Requests.Skip(1), request => Assert.Equal("Bearer t-1", request.Authorization));
        Assert.Contains("no-such-command", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("> ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task At_a_keyboard_lines_are_completed_called_back_and_shown_with_who_is_logged_in()
    {
        _cli.Terminal = new ScriptedTerminal { HasKeyboard = true, HasScreen = true }.Types(
            "login -u bob -p pw",
            Enter,
            "pur",
            Tab,
            "s",
            Enter,
            Key(ConsoleKey.UpArrow),
            Enter,
            "exit",
            Enter
        );
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
        Assert.Contains("How many; 1 by default", result.Output, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_terminal_without_escape_sequences_gets_none()
    {
        _cli.Terminal = new ScriptedTerminal
        {
            HasKeyboard = true,
            HasScreen = true,
            KnowsEscapes = false,
        };
        _cli.Terminal.Lines.Enqueue("login -u bob -p pw");
        _cli.Terminal.Lines.Enqueue("cart");
        var result = await _cli.BuyerAsync(_server);
        Assert.Equal(0, result.Status);
        Assert.Contains("buyer bob> ", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result.Output);
    }
}
