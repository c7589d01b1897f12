using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Agora.Cluster;
using Agora.Rest;
using Microsoft.AspNetCore.Builder;

namespace Agora.Servers.Tests;

/// <summary>
/// Everything in the OpenAPI documents is real: each function is served, and each of its errors is provoked here. And
/// every answer that was seen here is in the documents.
/// </summary>
public sealed class OpenApiTests : IAsyncLifetime
{
    private readonly Open _marketplace = new();
    private readonly HashSet<(string Function, string Answer)> _seen = [];
    private WebApplication[] _others = [];
    private Caller _seller = null!;
    private Caller _buyer = null!;
    private string _item = "";

    private sealed class Open : InProcessMarketplace
    {
        public Open()
        {
            HasFakePayments = true;
            Settings = new ServerSettings
            {
                AbandonedAfter = TimeSpan.FromDays(-1),
                RecoveryInterval = TimeSpan.FromDays(10),
            };
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _marketplace.InitializeAsync();
        _seller = await _marketplace.NewSellerAsync();
        _buyer = await _marketplace.NewBuyerAsync();
        _item = await InProcessMarketplace.NewItemAsync(_seller, 1000);
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

        // A key expires after minutes: the databases' tests provoke that.
        Assert.Equal(
            documented.Where(answer => !answer.EndsWith(ErrorCodes.KeyExpired, StringComparison.Ordinal)).Order(),
            _seen.Select(s => $"{s.Function} {s.Answer}").Order()
        );
    }

    private async Task SucceedAsync()
    {
        foreach (
            var call in FunctionCall
                .All(_seller, _buyer, _item)
                .Where(c => c.Function is not ("Logout" or "GetPurchase"))
        )
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
        var strict = new ServerSettings
        {
            Limits = new LimitSettings { RequestsPerSecond = 1, RequestBurst = 1 },
        };
        _others =
        [
            SellerServer.Build(InProcessMarketplace.Builder(), alone, 0, brief),
            BuyerServer.Build(InProcessMarketplace.Builder(), alone, 0, brief),
            SellerServer.Build(InProcessMarketplace.Builder(), _marketplace.Cluster, 0, strict),
            BuyerServer.Build(InProcessMarketplace.Builder(), _marketplace.Cluster, 0, strict),
        ];
        var servers = await Task.WhenAll(
            _others.Select(async app =>
            {
                await app.StartAsync(Cancellation);
                return new HttpClient(new SocketsHttpHandler { UseProxy = false })
                {
                    BaseAddress = new Uri(app.Urls.Single()),
                };
            })
        );
        foreach (var call in FunctionCall.All(_seller, _buyer, _item))
        {
            var isSeller = call.Caller == _seller;
            await SeeAsync(
                call with
                {
                    Path = call.Path + (call.Path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "nonsense=1",
                }
            );
            await SeeAsync(
                call.NeedsSession
                    ? call with
                    {
                        Caller = call.Caller with { Token = "none" },
                    }
                    : call with
                    {
                        Body = new { username = _seller.Username, password = "wrong" },
                    },
                onlyIf: call.NeedsSession || call.Function == "Login"
            );
            if (call.Body is not null)
            {
                await SeeAsync(call with { Body = new StringContent("{}", Encoding.UTF8, "text/plain") });
                await SeeAsync(
                    call with
                    {
                        Body = new ByteArrayContent(new byte[100_000])
                        {
                            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
                        },
                    }
                );
            }

            await SeeAsync(call with { Caller = call.Caller with { Server = servers[isSeller ? 0 : 1] } });
            var often = call with
            {
                Caller = call.Caller with
                {
                    Server = servers[isSeller ? 2 : 3],
                    Token = Convert.ToBase64String(new byte[32]).TrimEnd('='),
                },
            };
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
            await SeeAsync(
                new(
                    caller,
                    "CreateAccount",
                    HttpMethod.Post,
                    path,
                    new
                    {
                        name = "X",
                        username = caller.Username,
                        password = InProcessMarketplace.Password,
                    },
                    NeedsSession: false
                )
            );
        }

        foreach (
            var (function, method, path, body) in new (string, HttpMethod, string, object)[]
            {
                ("ChangeItemPrice", HttpMethod.Put, "price", new { price = 2 }),
                ("UpdateUnitsForSale", HttpMethod.Post, "withdrawals", new { quantity = 1 }),
                ("AddUnitsForSale", HttpMethod.Post, "additions", new { quantity = 1 }),
            }
        )
        {
            await SeeAsync(new(_seller, function, method, $"/items/{_item}/{path}", body) { IfMatch = "\"0\"" });
            await ProvokeKeyReusedAsync(
                new(_seller, function, method, $"/items/{_item}/{path}", body),
                $"/items/3-999999/{path}",
                body
            );
            await SeeAsync(new(other, function, method, $"/items/{_item}/{path}", body));
            await SeeAsync(new(_seller, function, method, $"/items/3-999999/{path}", body));
        }

        await SeeAsync(
            new(_seller, "UpdateUnitsForSale", HttpMethod.Post, $"/items/{_item}/withdrawals", new { quantity = 5000 })
        );
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
            var username = InProcessMarketplace.NewName("key");
            object Account(string name) =>
                new
                {
                    name,
                    username,
                    password = InProcessMarketplace.Password,
                };
            await ProvokeKeyReusedAsync(
                new(caller, "CreateAccount", HttpMethod.Post, path, Account("X"), NeedsSession: false),
                path,
                Account("Y")
            );
        }

        object NewItem(string name) =>
            new
            {
                name,
                category = 3,
                condition = "used",
                price = 1,
                quantity = 1,
            };
        await ProvokeKeyReusedAsync(
            new(_seller, "RegisterItemForSale", HttpMethod.Post, "/items", NewItem("X")),
            "/items",
            NewItem("Y")
        );
        await ProvokeKeyReusedAsync(
            new(_buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = _item, quantity = 1 }),
            "/cart/items",
            new { itemId = _item, quantity = 2 }
        );
        await ProvokeKeyReusedAsync(
            new(_buyer, "RemoveItemFromCart", HttpMethod.Delete, $"/cart/items/{_item}?quantity=1"),
            $"/cart/items/{_item}",
            null
        );
        await SeeAsync(
            new(_buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = "3-999999", quantity = 1 })
        );
        await SeeAsync(
            new(_buyer, "AddItemToCart", HttpMethod.Post, "/cart/items", new { itemId = _item, quantity = 5000 })
        );
        await SeeAsync(new(_buyer, "RemoveItemFromCart", HttpMethod.Delete, $"/cart/items/{_item}"));
        await SeeAsync(
            new(_buyer, "ProvideFeedback", HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" })
        );
        await SeeAsync(
            new(_buyer, "ProvideFeedback", HttpMethod.Post, "/items/3-999999/feedback", new { thumb = "up" })
        );
        await ProvokeKeyReusedAsync(
            new(_buyer, "ProvideFeedback", HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" }),
            $"/items/{_item}/feedback",
            new { thumb = "down" }
        );
        var newcomer = await _marketplace.NewBuyerAsync();
        await SeeAsync(
            new(newcomer, "ProvideFeedback", HttpMethod.Post, $"/items/{_item}/feedback", new { thumb = "up" })
        );

        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.GoodCard, "empty"));
        var scarce = await InProcessMarketplace.NewItemAsync(_seller, 2);
        await newcomer.PostAsync<Cart>("/cart/items", new { itemId = scarce, quantity = 2 });
        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.DeclinedCard, "declined"));
        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.GoodCard, "declined"));
        await SeeAsync(
            new(
                newcomer,
                "MakePurchase",
                HttpMethod.Post,
                "/purchases",
                new
                {
                    cardholderName = "Bea",
                    cardNumber = FakePayments.GoodCard,
                    expirationDate = "12/39",
                    securityCode = "123",
                    expectedTotal = 0.01,
                }
            )
        );
        _marketplace.Wire.Request = step => Task.FromResult(step is not ("Charge" or "Find" or "Cancel"));
        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.GoodCard, "lost"));
        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.GoodCard, "meanwhile"));
        _marketplace.Wire.Reset();
        await _marketplace.Recovery.SettleAllAsync(Cancellation);
        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.GoodCard, "lost"));
        await _seller.SendAsync(HttpMethod.Post, $"/items/{scarce}/withdrawals", new { quantity = 1 });
        await SeeAsync(FunctionCall.Purchase(newcomer, FakePayments.GoodCard, "scarce"));

        // Fills the cart with the most different items that it may hold.
        for (
            var i = 0;
            await AnswerAsync(
                new(
                    newcomer,
                    "AddItemToCart",
                    HttpMethod.Post,
                    "/cart/items",
                    new { itemId = await InProcessMarketplace.NewItemAsync(_seller, 1), quantity = 1 }
                )
            ) == "200";
            i++
        )
        {
            Assert.True(i < 1000);
        }

        await SeeAsync(
            new(
                newcomer,
                "AddItemToCart",
                HttpMethod.Post,
                "/cart/items",
                new { itemId = await InProcessMarketplace.NewItemAsync(_seller, 1), quantity = 1 }
            )
        );
    }

    // Sends another request with the same key.
    private async Task ProvokeKeyReusedAsync(FunctionCall call, string otherPath, object? otherBody)
    {
        var key = Guid.NewGuid().ToString("N");
        await SeeAsync(call with { Key = key });
        await SeeAsync(call with { Key = key, Path = otherPath, Body = otherBody });
    }

    private async Task SeeAsync(FunctionCall call, bool onlyIf = true)
    {
        if (onlyIf)
        {
            _seen.Add((NameOf(call), await AnswerAsync(call)));
        }
    }

    // The fixture names its people by their role.
    private static string NameOf(FunctionCall call) =>
        $"{(call.Caller.Username.StartsWith("seller", StringComparison.Ordinal) ? "seller" : "buyer")} {call.Function}";

    /// <summary>The status of a success, or the code of a refusal.</summary>
    private static async Task<string> AnswerAsync(FunctionCall call)
    {
        using var answer = await call.SendAsync();
        if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.NotModified)
        {
            return ((int)answer.StatusCode).ToString(provider: null);
        }

        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(
            answer.Content.Headers.ContentType?.MediaType == Problem.MediaType,
            $"{call.Function}: {(int)answer.StatusCode} {text}"
        );
        Assert.NotEqual(HttpStatusCode.InternalServerError, answer.StatusCode);
        var problem = JsonSerializer.Deserialize(text, AgoraJson.Default.Problem)!;
        Assert.Equal((int)answer.StatusCode, Refusal.Kinds[problem.Code!].Status);
        return problem.Code!;
    }

    private async Task<IEnumerable<string>> DocumentedAsync()
    {
        List<string> all = [];
        foreach (var (role, server) in new[] { ("seller", _marketplace.Seller), ("buyer", _marketplace.Buyer) })
        {
            using var document = JsonDocument.Parse(await DocumentAsync(server));
            foreach (
                var operation in document
                    .RootElement.GetProperty("paths")
                    .EnumerateObject()
                    .SelectMany(path => path.Value.EnumerateObject())
            )
            {
                var function = $"{role} {operation.Value.GetProperty("operationId").GetString()}";
                foreach (var response in operation.Value.GetProperty("responses").EnumerateObject())
                {
                    all.AddRange(
                        response.Name[0] is '2' or '3'
                            ? [$"{function} {response.Name}"]
                            : response
                                .Value.GetProperty("content")
                                .GetProperty(Problem.MediaType)
                                .GetProperty("examples")
                                .EnumerateObject()
                                .Select(code => $"{function} {code.Name}")
                    );
                }
            }
        }

        return all;
    }

    private static Task<string> DocumentAsync(HttpClient server) =>
        server.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative), Cancellation);
}
