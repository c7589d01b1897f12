using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Testing;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Tests.Trading;

/// <summary>What a person and a program learn when a command does not do what it was asked.</summary>
public sealed class FailureTests : IAsyncLifetime
{
    private const string Cart =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Bike","unitPrice":12.50,"available":5}],"total":25.00}""";

    private readonly Cli _cli = new();
    private ScriptedServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await StartAsync(
            Responds(201, """{"token":"t-1","buyerId":9,"sellerId":9,"expiresInSeconds":300}""")
        );
        foreach (var role in new[] { "buyer", "seller" })
        {
            Assert.Equal(
                0,
                (
                    await _cli.RunAsync(role, "--server", _server.Address.ToString(), "login", "-u", "ann", "-p", "pw")
                ).Status
            );
        }

        _server.Answer = Responds(200, Cart);
        _server.Requests.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("search")]
    [InlineData("search", "-c", "three")]
    [InlineData("search", "--nope")]
    [InlineData("serach", "-c", "3")]
    [InlineData("cart", "add", "3-17", "x")]
    [InlineData("cart", "add", "3-17", "99999999999")]
    [InlineData("cart", "add")]
    [InlineData("rate", "3-17", "sideways")]
    [InlineData("buy", "--total", "12,50")]
    [InlineData("buy")]
    [InlineData("buy", "--total", "25")]
    [InlineData("buy", "--yes", "--idempotency-key", "k")]
    [InlineData("login", "-u", "bob")]
    [InlineData("login", "-u", "bob", "--password-file", "/nonexistent")]
    [InlineData("login", "-u", "bob", "--password-stdin")]
    [InlineData("cart", "--timeout", "0,5")]
    [InlineData("cart", "--server", "127.0.0.1:8120")]
    [InlineData("cart", "--cluster", "/nonexistent")]
    [InlineData("cart", "save", "--idempotency-key", "\u00e9")]
    [InlineData("purchase", "nonsense")]
    [InlineData("item", "3-17/price")]
    public async Task Under_json_every_wrong_command_is_one_line_of_JSON_and_nothing_else(params string[] arguments)
    {
        string[][] places =
        [
            ["--json", .. arguments],
            [.. arguments, "--json"],
        ];
        foreach (var command in places)
        {
            var result = await _cli.BuyerAsync(_server, command);
            Assert.Equal((1, ""), (result.Status, result.Output));
            Assert.NotEmpty(Problem(result.Error)["code"]!.GetValue<string>());
            Assert.NotEmpty(Problem(result.Error)["detail"]!.GetValue<string>());
        }

        Assert.Empty(_server.Requests);
    }

    [Theory]
    [InlineData("search")]
    [InlineData("serach")]
    [InlineData("rate", "3-17", "sideways")]
    public async Task A_wrong_command_is_reported_in_a_few_lines_without_the_whole_help(params string[] arguments)
    {
        var result = await _cli.BuyerAsync(_server, arguments);
        Assert.Equal((1, ""), (result.Status, result.Output));
        Assert.InRange(result.Error.Split('\n').Length, 2, 4);
        Assert.Contains("--help", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistyped_command_is_reported_with_the_one_that_was_meant() =>
        Assert.Contains(
            "Did you mean search?",
            (await _cli.BuyerAsync(_server, "serach")).Error,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Under_json_the_prompt_answers_in_JSON_too()
    {
        _cli.Terminal = new();
        foreach (var line in new[] { "cart", "serach", "cart add 3-17 x", "login -u bob" })
        {
            _cli.Terminal.Lines.Enqueue(line);
        }

        var result = await _cli.BuyerAsync(_server, "--json");
        Assert.Equal(1, result.Status);
        Assert.Equal(Cart, result.Output.Trim());
        Assert.All(
            result.Error.Trim().Split('\n'),
            line => Assert.Equal("invalid-command", Problem(line)["code"]!.GetValue<string>())
        );
        Assert.Equal(3, result.Error.Trim().Split('\n').Length);
    }

    [Theory]
    [InlineData("dies")]
    [InlineData("500")]
    public async Task Under_json_a_change_whose_outcome_is_not_known_names_its_key(string failure)
    {
        _server.Answer = failure == "dies" ? Dies : Refuses(500, "internal", "a fault of ours");
        var result = await _cli.SellerAsync(
            _server,
            "--json",
            "--timeout",
            "0.2",
            "sell",
            "--name",
            "Bike",
            "--category",
            "3",
            "--price",
            "5"
        );
        var problem = Problem(result.Error);
        Assert.Equal(_server.Requests.Last().Key, problem["idempotencyKey"]!.GetValue<string>());
        Assert.True(problem["outcomeUnknown"]!.GetValue<bool>());
    }

    [Theory]
    [InlineData(429, "too-many-requests", false)]
    [InlineData(429, "too-many-requests", true)]
    [InlineData(401, "not-logged-in", false)]
    [InlineData(401, "not-logged-in", true)]
    public async Task A_refusal_after_an_attempt_that_broke_still_names_the_key(int status, string code, bool isJson)
    {
        _server.Answer = context =>
            (_server.Requests.Count == 1 ? Dies : Refuses(status, code, "not now", retryAfter: "600"))(context);
        var result = await _cli.BuyerAsync(_server, [.. isJson ? (string[])["--json"] : [], "cart", "add", "3-17"]);
        var key = _server.Requests.Last().Key!;
        if (isJson)
        {
            var problem = Problem(result.Error);
            Assert.Equal(
                (code, key, true),
                (
                    problem["code"]!.GetValue<string>(),
                    problem["idempotencyKey"]!.GetValue<string>(),
                    problem["outcomeUnknown"]!.GetValue<bool>()
                )
            );
        }
        else
        {
            Assert.Contains("It may have happened all the same.", result.Error, StringComparison.Ordinal);
            Assert.Contains($"--idempotency-key {key}", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_key_that_has_expired_is_not_offered_for_a_repeat()
    {
        _server.Answer = context =>
            (_server.Requests.Count == 1 ? Dies : Refuses(422, "key-expired", "Look whether it happened."))(context);
        var result = await _cli.BuyerAsync(_server, "cart", "add", "3-17", "--idempotency-key", "old");
        Assert.Contains("Look whether it happened.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("--idempotency-key", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_login_is_not_offered_for_a_repeat_under_its_key_which_it_ignores(bool isStopped)
    {
        _server.Answer = async context =>
        {
            if (isStopped)
            {
                _cli.Terminal.ControlC!();
            }

            await Dies(context);
        };
        var result = await _cli.BuyerAsync(_server, "--timeout", "0.2", "login", "-u", "bob", "-p", "pw");
        Assert.Equal(isStopped ? 130 : 2, result.Status);
        Assert.DoesNotContain("idempotency-key", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("buy", "--total", "25", "--card-stdin")]
    [InlineData("login", "-u", "bob", "--password-stdin")]
    public async Task Control_C_ends_the_wait_for_a_secret_on_standard_input(params string[] arguments)
    {
        using SemaphoreSlim never = new(0);
        _cli.Terminal = new()
        {
            OnReadLine = () =>
            {
                _cli.Terminal.ControlC!();
                never.Wait(TestContext.Current.CancellationToken);
            },
        };
        var result = await Task.Run(() => _cli.BuyerAsync(_server, arguments))
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        never.Release();
        Assert.Equal((130, "Stopped."), (result.Status, result.Error.Trim()));
    }

    [Theory]
    [InlineData("buy", "--total", "25", "--card-file")]
    [InlineData("login", "-u", "bob", "--password-file")]
    public async Task Control_C_ends_the_wait_for_a_secret_from_a_pipe_that_nobody_writes_to(params string[] arguments)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var pipe = await MakePipeAsync();
        var command = Task.Run(() => _cli.BuyerAsync(_server, [.. arguments, pipe]));
        Action? stop;
        while ((stop = _cli.Terminal.ControlC) is null)
        {
            await Task.Yield();
        }

        stop();
        var result = await command.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal((130, "Stopped."), (result.Status, result.Error.Trim()));
        // A writer that comes and goes, itself not waiting for a reader, ends the read that is left behind.
        await using FileStream writer = new(pipe, FileMode.Open, FileAccess.ReadWrite);
    }

    [Fact]
    public async Task A_login_file_that_is_a_pipe_is_refused_with_what_helps()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var pipe = await MakePipeAsync();
        File.Move(pipe, _cli.LoginFile, overwrite: true);
        var result = await Task.Run(() => _cli.BuyerAsync(_server, "cart"))
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(1, result.Status);
        Assert.Contains(
            $"{_cli.LoginFile}, which should hold the logins, is not a regular file: name another file with",
            result.Error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_wrong_value_is_told_on_one_line_with_all_right_ones() =>
        Assert.Contains(
            "Must be one of: 'down', 'up'",
            (await _cli.BuyerAsync(_server, "rate", "3-17", "sideways")).Error.Replace(
                "'up', 'down'",
                "'down', 'up'",
                StringComparison.Ordinal
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Under_json_a_limit_says_when_to_come_back()
    {
        _server.Answer = Refuses(429, "too-many-requests", "slow down", retryAfter: "600");
        var result = await _cli.BuyerAsync(_server, "--json", "cart", "save");
        var problem = Problem(result.Error);
        Assert.Equal(
            (2, 600, false),
            (result.Status, problem["retryAfter"]!.GetValue<int>(), problem["outcomeUnknown"]!.GetValue<bool>())
        );
    }

    [Fact]
    public async Task Under_json_a_purchase_whose_outcome_is_not_known_names_the_total_to_repeat_it_with()
    {
        _server.Answer = context => (context.Request.Method == "GET" ? Responds(200, Cart) : Dies)(context);
        var result = await _cli.BuyerAsync(
            _server,
            "--json",
            "--timeout",
            "0.2",
            "buy",
            "--yes",
            "--cardholder",
            "Bob",
            "--card",
            "4111111111111111",
            "--expires",
            "12/39",
            "--code",
            "123"
        );
        Assert.Equal(2, result.Status);
        Assert.Contains("\"expectedTotal\":25.00", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Control_C_in_the_middle_of_a_change_says_that_it_may_have_happened_and_names_the_key(bool isJson)
    {
        _server.Answer = async context =>
        {
            _cli.Terminal.ControlC!();
            await Hangs(context);
        };
        var result = await _cli.BuyerAsync(_server, [.. isJson ? (string[])["--json"] : [], "cart", "add", "3-17"]);
        Assert.Equal((130, ""), (result.Status, result.Output));
        var key = _server.Requests.Single().Key!;
        if (isJson)
        {
            var problem = Problem(result.Error);
            Assert.Equal(
                ("interrupted", key, true),
                (
                    problem["code"]!.GetValue<string>(),
                    problem["idempotencyKey"]!.GetValue<string>(),
                    problem["outcomeUnknown"]!.GetValue<bool>()
                )
            );
        }
        else
        {
            Assert.Contains("it may have happened all the same", result.Error, StringComparison.Ordinal);
            Assert.Contains($"--idempotency-key {key}", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Control_C_in_the_middle_of_a_read_says_only_that_it_stopped()
    {
        _server.Answer = async context =>
        {
            _cli.Terminal.ControlC!();
            await Hangs(context);
        };
        var result = await _cli.BuyerAsync(_server, "cart");
        Assert.Equal((130, "Stopped."), (result.Status, result.Error.Trim()));
    }

    [Fact]
    public async Task What_begins_with_an_at_sign_is_a_value()
    {
        var file = Path.Combine(Path.GetDirectoryName(_cli.LoginFile)!, "secret");
        await File.WriteAllTextAsync(file, "content", TestContext.Current.CancellationToken);
        _server.Answer = Responds(201, """{"itemId":"3-17"}""");
        await _cli.SellerAsync(
            _server,
            "sell",
            "--name",
            "@" + file,
            "--category",
            "3",
            "--keyword",
            "@none",
            "--price",
            "1"
        );
        Assert.Contains($"\"name\":\"@{file}\"", _server.Requests.Single().Body, StringComparison.Ordinal);
        Assert.Contains("\"@none\"", _server.Requests.Single().Body, StringComparison.Ordinal);

        _cli.Terminal = new();
        _cli.Terminal.Lines.Enqueue($"sell --name @{file} --category 3 --price 1");
        await _cli.SellerAsync(_server);
        Assert.Contains($"\"name\":\"@{file}\"", _server.Requests.Last().Body, StringComparison.Ordinal);
    }

    /// <summary>Every answer, with a null in every possible place.</summary>
    public static TheoryData<string, string> Nulls()
    {
        const string Item =
            """{"id":"3-17","name":"Bike","category":3,"keywords":["red"],"condition":"used","price":"""
            + """12.50,"quantity":2,"sellerId":9,"feedback":{"thumbsUp":1,"thumbsDown":0}}""";
        const string Lines = """[{"itemId":"3-17","quantity":2,"unitPrice":12.50}]""";
        (string Command, string Answer)[] answers =
        [
            ("cart", Cart),
            ("item 3-17", Item),
            ("search -c 3", $$"""{"items":[{{Item}}]}"""),
            ("items-of 9", $$"""{"items":[{{Item}}]}"""),
            (
                "purchases",
                $$"""{"purchases":[{"purchaseId":"p","at":"2026-07-01T12:00:00Z","lines":{{Lines}},"total":25.00}]}"""
            ),
            ("seller 9", """{"sellerId":9,"name":"Ann","itemsSold":4,"feedback":{"thumbsUp":1,"thumbsDown":0}}"""),
            ("seller-rating 9", """{"sellerId":9,"thumbsUp":4,"thumbsDown":1}"""),
            ("account", """{"buyerId":9,"name":"Bob","username":"bob","itemsPurchased":4}"""),
            (
                "buy --total 25 --cardholder B --card 1 --expires 1 --code 1",
                $$"""{"purchaseId":"p","lines":{{Lines}},"total":25.00}"""
            ),
        ];
        TheoryData<string, string> data = [];
        foreach (var (command, answer) in answers)
        {
            data.Add(command, "null");
            foreach (var path in Paths(JsonNode.Parse(answer)!, []))
            {
                data.Add(command, With(answer, path, null));
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Nulls))]
    public async Task A_null_where_something_must_be_is_no_answer(string command, string answer)
    {
        _server.Answer = Responds(200, answer);
        var result = await _cli.BuyerAsync(_server, command.Split(' '));
        Assert.Equal((1, ""), (result.Status, result.Output));
        Assert.StartsWith("invalid-answer: ", result.Error, StringComparison.Ordinal);
        var json = await _cli.BuyerAsync(_server, ["--json", .. command.Split(' ')]);
        Assert.Equal("invalid-answer", Problem(json.Error)["code"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"status":409,"code":"not-enough-units","detail":"d","lines":[null]}""")]
    [InlineData("""{"status":409,"code":"x","detail":"d","errors":{"name":null}}""")]
    [InlineData("""{"status":409,"code":"x","detail":"d","errors":{"name":[null]}}""")]
    public async Task A_refusal_with_a_null_in_it_is_a_refusal_all_the_same(string problem)
    {
        _server.Answer = Responds(409, problem, "application/problem+json");
        foreach (
            var command in (string[][])
                [
                    ["cart"],
                    ["cart", "--json"],
                ]
        )
        {
            var result = await _cli.BuyerAsync(_server, command);
            Assert.Equal((1, ""), (result.Status, result.Output));
            Assert.NotEmpty(result.Error);
        }
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[null]")]
    [InlineData("{}")]
    [InlineData("[{}]")]
    [InlineData("""[{"role":"buyer","profile":"","servers":null,"username":"a","token":"t"}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":[null],"username":"a","token":"t"}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":["SERVER"],"username":"a","token":"t\n2"}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":["SERVER"],"username":"a","token":7}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":["SERVER"],"username":"a"}]""")]
    [InlineData("\u0000\u0001")]
    public async Task A_damaged_login_file_is_reported_in_one_line_with_its_fix(string content)
    {
        await File.WriteAllTextAsync(
            _cli.LoginFile,
            content.Replace("SERVER", _server.Address.ToString().TrimEnd('/'), StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        foreach (
            var command in (string[][])
                [
                    ["cart"],
                    ["login", "-u", "bob", "-p", "pw"],
                    ["logout"],
                ]
        )
        {
            var result = await _cli.BuyerAsync(_server, command);
            Assert.Equal(
                (1, $"agora: {_cli.LoginFile} does not hold logins any more: delete it and log in again."),
                (result.Status, result.Error.Trim())
            );
        }

        Assert.Equal(
            "local-failure",
            Problem((await _cli.BuyerAsync(_server, "--json", "cart")).Error)["code"]!.GetValue<string>()
        );
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_directory_in_place_of_the_login_file_is_reported_in_one_line()
    {
        File.Delete(_cli.LoginFile);
        Directory.CreateDirectory(_cli.LoginFile);
        var result = await _cli.BuyerAsync(_server, "cart");
        Assert.Equal(1, result.Status);
        Assert.Contains("is a directory", Assert.Single(result.Error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_file_that_others_can_read_is_closed_to_them_and_its_owner_is_warned()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        File.SetUnixFileMode(
            _cli.LoginFile,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead
        );
        var result = await _cli.BuyerAsync(_server, "cart");
        Assert.Equal(0, result.Status);
        Assert.Contains("was open to others", result.Error, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_cli.LoginFile));
        Assert.Equal("", (await _cli.BuyerAsync(_server, "cart")).Error);
    }

    [Fact]
    public async Task An_item_that_is_not_in_the_cart_is_named_by_its_id()
    {
        _server.Answer = Refuses(404, "not-in-cart", "whatever");
        var result = await _cli.BuyerAsync(_server, "cart", "remove", "3-17");
        Assert.Equal(
            (1, "not-in-cart: The cart does not hold 3-17. What it holds: agora buyer cart"),
            (result.Status, result.Error.Trim())
        );
    }

    [Theory]
    [InlineData("search", "-c", "3")]
    [InlineData("item", "3-17")]
    [InlineData("seller-rating", "9")]
    [InlineData("seller", "9")]
    [InlineData("items-of", "9")]
    public async Task A_visitor_may_look_around_even_if_a_saved_session_has_ended(params string[] arguments)
    {
        _server.Answer = Refuses(404, "no-such-item", "not here");
        await _cli.BuyerAsync(_server, ["--profile", "nobody", .. arguments]);
        Assert.Null(Assert.Single(_server.Requests).Authorization);

        _server.Requests.Clear();
        _server.Answer = context =>
            (
                context.Request.Headers.Authorization.Count > 0
                    ? Refuses(401, "not-logged-in", "ended")
                    : Responds(200, """{"items":[]}""")
            )(context);
        var result = await _cli.BuyerAsync(_server, arguments);
        Assert.Equal(["Bearer t-1", null], _server.Requests.Select(r => r.Authorization));
        if (arguments[0] is "search" or "items-of")
        {
            Assert.Equal((0, "No items."), (result.Status, result.Output.Trim()));
            Assert.Contains("Your session has ended", result.Error, StringComparison.Ordinal);
        }
    }

    private async Task<string> MakePipeAsync()
    {
        var pipe = _cli.LoginFile + ".pipe";
        using var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe]);
        await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, mkfifo.ExitCode);
        return pipe;
    }

    private static JsonObject Problem(string line)
    {
        Assert.Single(line.Trim().Split('\n'));
        return JsonNode.Parse(line)!.AsObject();
    }

    /// <summary>The paths to every value below a node.</summary>
    private static IEnumerable<string[]> Paths(JsonNode node, string[] before) =>
        node switch
        {
            JsonObject members => members.SelectMany(m =>
                Paths(m.Value!, [.. before, m.Key]).Prepend([.. before, m.Key])
            ),
            JsonArray elements => elements.SelectMany(
                (e, i) => Paths(e!, [.. before, $"{i}"]).Prepend([.. before, $"{i}"])
            ),
            _ => [],
        };

    private static string With(string json, string[] path, JsonNode? value)
    {
        var root = JsonNode.Parse(json)!;
        var node = root;
        foreach (var step in path[..^1])
        {
            node = node is JsonArray array
                ? array[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]!
                : node[step]!;
        }

        if (node is JsonArray list)
        {
            list[int.Parse(path[^1], System.Globalization.CultureInfo.InvariantCulture)] = value;
        }
        else
        {
            node[path[^1]] = value;
        }

        return root.ToJsonString(new JsonSerializerOptions());
    }
}
