using Agora.Testing;
using Microsoft.AspNetCore.Http;
using Xunit;
using static Agora.Testing.ScriptedServer;
using static Agora.Tests.Trading.ScriptedTerminal;

namespace Agora.Tests.Trading;

/// <summary>
/// A buyer agrees to a total before anything is charged, and gives the card where others cannot see it.
/// </summary>
public sealed class BuyTests : IAsyncLifetime
{
    private const string Cart =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Red bike","unitPrice":99.90,"available":"""
        + """5}],"total":199.80}""";
    private const string Lacking =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Red bike","unitPrice":99.90,"available":1},"""
        + """{"itemId":"3-18","quantity":1,"name":"Lamp","unitPrice":5.00,"available":0}],"total":204.80}""";
    private const string Receipt =
        """{"purchaseId":"p-1","lines":[{"itemId":"3-17","quantity":2,"unitPrice":99.90}],"total":199.80}""";
    private const string Sent =
        """{"cardholderName":"Bob B","cardNumber":"4111111111111111","expirationDate":"12/39","securityCod"""
        + """e":"123","expectedTotal":199.80}""";

    private static readonly string[] s_card =
    [
        "--cardholder",
        "Bob B",
        "--card",
        "4111111111111111",
        "--expires",
        "12/39",
        "--code",
        "123",
    ];

    private readonly Cli _cli = new();
    private string _cart = Cart;
    private Func<HttpContext, Task> _purchase = Responds(201, Receipt);
    private ScriptedServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await StartAsync(Responds(201, """{"token":"t-1","buyerId":9,"expiresInSeconds":300}"""));
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "login", "-u", "bob", "-p", "pw")).Status);
        _server.Requests.Clear();
        _server.Answer = context => (context.Request.Method == "GET" ? Responds(200, _cart) : _purchase)(context);
    }

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task At_a_keyboard_the_cart_is_shown_and_its_total_asked_for()
    {
        _cli.Terminal = new() { HasKeyboard = true };
        _cli.Terminal.Lines.Enqueue("y");
        var result = await _cli.BuyerAsync(_server, ["buy", .. s_card]);
        Assert.Equal(0, result.Status);
        Assert.Contains("Red bike", result.Error, StringComparison.Ordinal);
        Assert.Contains("Buy for 199.80? [y/N] ", result.Error, StringComparison.Ordinal);
        Assert.Equal(Sent, _server.Requests.Last().Body);
        Assert.Contains("p-1", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("n")]
    [InlineData("")]
    [InlineData("maybe")]
    [InlineData(null)]
    public async Task Anything_but_yes_buys_nothing(string? answer)
    {
        _cli.Terminal = new() { HasKeyboard = true };
        if (answer is not null)
        {
            _cli.Terminal.Lines.Enqueue(answer);
        }

        var result = await _cli.BuyerAsync(_server, ["buy", .. s_card]);
        Assert.Equal((1, ""), (result.Status, result.Output));
        Assert.Contains("Nothing was bought.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Requests, r => r.Method == "POST");
    }

    [Fact]
    public async Task Without_a_keyboard_nothing_is_bought_that_was_not_agreed_to()
    {
        var result = await _cli.BuyerAsync(_server, ["buy", .. s_card]);
        Assert.Equal(1, result.Status);
        Assert.Contains("--total", result.Error, StringComparison.Ordinal);
        Assert.Contains("--yes", result.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task Yes_agrees_to_the_total_of_the_cart_as_it_is()
    {
        Assert.Equal(0, (await _cli.BuyerAsync(_server, ["buy", "--yes", .. s_card])).Status);
        Assert.Equal(["GET /cart", "POST /purchases"], _server.Requests.Select(r => $"{r.Method} {r.PathAndQuery}"));
        Assert.Equal(Sent, _server.Requests.Last().Body);
    }

    [Theory]
    [InlineData("--total", "199.8")]
    [InlineData("--yes", "--total", "199.80")]
    public async Task A_total_that_is_given_is_what_is_agreed_to(params string[] agreed)
    {
        Assert.Equal(
            0,
            (await _cli.BuyerAsync(_server, ["buy", .. agreed, "--idempotency-key", "k", .. s_card])).Status
        );
        Assert.Equal((Sent, "k"), (Assert.Single(_server.Requests).Body, _server.Requests.Single().Key));
    }

    [Fact]
    public async Task A_price_that_has_changed_charges_nothing_and_shows_what_the_cart_costs_now()
    {
        _purchase = Responds(
            409,
            """{"status":409,"code":"price-changed","detail":"The cart costs something else now.","lines":"""
                + """[{"itemId":"3-17","quantity":2,"name":"Red bike","unitPrice":500,"available":5}],"total":1000}""",
            "application/problem+json"
        );
        var result = await _cli.BuyerAsync(_server, ["buy", "--total", "199.80", .. s_card]);
        Assert.Equal((1, ""), (result.Status, result.Output));
        Assert.Contains("500.00", result.Error, StringComparison.Ordinal);
        Assert.Contains(
            "Nothing was charged. To buy for what it costs now: agora buyer buy --total 1000.00",
            result.Error,
            StringComparison.Ordinal
        );

        var json = await _cli.BuyerAsync(_server, ["--json", "buy", "--total", "199.80", .. s_card]);
        Assert.Contains("\"total\":1000.00", json.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_that_lack_units_are_all_shown_with_what_is_left()
    {
        _purchase = Responds(
            409,
            Lacking.Replace(
                "{\"lines\"",
                """{"status":409,"code":"not-enough-units","detail":"2 lines lack units.","lines" """,
                StringComparison.Ordinal
            ),
            "application/problem+json"
        );
        var result = await _cli.BuyerAsync(_server, ["buy", "--total", "204.80", .. s_card]);
        Assert.Contains("only 1 left", result.Error, StringComparison.Ordinal);
        Assert.Contains("sold out", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cart_shows_names_prices_amounts_and_total_and_marks_what_cannot_be_bought()
    {
        _cart = Lacking;
        var shown = (await _cli.BuyerAsync(_server, "cart")).Output.Split('\n');
        Assert.Contains(
            shown,
            line =>
                line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                    is ["3-17", "Red bike", "99.90", "2", "1", "199.80", "only 1 left"]
        );
        Assert.Contains(shown, line => line.EndsWith("sold out", StringComparison.Ordinal));
        Assert.Contains(
            shown,
            line =>
                line.StartsWith("Total", StringComparison.Ordinal) && line.Contains("204.80", StringComparison.Ordinal)
        );

        _cli.Terminal = new() { HasKeyboard = true };
        var buy = await _cli.BuyerAsync(_server, ["buy", .. s_card]);
        Assert.Equal(1, buy.Status);
        Assert.DoesNotContain("[y/N]", buy.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Bob B|4111 1111 1111 1111|12/39|123")]
    [InlineData(
        """{"cardholderName":"Bob B","cardNumber":"4111111111111111","expirationDate":"12/39","securityCode":"123"}"""
    )]
    [InlineData(
        """{|"cardholderName":"Bob B",|"cardNumber":"4111111111111111",|"expirationDate":"12/39","securityCod"""
            + """e":"123"|}"""
    )]
    public async Task A_card_comes_from_standard_input_or_a_file(string card)
    {
        _cli.Terminal = new();
        foreach (var line in card.Split('|'))
        {
            _cli.Terminal.Lines.Enqueue(line);
        }

        Assert.Equal(0, (await _cli.BuyerAsync(_server, "buy", "--total", "199.80", "--card-stdin")).Status);
        Assert.Equal(Sent, _server.Requests.Last().Body);

        var file = Path.Combine(Path.GetDirectoryName(_cli.LoginFile)!, "card");
        await File.WriteAllTextAsync(file, card.Replace('|', '\n'), TestContext.Current.CancellationToken);
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "buy", "--total", "199.80", "--card-file", file)).Status);
        Assert.Equal(Sent, _server.Requests.Last().Body);
    }

    [Theory]
    [InlineData("4111111111111111")]
    [InlineData("""{"cardNumber":4111111111111111}""")]
    [InlineData("""{"cardNumber":"4111111111111111","expectedTotal":1}""")]
    public async Task Half_a_card_is_refused_and_not_shown(string card)
    {
        _cli.Terminal = new();
        _cli.Terminal.Lines.Enqueue(card);
        var result = await _cli.BuyerAsync(_server, "buy", "--total", "199.80", "--card-stdin");
        Assert.Equal(1, result.Status);
        Assert.DoesNotContain("4111", result.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_password_comes_from_standard_input_or_a_file()
    {
        _server.Answer = Responds(201, """{"token":"t-1","buyerId":9,"expiresInSeconds":300}""");
        _cli.Terminal = new();
        _cli.Terminal.Lines.Enqueue(" s3 cret ");
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "login", "-u", "bob", "--password-stdin")).Status);
        var file = Path.Combine(Path.GetDirectoryName(_cli.LoginFile)!, "password");
        await File.WriteAllTextAsync(file, " s3 cret \r\n", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "login", "-u", "bob", "--password-file", file)).Status);
        Assert.All(_server.Requests, r => Assert.Equal("""{"username":"bob","password":" s3 cret "}""", r.Body));
    }

    [Fact]
    public async Task In_a_file_of_commands_a_card_from_standard_input_ends_where_the_next_command_begins()
    {
        _cli.Terminal = new();
        foreach (
            var line in new[] { "buy --total 199.80 --card-stdin", "Bob B", "4111111111111111", "12/39", "123", "cart" }
        )
        {
            _cli.Terminal.Lines.Enqueue(line);
        }

        Assert.Equal(0, (await _cli.BuyerAsync(_server)).Status);
        Assert.Equal(["POST /purchases", "GET /cart"], _server.Requests.Select(r => $"{r.Method} {r.PathAndQuery}"));
    }

    [Fact]
    public async Task At_the_prompt_a_question_can_be_left_with_Control_C()
    {
        _cli.Terminal = new ScriptedTerminal { HasKeyboard = true, HasScreen = true }.Types(
            "buy",
            Enter,
            Control(ConsoleKey.C),
            "exit",
            Enter
        );
        var result = await _cli.BuyerAsync(_server);
        Assert.Equal(0, result.Status);
        Assert.Contains("Stopped.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Requests, r => r.Method == "POST");
    }
}
