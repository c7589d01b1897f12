using System.Text.Json;
using Agora.Rest;
using Agora.Testing;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Tests.Trading;

/// <summary>Logins, questions and refusals of commands.</summary>
public sealed class TradingCommandTests : IAsyncLifetime
{
    private const string Item =
        """{"id":"3-17","name":"Bike","category":3,"keywords":["red"],"condition":"used","price":"""
        + """12.50,"quantity":2,"sellerId":9,"feedback":{"thumbsUp":1,"thumbsDown":0}}""";
    private const string Items = $$"""{"items":[{{Item}}],"nextCursor":"abc"}""";
    private const string Cart =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Bike","unitPrice":12.50,"available":5}],"total":25.00}""";
    private const string Receipt =
        """{"purchaseId":"p-1","lines":[{"itemId":"3-17","quantity":2,"unitPrice":12.50}],"total":25.00}""";

    private readonly Cli _cli = new();
    private ScriptedServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_login_is_kept_for_later_commands_in_a_file_that_only_its_owner_can_read()
    {
        await _cli.LogInAsync(_server, "buyer");
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_cli.LoginFile));
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.GetDirectoryName(_cli.LoginFile)!)
            );
        }

        _server.Answer = Responds(200, Cart);
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "cart")).Status);
        Assert.Equal("Bearer t-1", _server.Requests.Last().Authorization);
    }

    [Fact]
    public async Task A_login_counts_for_its_role_its_profile_and_its_marketplace_only()
    {
        await using var elsewhere = await StartAsync(Responds(200, Cart));
        await _cli.LogInAsync(_server, "buyer");
        await _cli.LogInAsync(_server, "buyer", "--profile", "eve");
        _server.Answer = Responds(200, Items);

        Assert.Equal(1, (await _cli.SellerAsync(_server, "items")).Status);
        Assert.Equal(1, (await _cli.BuyerAsync(_server, "--profile", "mallory", "cart")).Status);
        Assert.Equal(1, (await _cli.BuyerAsync(elsewhere, "cart")).Status);
        Assert.Empty(elsewhere.Requests);

        _server.Answer = Responds(204, "");
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "logout")).Status);
        _server.Answer = Responds(200, Cart);
        Assert.Equal(1, (await _cli.BuyerAsync(_server, "cart")).Status);
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "--profile", "eve", "cart")).Status);
    }

    [Fact]
    public async Task A_login_at_one_server_counts_at_the_whole_list_that_it_belongs_to()
    {
        await using var other = await StartAsync(Responds(200, Cart));
        await _cli.LogInAsync(_server, "buyer");
        _server.Answer = Responds(200, Cart);
        var result = await _cli.RunAsync(
            "buyer",
            "--server",
            _server.Address.ToString(),
            "--server",
            other.Address.ToString(),
            "cart"
        );
        Assert.Equal((0, ""), (result.Status, result.Error));
    }

    [Fact]
    public async Task Logins_at_the_same_time_do_not_lose_each_other()
    {
        _server.Answer = Responds(201, """{"token":"t-1","buyerId":9,"expiresInSeconds":300}""");
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(i =>
                    Task.Run(() => _cli.BuyerAsync(_server, "--profile", $"p{i}", "login", "-u", "bob", "-p", "pw"))
                )
        );
        _server.Answer = Responds(200, Cart);
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(0, (await _cli.BuyerAsync(_server, "--profile", $"p{i}", "cart")).Status);
        }
    }

    [Fact]
    public async Task A_session_that_has_ended_already_can_still_be_logged_out_of()
    {
        await _cli.LogInAsync(_server, "buyer");
        _server.Answer = Refuses(401, "not-logged-in", "The session has ended.");
        Assert.Equal(0, (await _cli.BuyerAsync(_server, "logout")).Status);
        Assert.Equal(1, (await _cli.BuyerAsync(_server, "logout")).Status);
    }

    [Fact]
    public async Task A_refusal_is_on_standard_error_with_code_detail_and_fields()
    {
        await _cli.LogInAsync(_server, "seller");
        _server.Answer = Responds(
            400,
            """{"status":400,"code":"invalid-request","detail":"2 fields are wrong.","errors":{"name":"""
                + """["must have 1 to 32 characters"],"price":["must be more than 0"]}}""",
            "application/problem+json"
        );
        string[] sell = ["sell", "--name", "", "--category", "3", "--price", "0"];

        var refused = await _cli.SellerAsync(_server, sell);
        Assert.Equal((1, ""), (refused.Status, refused.Output));
        Assert.Equal(
            """
            invalid-request: 2 fields are wrong.
              name: must have 1 to 32 characters
              price: must be more than 0

            """,
            refused.Error,
            ignoreLineEndingDifferences: true
        );

        var json = await _cli.SellerAsync(_server, ["--json", .. sell]);
        Assert.Equal((1, ""), (json.Status, json.Output));
        var problem = JsonSerializer.Deserialize(json.Error, AgoraJson.Default.Problem)!;
        Assert.Equal(("invalid-request", 400, 2), (problem.Code, problem.Status, problem.Errors!.Count));
    }

    [Fact]
    public async Task Without_a_login_the_way_to_one_is_shown_and_no_server_is_asked()
    {
        var result = await _cli.BuyerAsync(_server, "cart");
        Assert.Equal(1, result.Status);
        Assert.Contains("agora buyer login", result.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_change_of_server_is_reported_and_the_command_succeeds()
    {
        await using var dying = await StartAsync(Dies);
        await _cli.LogInAsync(_server, "buyer");
        _server.Answer = Responds(200, Cart);

        // The first server is random, so this repeats until the dying one was asked.
        var notice = "";
        while (dying.Requests.IsEmpty)
        {
            var result = await _cli.RunAsync(
                "buyer",
                "--server",
                dying.Address.ToString(),
                "--server",
                _server.Address.ToString(),
                "cart"
            );
            Assert.Equal(0, result.Status);
            Assert.Contains("3-17", result.Output, StringComparison.Ordinal);
            notice = result.Error;
        }

        Assert.Contains($"Going on with {_server.Address.Authority}", notice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_purchase_whose_outcome_is_not_known_says_how_to_repeat_it_safely()
    {
        await _cli.LogInAsync(_server, "buyer");
        _server.Answer = Dies;
        string[] buy =
        [
            "--timeout",
            "0.2",
            "buy",
            "--total",
            "25",
            "--cardholder",
            "Bob",
            "--card",
            "4111111111111111",
            "--expires",
            "12/39",
            "--code",
            "123",
        ];
        var lost = await _cli.BuyerAsync(_server, buy);
        Assert.Equal(2, lost.Status);
        var key = lost.Error[(lost.Error.IndexOf("--idempotency-key ", StringComparison.Ordinal) + 18)..]
            .Split(' ')[0]
            .Trim();
        Assert.Equal(key, _server.Requests.Last().Key);

        Assert.EndsWith($"{key} --total 25.00", lost.Error.Split('\n')[^3], StringComparison.Ordinal);

        _server.Answer = Responds(201, Receipt);
        Assert.Equal(0, (await _cli.BuyerAsync(_server, [.. buy, "--idempotency-key", key])).Status);
        Assert.Equal(key, _server.Requests.Last().Key);
    }

    [Fact]
    public async Task A_password_that_is_not_given_is_asked_for_and_not_shown()
    {
        _cli.Terminal = new ScriptedTerminal { HasKeyboard = true }.Types(
            "s3c",
            ScriptedTerminal.Key(ConsoleKey.Backspace),
            "cret",
            ScriptedTerminal.Enter
        );
        _cli.Terminal.Lines.Enqueue("bob");
        _server.Answer = Responds(201, """{"token":"t-1","buyerId":9,"expiresInSeconds":300}""");
        var result = await _cli.BuyerAsync(_server, "login");
        Assert.Equal((0, "Username: Password: "), (result.Status, result.Error.ReplaceLineEndings("")));
        Assert.Equal("""{"username":"bob","password":"s3cret"}""", _server.Requests.Single().Body);
        Assert.DoesNotContain("t-1", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_password_is_asked_for_twice_and_two_that_differ_make_no_account()
    {
        _cli.Terminal = new ScriptedTerminal { HasKeyboard = true }.Types(
            "one",
            ScriptedTerminal.Enter,
            "two",
            ScriptedTerminal.Enter
        );
        var result = await _cli.SellerAsync(_server, "create-account", "--name", "Ann", "-u", "ann");
        Assert.Equal(1, result.Status);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_card_that_is_not_given_is_asked_for_and_number_and_code_are_not_shown()
    {
        await _cli.LogInAsync(_server, "buyer");
        _cli.Terminal = new ScriptedTerminal { HasKeyboard = true }.Types(
            "4111 1111 1111 1111",
            ScriptedTerminal.Enter,
            "123",
            ScriptedTerminal.Enter
        );
        _cli.Terminal.Lines.Enqueue("Bob B");
        _cli.Terminal.Lines.Enqueue("12/39");
        _server.Answer = Responds(201, Receipt);
        var result = await _cli.BuyerAsync(_server, "buy", "--total", "25");
        Assert.Equal(0, result.Status);
        Assert.Equal(
            """{"cardholderName":"Bob B","cardNumber":"4111111111111111","expirationDate":"12/39","securityCo"""
                + """de":"123","expectedTotal":25.00}""",
            _server.Requests.Last().Body
        );
        Assert.DoesNotContain("4111", result.Error + result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_keyboard_what_is_missing_is_named_instead_of_asked_for()
    {
        var result = await _cli.BuyerAsync(_server, "login", "-u", "bob");
        Assert.Equal(1, result.Status);
        Assert.Contains("--password", result.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Theory]
    [InlineData("12,50")]
    [InlineData("1,250.00")]
    [InlineData("-1")]
    [InlineData("1e3")]
    [InlineData("free")]
    public async Task A_price_that_could_be_read_in_two_ways_is_refused(string price)
    {
        await _cli.LogInAsync(_server, "seller");
        var before = _server.Requests.Count;
        Assert.NotEqual(0, (await _cli.SellerAsync(_server, "set-price", "3-17", price)).Status);
        Assert.Equal(before, _server.Requests.Count);
    }

    [Theory]
    [InlineData("rate", "3-17", "sideways")]
    [InlineData("rate", "3-17", "0")]
    [InlineData("seller-rating", "ann")]
    [InlineData("search")]
    [InlineData("no-such-command")]
    [InlineData("cart", "--server", "nonsense")]
    [InlineData("cart", "--timeout", "0")]
    [InlineData("cart", "--timeout", "0,5")]
    [InlineData("cart", "--timeout", "1e1")]
    [InlineData("cart", "--patience", "0,5")]
    [InlineData("cart", "add", "3-17", "1,000")]
    [InlineData("cart", "add", "3-17", "99999999999")]
    [InlineData("cart", "add", "3-17", " 1")]
    [InlineData("search", "-c", "3", "--limit", "5.0")]
    [InlineData("buy", "--total", "19,90")]
    [InlineData("cart", "save", "--idempotency-key", "a b")]
    [InlineData("cart", "save", "--idempotency-key", "\u00e9")]
    [InlineData("buy", "--yes", "--idempotency-key", "k")]
    [InlineData("login", "-u", "bob", "-p", "pw", "--password-stdin")]
    [InlineData("buy", "--total", "1", "--card-stdin", "--code", "123")]
    public async Task What_is_not_a_command_is_refused_before_any_server_is_asked(params string[] arguments)
    {
        await _cli.LogInAsync(_server, "buyer");
        var before = _server.Requests.Count;
        var result = await _cli.BuyerAsync(_server, arguments);
        Assert.NotEqual(0, result.Status);
        Assert.NotEmpty(result.Error);
        Assert.Equal(before, _server.Requests.Count);
    }

    [Fact]
    public async Task The_name_of_an_item_cannot_control_the_terminal()
    {
        await _cli.LogInAsync(_server, "buyer");
        _server.Answer = Responds(
            200,
            Item.Replace("Bike", "Bike\\u001b[2J\\u202egnp\\u200b", StringComparison.Ordinal)
        );
        var result = await _cli.BuyerAsync(_server, "item", "3-17");
        Assert.Contains("""Bike\u001b[2J\u202egnp\u200b""", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(result.Output, c => c is '\u001b' or '\u202e' or '\u200b');
    }

    [Theory]
    [InlineData("buyer", "search", "agora buyer search --category 3")]
    [InlineData("seller", "sell", "agora seller sell --name")]
    public async Task Help_has_examples(string role, string command, string example) =>
        Assert.Contains(example, (await _cli.RunAsync(role, command, "--help")).Output, StringComparison.Ordinal);
}
