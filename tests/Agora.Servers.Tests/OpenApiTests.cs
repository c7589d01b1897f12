using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Client;
using Agora.Contracts.Cluster;
using Microsoft.AspNetCore.Builder;

namespace Agora.Servers.Tests;

/// <summary>
/// Everything in the OpenAPI documents is real: each function is served, each of its errors is provoked here; and nothing that a function was
/// seen to answer is missing from them.
/// </summary>
public sealed class OpenApiTests : IAsyncLifetime
{
    private readonly Open _marketplace = new();
    private readonly HashSet<(string Function, string Answer)> _seen = [];
    private WebApplication[] _others = [];
    private Caller _seller = null!;
    private Caller _buyer = null!;
    private string _item = "";

    private sealed class Open : Marketplace
    {
        public Open()
        {
            HasFakePayments = true;
            Settings = new ServerSettings { AbandonedAfter = TimeSpan.FromDays(-1), RecoveryInterval = TimeSpan.FromDays(10) };
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _marketplace.InitializeAsync();
        _seller = await _marketplace.NewSellerAsync();
        _buyer = await _marketplace.NewBuyerAsync();
        _item = await Marketplace.NewItemAsync(_seller, 1000);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _others)
        {
            await app.DisposeAsync();
        }
        await _marketplace.DisposeAsync();
    }

    [Fact]
    public async Task Every_function_and_every_error_in_the_documents_is_real_and_none_is_missing()
    {
        var documented = await DocumentedAsync();
        await SucceedAsync();
        await ProvokeWhatEveryFunctionRefusesAsync();
        await ProvokeWhatOnlySomeRefuseAsync();

        // For a key to expire takes minutes: the databases' tests provoke that.
        Assert.Equal(documented.Where(answer => !answer.EndsWith(ErrorCodes.KeyExpired, StringComparison.Ordinal)).Order(), _seen.Select(s => $"{s.Function} {s.Answer}").Order());
    }

    // Spectral's and Redocly's own rules for OpenAPI, as they come.
    [Theory]
    [InlineData("spectral", "lint", "--ruleset", "rules.yaml", "--fail-severity", "error", "--quiet", "--display-only-failures", "seller.json", "buyer.json")]
    [InlineData("redocly", "lint", "--extends", "recommended", "seller.json", "buyer.json")]
    public async Task A_public_linter_finds_no_error_in_the_documents(string linter, params string[] arguments)
    {
        var program = Path.Combine(Root(), "artifacts", "tools", "node_modules", ".bin", linter);
        Assert.SkipUnless(File.Exists(program), $"{linter} is not installed; ./test does that");
        var directory = Directory.CreateTempSubdirectory("agora-openapi-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "rules.yaml"), "extends: [\"spectral:oas\"]\n", Cancellation);
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "seller.json"), await DocumentAsync(_marketplace.Seller), Cancellation);
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "buyer.json"), await DocumentAsync(_marketplace.Buyer), Cancellation);
            using var lint = Process.Start(new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = directory.FullName,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                // Neither looks for a newer version of itself nor tells anybody of its use.
                Environment = { ["REDOCLY_TELEMETRY"] = "off", ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true" },
            })!;
            var said = lint.StandardOutput.ReadToEndAsync(Cancellation);
            var complained = await lint.StandardError.ReadToEndAsync(Cancellation);
            await lint.WaitForExitAsync(Cancellation);
            Assert.True(lint.ExitCode == 0, await said + complained);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_document_is_built_once_and_its_ETag_spares_sending_it_again()
    {
        using var first = await _marketplace.Seller.SendAsync(HttpMethod.Get, "/openapi/v1.json");
        using var second = await _marketplace.Seller.SendAsync(HttpMethod.Get, "/openapi/v1.json");
        Assert.Equal(await first.Content.ReadAsByteArrayAsync(Cancellation), await second.Content.ReadAsByteArrayAsync(Cancellation));
        var tag = first.Headers.ETag!;
        foreach (var (accepted, status) in new[] { ("identity", HttpStatusCode.NotModified), ("gzip", HttpStatusCode.OK) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json") { Headers = { IfNoneMatch = { tag } } };
            request.Headers.Add("Accept-Encoding", accepted);
            using var answer = await _marketplace.Seller.SendAsync(request, Cancellation);
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal(status == HttpStatusCode.NotModified, tag.Equals(answer.Headers.ETag));
            Assert.InRange((await answer.Content.ReadAsByteArrayAsync(Cancellation)).Length, 0, 20_000);
        }
    }

    [Fact]
    public async Task Texts_and_types_of_the_documents_are_for_readers_of_any_language()
    {
        foreach (var server in new[] { _marketplace.Seller, _marketplace.Buyer })
        {
            var text = await DocumentAsync(server);
            foreach (var leftover in new[] { "&lt;", "&gt;", "ErrorCodes", "NullableOf", "Problem.", "Request.", "<see", "cref" })
            {
                Assert.DoesNotContain(leftover, text, StringComparison.Ordinal);
            }
            using var document = JsonDocument.Parse(text);
            Assert.Equal("/", document.RootElement.GetProperty("servers")[0].GetProperty("url").GetString());
            foreach (var operation in document.RootElement.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()))
            {
                var isOpen = operation.Value.GetProperty("operationId").GetString() is "CreateAccount" or "Login";
                Assert.Equal(isOpen ? 0 : 1, operation.Value.GetProperty("security").EnumerateArray().Count(need => need.TryGetProperty("bearer", out _)));
                foreach (var response in operation.Value.GetProperty("responses").EnumerateObject())
                {
                    var headers = response.Value.GetProperty("headers");
                    Assert.True(headers.TryGetProperty("Request-Id", out _));
                    Assert.Equal(response.Name is "429" or "503", headers.TryGetProperty("Retry-After", out _) && response.Name != "409");
                }
            }
        }
    }

    // What the schemas say of requests and what the servers check is the same: each bound is tried on both sides.
    [Fact]
    public async Task The_bounds_of_a_request_in_its_schema_are_those_that_the_server_keeps()
    {
        var tried = 0;
        foreach (var call in Calls(_seller, _buyer, _item).Where(call => call.Body is not null && call.Function != "MakePurchase"))
        {
            using var document = JsonDocument.Parse(await DocumentAsync(call.Caller.Server));
            var root = document.RootElement;
            var operation = root.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject())
                .Single(operation => operation.Value.GetProperty("operationId").GetString() == call.Function).Value;
            var reference = operation.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema").GetProperty("$ref").GetString()!;
            var schema = root.GetProperty("components").GetProperty("schemas").GetProperty(reference[(reference.LastIndexOf('/') + 1)..]);
            var required = schema.GetProperty("required").EnumerateArray().Select(field => field.GetString()).ToHashSet();
            foreach (var field in schema.GetProperty("properties").EnumerateObject())
            {
                var body = JsonSerializer.SerializeToNode(call.Body, call.Body!.GetType())!.AsObject();
                Assert.Equal(required.Contains(field.Name), await IsRefusedAsync(call, body, field.Name, null));
                foreach (var (value, isWithin) in AroundBounds(field.Value))
                {
                    tried++;
                    Assert.True(isWithin != await IsRefusedAsync(call, body, field.Name, value), $"{call.Function} {field.Name}: {value?.ToJsonString()}");
                }
            }
        }
        Assert.True(tried > 40, $"{tried} values were tried");

        static IEnumerable<(JsonNode? Value, bool IsWithin)> AroundBounds(JsonElement schema)
        {
            int? Bound(string name) => schema.TryGetProperty(name, out var bound) ? bound.GetInt32() : null;
            if (Bound("minLength") is { } min)
            {
                yield return (new string('x', min - 1), false);
                yield return (new string('x', min), true);
            }
            if (Bound("maxLength") is { } max)
            {
                yield return (new string('x', max + 1), false);
                yield return (new string('x', max), true);
            }
            if (Bound("maxItems") is { } items)
            {
                yield return (new JsonArray([.. Enumerable.Range(0, items + 1).Select(i => (JsonNode)$"{i}")]), false);
                yield return (new JsonArray([.. Enumerable.Range(0, items).Select(i => (JsonNode)$"{i}")]), true);
            }
            foreach (var (name, beyond) in new[] { ("minimum", -1), ("maximum", 1) })
            {
                if (schema.TryGetProperty(name, out var bound))
                {
                    yield return (bound.GetDecimal() + beyond, false);
                    yield return (bound.GetDecimal(), true);
                }
            }
            if (schema.TryGetProperty("exclusiveMinimum", out _))
            {
                yield return (0, false);
                yield return (schema.GetProperty("multipleOf").GetDecimal(), true);
                yield return (schema.GetProperty("multipleOf").GetDecimal() / 10, false);
            }
            foreach (var word in schema.TryGetProperty("pattern", out _) ? ["03-1", "x"] : Array.Empty<string>())
            {
                yield return (word, false);
            }
        }

        // Whether the field is refused; what else may come of the call is not asked.
        static async Task<bool> IsRefusedAsync(Call call, JsonObject body, string field, JsonNode? value)
        {
            var changed = body.DeepClone().AsObject();
            changed[field] = value?.DeepClone();
            using var answer = await call.Caller.Server.SendAsync(call.Method, call.Path, changed, token: call.NeedsSession ? call.Caller.Token : null);
            if (answer.StatusCode != HttpStatusCode.BadRequest)
            {
                return false;
            }
            var problem = JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(Cancellation), AgoraJson.Default.Problem)!;
            Assert.Equal([field], problem.Errors!.Keys);
            return true;
        }
    }

    [Fact]
    public async Task Every_body_and_every_answer_has_an_example()
    {
        foreach (var server in new[] { _marketplace.Seller, _marketplace.Buyer })
        {
            using var document = JsonDocument.Parse(await DocumentAsync(server));
            var schemas = document.RootElement.GetProperty("components").GetProperty("schemas").EnumerateObject();
            string[] parts = ["ItemFeedback", "ItemCondition", "NullableOfItemCondition", "Thumb", "NullableOfThumb", "CartLine", "PurchaseLine", "Purchase", "PurchasePage", "Sale", "Problem"];
            Assert.All(schemas.Where(s => !parts.Contains(s.Name)), schema => Assert.True(schema.Value.TryGetProperty("examples", out _), schema.Name));
        }
    }

    // All 22 functions as they are meant to be called, each by its name.
    private static Call[] Calls(Caller seller, Caller buyer, string item) =>
    [
        new(seller, "CreateAccount", HttpMethod.Post, "/sellers", new { name = "Sam", username = Marketplace.NewName("open"), password = Marketplace.Password }, NeedsSession: false),
        new(seller, "Login", HttpMethod.Post, "/sessions", new { username = seller.Username, password = Marketplace.Password }, NeedsSession: false),
        new(seller, "GetSellerRating", HttpMethod.Get, "/sellers/me/rating"),
        new(seller, "RegisterItemForSale", HttpMethod.Post, "/items", new { name = "Bike", category = 3, keywords = new[] { "red" }, condition = "used", price = 1.5m, quantity = 10 }),
        new(seller, "ChangeItemPrice", HttpMethod.Put, $"/items/{item}/price", new { price = 2 }),
        new(seller, "UpdateUnitsForSale", HttpMethod.Post, $"/items/{item}/withdrawals", new { quantity = 1 }),
        new(seller, "AddUnitsForSale", HttpMethod.Post, $"/items/{item}/additions", new { quantity = 1 }),
        new(seller, "DisplayItemsForSale", HttpMethod.Get, "/items"),
        new(seller, "GetItem", HttpMethod.Get, $"/items/{item}"),
        new(seller, "GetSeller", HttpMethod.Get, "/sellers/me"),
        new(seller, "GetSales", HttpMethod.Get, "/sales"),
        new(seller, "Logout", HttpMethod.Delete, "/sessions/current"),
        new(buyer, "CreateAccount", HttpMethod.Post, "/buyers", new { name = "Bea", username = Marketplace.NewName("open"), password = Marketplace.Password }, NeedsSession: false),
        new(buyer, "Login", HttpMethod.Post, "/sessions", new { username = buyer.Username, password = Marketplace.Password }, NeedsSession: false),
        new(buyer, "SearchItemsForSale", HttpMethod.Get, "/items?category=3"),
        new(buyer, "GetItem", HttpMethod.Get, $"/items/{item}"),
        new(buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = item, quantity = 2 }),
        new(buyer, "RemoveItemFromCart", HttpMethod.Delete, $"/cart/items/{item}?quantity=1"),
        new(buyer, "SaveCart", HttpMethod.Post, "/cart/save"),
        new(buyer, "DisplayCart", HttpMethod.Get, "/cart"),
        new(buyer, "MakePurchase", HttpMethod.Post, "/purchases", Card(FakePayments.GoodCard)),
        new(buyer, "ProvideFeedback", HttpMethod.Post, $"/items/{item}/feedback", new { thumb = "up" }),
        new(buyer, "GetSellerRating", HttpMethod.Get, $"/sellers/{seller.Id}/rating"),
        new(buyer, "GetBuyerPurchases", HttpMethod.Get, "/purchases"),
        new(buyer, "GetPurchase", HttpMethod.Get, "/purchases/00000000000000000000000000000000"),
        new(buyer, "GetBuyer", HttpMethod.Get, "/buyers/me"),
        new(buyer, "GetSeller", HttpMethod.Get, $"/sellers/{seller.Id}"),
        new(buyer, "GetItemsOfSeller", HttpMethod.Get, $"/sellers/{seller.Id}/items"),
        new(buyer, "ClearCart", HttpMethod.Delete, "/cart"),
        new(buyer, "Logout", HttpMethod.Delete, "/sessions/current"),
    ];

    private async Task SucceedAsync()
    {
        foreach (var call in Calls(_seller, _buyer, _item).Where(c => c.Function is not ("Logout" or "GetPurchase")))
        {
            await SeeAsync(call);
        }
        var bought = (await _buyer.GetAsync<PurchasePage>("/purchases")).Purchases[0].PurchaseId;
        await SeeAsync(new(_buyer, "GetPurchase", HttpMethod.Get, $"/purchases/{bought}"));
        await SeeAsync(new(await _marketplace.NewSellerAsync(), "Logout", HttpMethod.Delete, "/sessions/current"));
        await SeeAsync(new(await _marketplace.NewBuyerAsync(), "Logout", HttpMethod.Delete, "/sessions/current"));
    }

    private async Task ProvokeWhatEveryFunctionRefusesAsync()
    {
        var nowhere = new DatabaseGroup { Replicas = [new() { GrpcPort = 1 }] };
        var alone = _marketplace.Cluster with { Customers = nowhere, Products = nowhere };
        var brief = new ServerSettings { CallDeadline = TimeSpan.FromMilliseconds(300) };
        var strict = new ServerSettings { Limits = new LimitSettings { RequestsPerSecond = 1, RequestBurst = 1 } };
        _others =
        [
            SellerServer.Build(Marketplace.Builder(), alone, 0, brief), BuyerServer.Build(Marketplace.Builder(), alone, 0, brief),
            SellerServer.Build(Marketplace.Builder(), _marketplace.Cluster, 0, strict), BuyerServer.Build(Marketplace.Builder(), _marketplace.Cluster, 0, strict),
        ];
        HttpClient[] servers = await Task.WhenAll(_others.Select(async app =>
        {
            await app.StartAsync(Cancellation);
            return new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.Single()) };
        }));
        foreach (var call in Calls(_seller, _buyer, _item))
        {
            var isSeller = call.Caller == _seller;
            await SeeAsync(call with { Path = call.Path + (call.Path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "nonsense=1" });
            await SeeAsync(call.NeedsSession ? call with { Caller = call.Caller with { Token = "none" } } : call with { Body = new { username = _seller.Username, password = "wrong" } },
                onlyIf: call.NeedsSession || call.Function == "Login");
            if (call.Body is not null)
            {
                await SeeAsync(call with { Body = new StringContent("{}", Encoding.UTF8, "text/plain") });
                await SeeAsync(call with { Body = new ByteArrayContent(new byte[100_000]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } } });
            }
            await SeeAsync(call with { Caller = call.Caller with { Server = servers[isSeller ? 0 : 1] } });
            var often = call with { Caller = call.Caller with { Server = servers[isSeller ? 2 : 3], Token = Convert.ToBase64String(new byte[32]).TrimEnd('=') } };
            while (await AnswerAsync(often) != ErrorCodes.TooManyRequests)
            {
                Cancellation.ThrowIfCancellationRequested();
            }
            _seen.Add((NameOf(often), ErrorCodes.TooManyRequests));
        }
        Array.ForEach(servers, s => s.Dispose());
    }

    private async Task ProvokeWhatOnlySomeRefuseAsync()
    {
        var other = await _marketplace.NewSellerAsync();
        foreach (var (caller, path) in new[] { (_seller, "/sellers"), (_buyer, "/buyers") })
        {
            await SeeAsync(new(caller, "CreateAccount", HttpMethod.Post, path, new { name = "X", username = caller.Username, password = Marketplace.Password }, NeedsSession: false));
        }
        foreach (var (function, method, path, body) in new (string, HttpMethod, string, object)[]
        {
            ("ChangeItemPrice", HttpMethod.Put, "price", new { price = 2 }), ("UpdateUnitsForSale", HttpMethod.Post, "withdrawals", new { quantity = 1 }),
            ("AddUnitsForSale", HttpMethod.Post, "additions", new { quantity = 1 }),
        })
        {
            await SeeAsync(new(_seller, function, method, $"/items/{_item}/{path}", body) { IfMatch = "\"0\"" });
            await ProvokeKeyReusedAsync(new(_seller, function, method, $"/items/{_item}/{path}", body), $"/items/3-999999/{path}", body);
            await SeeAsync(new(other, function, method, $"/items/{_item}/{path}", body));
            await SeeAsync(new(_seller, function, method, $"/items/3-999999/{path}", body));
        }
        await SeeAsync(new(_seller, "UpdateUnitsForSale", HttpMethod.Post, $"/items/{_item}/withdrawals", new { quantity = 5000 }));
        await SeeAsync(new(_buyer, "GetItem", HttpMethod.Get, "/items/3-999999"));
        await SeeAsync(new(_buyer, "GetItem", HttpMethod.Get, $"/items/{_item}") { IfNoneMatch = "*" });
        await SeeAsync(new(_seller, "GetItem", HttpMethod.Get, $"/items/{_item}") { IfNoneMatch = "*" });
        await SeeAsync(new(_seller, "GetItem", HttpMethod.Get, "/items/3-999999"));
        await SeeAsync(new(_buyer, "GetSellerRating", HttpMethod.Get, "/sellers/999999/rating"));
        await SeeAsync(new(_buyer, "GetSeller", HttpMethod.Get, "/sellers/999999"));
        await SeeAsync(new(_buyer, "GetItemsOfSeller", HttpMethod.Get, "/sellers/999999/items"));
        await SeeAsync(new(_buyer, "GetPurchase", HttpMethod.Get, "/purchases/00000000000000000000000000000000"));
        foreach (var (caller, path) in new[] { (_seller, "/sellers"), (_buyer, "/buyers") })
        {
            var username = Marketplace.NewName("key");
            object Account(string name) => new { name, username, password = Marketplace.Password };
            await ProvokeKeyReusedAsync(new(caller, "CreateAccount", HttpMethod.Post, path, Account("X"), NeedsSession: false), path, Account("Y"));
        }
        object Ware(string name) => new { name, category = 3, condition = "used", price = 1, quantity = 1 };
        await ProvokeKeyReusedAsync(new(_seller, "RegisterItemForSale", HttpMethod.Post, "/items", Ware("X")), "/items", Ware("Y"));
        await ProvokeKeyReusedAsync(
            new(_buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = _item, quantity = 1 }), "/cart/items", new { itemId = _item, quantity = 2 });
        await ProvokeKeyReusedAsync(new(_buyer, "RemoveItemFromCart", HttpMethod.Delete, $"/cart/items/{_item}?quantity=1"), $"/cart/items/{_item}", null);
        await SeeAsync(new(_buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = "3-999999", quantity = 1 }));
        await SeeAsync(new(_buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = _item, quantity = 5000 }));
        await SeeAsync(new(_buyer, "RemoveItemFromCart", HttpMethod.Delete, $"/cart/items/{_item}"));
        await SeeAsync(new(_buyer, "ProvideFeedback", HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" }));
        await SeeAsync(new(_buyer, "ProvideFeedback", HttpMethod.Post, "/items/3-999999/feedback", new { thumb = "up" }));
        await ProvokeKeyReusedAsync(
            new(_buyer, "ProvideFeedback", HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" }), $"/items/{_item}/feedback", new { thumb = "down" });
        var newcomer = await _marketplace.NewBuyerAsync();
        await SeeAsync(new(newcomer, "ProvideFeedback", HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" }));

        await SeeAsync(Purchase(newcomer, FakePayments.GoodCard, "empty"));
        var scarce = await Marketplace.NewItemAsync(_seller, 2);
        await newcomer.PostAsync<Cart>("/cart/items", new { itemId = scarce, quantity = 2 });
        await SeeAsync(Purchase(newcomer, FakePayments.DeclinedCard, "declined"));
        await SeeAsync(Purchase(newcomer, FakePayments.GoodCard, "declined"));
        await SeeAsync(new(newcomer, "MakePurchase", HttpMethod.Post, "/purchases",
            new { cardholderName = "Bea", cardNumber = FakePayments.GoodCard, expirationDate = "12/39", securityCode = "123", expectedTotal = 0.01 }));
        _marketplace.Wire.Request = step => Task.FromResult(step is not ("Charge" or "Find" or "Cancel"));
        await SeeAsync(Purchase(newcomer, FakePayments.GoodCard, "lost"));
        await SeeAsync(Purchase(newcomer, FakePayments.GoodCard, "meanwhile"));
        _marketplace.Wire.Reset();
        await _marketplace.Recovery.SettleAllAsync(Cancellation);
        await SeeAsync(Purchase(newcomer, FakePayments.GoodCard, "lost"));
        await _seller.SendAsync(HttpMethod.Post, $"/items/{scarce}/withdrawals", new { quantity = 1 });
        await SeeAsync(Purchase(newcomer, FakePayments.GoodCard, "scarce"));

        // As many different items as a cart may hold.
        for (var i = 0; await AnswerAsync(new(newcomer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = await Marketplace.NewItemAsync(_seller, 1), quantity = 1 })) == "200"; i++)
        {
            Assert.True(i < 1000);
        }
        await SeeAsync(new(newcomer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = await Marketplace.NewItemAsync(_seller, 1), quantity = 1 }));
    }

    // The same key for another request.
    private async Task ProvokeKeyReusedAsync(Call call, string otherPath, object? otherBody)
    {
        var key = Guid.NewGuid().ToString("N");
        await SeeAsync(call with { Key = key });
        await SeeAsync(call with { Key = key, Path = otherPath, Body = otherBody });
    }

    private async Task SeeAsync(Call call, bool onlyIf = true)
    {
        if (onlyIf)
        {
            _seen.Add((NameOf(call), await AnswerAsync(call)));
        }
    }

    // The fixture names its people by their role.
    private static string NameOf(Call call) => $"{(call.Caller.Username.StartsWith("seller", StringComparison.Ordinal) ? "seller" : "buyer")} {call.Function}";

    /// <summary>The status of a success, or the code of a refusal.</summary>
    private static async Task<string> AnswerAsync(Call call)
    {
        using var answer = call.IfNoneMatch is null && call.IfMatch is null
            ? await call.Caller.Server.SendAsync(call.Method, call.Path, call.Body, call.Key, call.NeedsSession ? call.Caller.Token : null)
            : await ConditionalAsync(call);
        if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.NotModified)
        {
            return ((int)answer.StatusCode).ToString(provider: null);
        }
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.Content.Headers.ContentType?.MediaType == Problem.MediaType, $"{call.Function}: {(int)answer.StatusCode} {text}");
        Assert.NotEqual(HttpStatusCode.InternalServerError, answer.StatusCode);
        var problem = JsonSerializer.Deserialize(text, AgoraJson.Default.Problem)!;
        Assert.Equal((int)answer.StatusCode, Refusal.Kinds[problem.Code!].Status);
        return problem.Code!;
    }

    private static async Task<HttpResponseMessage> ConditionalAsync(Call call)
    {
        using var request = new HttpRequestMessage(call.Method, call.Path);
        request.Headers.Add("Authorization", $"Bearer {call.Caller.Token}");
        request.Content = call.Body is null ? null : System.Net.Http.Json.JsonContent.Create(call.Body, call.Body.GetType());
        if (call.IfNoneMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-None-Match", call.IfNoneMatch);
        }
        if (call.IfMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", call.IfMatch);
        }
        return await call.Caller.Server.SendAsync(request, Cancellation);
    }

    private async Task<IEnumerable<string>> DocumentedAsync()
    {
        List<string> all = [];
        foreach (var (role, server) in new[] { ("seller", _marketplace.Seller), ("buyer", _marketplace.Buyer) })
        {
            using var document = JsonDocument.Parse(await DocumentAsync(server));
            foreach (var operation in document.RootElement.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()))
            {
                var function = $"{role} {operation.Value.GetProperty("operationId").GetString()}";
                foreach (var response in operation.Value.GetProperty("responses").EnumerateObject())
                {
                    all.AddRange(response.Name[0] is '2' or '3' ? [$"{function} {response.Name}"]
                        : response.Value.GetProperty("content").GetProperty(Problem.MediaType).GetProperty("examples").EnumerateObject().Select(code => $"{function} {code.Name}"));
                }
            }
        }
        return all;
    }

    private static Task<string> DocumentAsync(HttpClient server) => server.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative), Cancellation);

    private static Call Purchase(Caller buyer, string card, string key) => new(buyer, "MakePurchase", HttpMethod.Post, "/purchases", Card(card)) { Key = key };

    private static object Card(string number) => new { cardholderName = "Bea", cardNumber = number, expirationDate = "12/39", securityCode = "123" };

    private static string Root()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Agora.slnx")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("these tests run from a build inside the repository");
        }
        return directory;
    }

    private sealed record Call(Caller Caller, string Function, HttpMethod Method, string Path, object? Body = null, bool NeedsSession = true)
    {
        public string? Key { get; init; }

        public string? IfNoneMatch { get; init; }

        public string? IfMatch { get; init; }
    }
}
