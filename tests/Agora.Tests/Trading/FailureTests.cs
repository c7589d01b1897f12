using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Tests.Trading;

/// <summary>What a person and a program learn when a command does not do what it was asked.</summary>
public sealed class FailureTests : TradingScenario
{
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
            var result = await Cli.BuyerAsync(Server, command);
            Assert.Equal((1, ""), (result.Status, result.Output));
            Assert.NotEmpty(Problem(result.Error)["code"]!.GetValue<string>());
            Assert.NotEmpty(Problem(result.Error)["detail"]!.GetValue<string>());
        }

        Assert.Empty(Server.Requests);
    }

    [Theory]
    [InlineData("search")]
    [InlineData("serach")]
    [InlineData("rate", "3-17", "sideways")]
    public async Task A_wrong_command_is_reported_in_a_few_lines_without_the_whole_help(params string[] arguments)
    {
        var result = await Cli.BuyerAsync(Server, arguments);
        Assert.Equal((1, ""), (result.Status, result.Output));
        Assert.InRange(result.Error.Split('\n').Length, 2, 4);
        Assert.Contains("--help", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistyped_command_is_reported_with_the_one_that_was_meant() =>
        Assert.Contains(
            "Did you mean search?",
            (await Cli.BuyerAsync(Server, "serach")).Error,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Under_json_the_prompt_answers_in_JSON_too()
    {
        Cli.Terminal = new();
        foreach (var line in new[] { "cart", "serach", "cart add 3-17 x", "login -u bob" })
        {
            Cli.Terminal.Lines.Enqueue(line);
        }

        var result = await Cli.BuyerAsync(Server, "--json");
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
        Server.Answer = failure == "dies" ? Dies : Refuses(500, "internal", "a fault of ours");
        var result = await Cli.SellerAsync(
            Server,
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
        Assert.Equal(Server.Requests.Last().Key, problem["idempotencyKey"]!.GetValue<string>());
        Assert.True(problem["outcomeUnknown"]!.GetValue<bool>());
    }

    [Theory]
    [InlineData(429, "too-many-requests", false)]
    [InlineData(429, "too-many-requests", true)]
    [InlineData(401, "not-logged-in", false)]
    [InlineData(401, "not-logged-in", true)]
    public async Task A_refusal_after_an_attempt_that_broke_still_names_the_key(int status, string code, bool isJson)
    {
        Server.Answer = context =>
            (Server.Requests.Count == 1 ? Dies : Refuses(status, code, "not now", retryAfter: "600"))(context);
        var result = await Cli.BuyerAsync(Server, [.. isJson ? (string[])["--json"] : [], "cart", "add", "3-17"]);
        var key = Server.Requests.Last().Key!;
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
        Server.Answer = context =>
            (Server.Requests.Count == 1 ? Dies : Refuses(422, "key-expired", "Look whether it happened."))(context);
        var result = await Cli.BuyerAsync(Server, "cart", "add", "3-17", "--idempotency-key", "old");
        Assert.Contains("Look whether it happened.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("--idempotency-key", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_login_is_not_offered_for_a_repeat_under_its_key_which_it_ignores(bool isStopped)
    {
        Server.Answer = async context =>
        {
            if (isStopped)
            {
                Cli.Terminal.ControlC!();
            }

            await Dies(context);
        };
        var result = await Cli.BuyerAsync(Server, "--timeout", "0.2", "login", "-u", "bob", "-p", "pw");
        Assert.Equal(isStopped ? 130 : 2, result.Status);
        Assert.DoesNotContain("idempotency-key", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_value_is_told_on_one_line_with_all_right_ones() =>
        Assert.Contains(
            "Must be one of: 'down', 'up'",
            (await Cli.BuyerAsync(Server, "rate", "3-17", "sideways")).Error.Replace(
                "'up', 'down'",
                "'down', 'up'",
                StringComparison.Ordinal
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Under_json_a_limit_says_when_to_come_back()
    {
        Server.Answer = Refuses(429, "too-many-requests", "slow down", retryAfter: "600");
        var result = await Cli.BuyerAsync(Server, "--json", "cart", "save");
        var problem = Problem(result.Error);
        Assert.Equal(
            (2, 600, false),
            (result.Status, problem["retryAfter"]!.GetValue<int>(), problem["outcomeUnknown"]!.GetValue<bool>())
        );
    }

    [Fact]
    public async Task Under_json_a_purchase_whose_outcome_is_not_known_names_the_total_to_repeat_it_with()
    {
        Server.Answer = context => (context.Request.Method == "GET" ? Responds(200, Cart) : Dies)(context);
        var result = await Cli.BuyerAsync(
            Server,
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

    [Fact]
    public async Task What_begins_with_an_at_sign_is_a_value()
    {
        var file = Path.Combine(Path.GetDirectoryName(Cli.LoginFile)!, "secret");
        await File.WriteAllTextAsync(file, "content", TestContext.Current.CancellationToken);
        Server.Answer = Responds(201, """{"itemId":"3-17"}""");
        await Cli.SellerAsync(
            Server,
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
        Assert.Contains($"\"name\":\"@{file}\"", Server.Requests.Single().Body, StringComparison.Ordinal);
        Assert.Contains("\"@none\"", Server.Requests.Single().Body, StringComparison.Ordinal);

        Cli.Terminal = new();
        Cli.Terminal.Lines.Enqueue($"sell --name @{file} --category 3 --price 1");
        await Cli.SellerAsync(Server);
        Assert.Contains($"\"name\":\"@{file}\"", Server.Requests.Last().Body, StringComparison.Ordinal);
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
        Server.Answer = Responds(200, answer);
        var result = await Cli.BuyerAsync(Server, command.Split(' '));
        Assert.Equal((1, ""), (result.Status, result.Output));
        Assert.StartsWith("invalid-answer: ", result.Error, StringComparison.Ordinal);
        var json = await Cli.BuyerAsync(Server, ["--json", .. command.Split(' ')]);
        Assert.Equal("invalid-answer", Problem(json.Error)["code"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"status":409,"code":"not-enough-units","detail":"d","lines":[null]}""")]
    [InlineData("""{"status":409,"code":"x","detail":"d","errors":{"name":null}}""")]
    [InlineData("""{"status":409,"code":"x","detail":"d","errors":{"name":[null]}}""")]
    public async Task A_refusal_with_a_null_in_it_is_a_refusal_all_the_same(string problem)
    {
        Server.Answer = Responds(409, problem, "application/problem+json");
        foreach (
            var command in (string[][])
                [
                    ["cart"],
                    ["cart", "--json"],
                ]
        )
        {
            var result = await Cli.BuyerAsync(Server, command);
            Assert.Equal((1, ""), (result.Status, result.Output));
            Assert.NotEmpty(result.Error);
        }
    }

    [Fact]
    public async Task An_item_that_is_not_in_the_cart_is_named_by_its_id()
    {
        Server.Answer = Refuses(404, "not-in-cart", "whatever");
        var result = await Cli.BuyerAsync(Server, "cart", "remove", "3-17");
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
        Server.Answer = Refuses(404, "no-such-item", "not here");
        await Cli.BuyerAsync(Server, ["--profile", "nobody", .. arguments]);
        Assert.Null(Assert.Single(Server.Requests).Authorization);

        Server.Requests.Clear();
        Server.Answer = context =>
            (
                context.Request.Headers.Authorization.Count > 0
                    ? Refuses(401, "not-logged-in", "ended")
                    : Responds(200, """{"items":[]}""")
            )(context);
        var result = await Cli.BuyerAsync(Server, arguments);
        Assert.Equal(["Bearer t-1", null], Server.Requests.Select(r => r.Authorization));
        if (arguments[0] is "search" or "items-of")
        {
            Assert.Equal((0, "No items."), (result.Status, result.Output.Trim()));
            Assert.Contains("Your session has ended", result.Error, StringComparison.Ordinal);
        }
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
