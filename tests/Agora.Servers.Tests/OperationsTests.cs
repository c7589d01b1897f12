using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using Agora.Cluster;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>What operators and HTTP itself see of a server.</summary>
public sealed class OperationsTests(InProcessMarketplace marketplace)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_path_that_does_not_exist_is_404_and_a_method_that_it_does_not_take_405()
    {
        foreach (var server in new[] { marketplace.Seller, marketplace.Buyer })
        {
            await server.SendAsync(HttpMethod.Get, "/nothing").ProblemAsync(404, ErrorCodes.NoSuchResource);
            var response = await server.SendAsync(HttpMethod.Patch, "/sessions");
            await response.ProblemAsync(405, ErrorCodes.MethodNotAllowed);
            Assert.Equal(["OPTIONS", "POST"], response.Content.Headers.Allow);
        }
    }

    [Fact]
    public async Task A_body_above_64_KiB_is_413_whether_or_not_it_says_its_length()
    {
        var buyer = await marketplace.AnyBuyer.Value;
        var large = Encoding.UTF8.GetBytes($"{{\"itemId\":\"{new string('x', 70_000)}\"}}");
        foreach (var chunked in new[] { false, true })
        {
            using var content = new ByteArrayContent(large);
            content.Headers.ContentType = new("application/json");
            using var request = new HttpRequestMessage(HttpMethod.Post, "/cart/items") { Content = content };
            request.Headers.Authorization = new("Bearer", buyer.Token);
            request.Headers.TransferEncodingChunked = chunked;
            using var response = await buyer.Server.SendAsync(request, Cancellation);
            await response.ProblemAsync(413, ErrorCodes.TooLarge);
        }
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData(null)]
    public async Task A_body_that_is_not_JSON_is_415(string? type)
    {
        using var content = new ByteArrayContent("{}"u8.ToArray());
        if (type is not null)
        {
            content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);
        }

        await marketplace
            .Seller.SendAsync(HttpMethod.Post, "/sessions", content)
            .ProblemAsync(415, ErrorCodes.UnsupportedMediaType);
    }

    [Fact]
    public async Task Every_answer_has_security_headers_and_does_not_name_the_server()
    {
        foreach (var path in new[] { "/health/live", "/nothing", "/items" })
        {
            using var response = await marketplace.Seller.SendAsync(HttpMethod.Get, path);
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal(
                "default-src 'none'; frame-ancestors 'none'",
                Assert.Single(response.Headers.GetValues("Content-Security-Policy"))
            );
            Assert.True(response.Headers.CacheControl!.NoStore);
            Assert.Empty(response.Headers.Server);
        }
    }

    [Fact]
    public async Task Ready_asks_the_databases_and_for_buyers_the_payment_service_and_says_which_is_missing()
    {
        Assert.Equal(200, await marketplace.Seller.SendAsync(HttpMethod.Get, "/health/ready").StatusAsync());
        Assert.Equal(200, await marketplace.Buyer.SendAsync(HttpMethod.Get, "/health/ready").StatusAsync());

        var gone = marketplace.Cluster with { Payments = new PaymentsGroup { Replicas = [new() { Port = 1 }] } };
        await using var app = BuyerServer.Build(InProcessMarketplace.Builder(), gone, 0, new ServerSettings());
        await app.StartAsync(Cancellation);
        using var server = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = new Uri(app.Urls.Single()),
        };
        var problem = await server.SendAsync(HttpMethod.Get, "/health/ready").ProblemAsync(503, ErrorCodes.Unavailable);
        Assert.Contains("The payment service", problem.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("database", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(200, await server.SendAsync(HttpMethod.Get, "/health/live").StatusAsync());
    }

    [Fact]
    public async Task Without_a_database_a_call_is_503_with_Retry_After_and_no_address()
    {
        var gone = marketplace.Cluster with { Products = new DatabaseGroup { Replicas = [new() { GrpcPort = 1 }] } };
        var settings = new ServerSettings { CallDeadline = TimeSpan.FromSeconds(2) };
        await using var app = SellerServer.Build(InProcessMarketplace.Builder(), gone, 0, settings);
        await app.StartAsync(Cancellation);
        using var server = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = new Uri(app.Urls.Single()),
        };
        var seller = (await marketplace.AnySeller.Value) with { Server = server };

        var response = await seller.SendAsync(HttpMethod.Get, "/items");
        var problem = await response.ProblemAsync(503, ErrorCodes.Unavailable);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Contains("products", problem.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", problem.Detail, StringComparison.Ordinal);
        // Functions that do not need the products database still work.
        await seller.GetAsync<SellerRating>("/sellers/me/rating");
    }

    [Fact]
    public async Task Metrics_tell_each_functions_latency_and_outcome()
    {
        TaskCompletionSource measured = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument is { Meter.Name: "Agora.Servers", Name: "agora.function.duration", Unit: "s" })
            {
                listening.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>(
            (_, _, tags, _) =>
            {
                var labels = tags.ToArray();
                if (
                    labels.Contains(new("function", "DisplayItemsForSale"))
                    && labels.Contains(new("outcome", "not-logged-in"))
                )
                {
                    measured.TrySetResult();
                }
            }
        );
        listener.Start();
        await marketplace.Seller.SendAsync(HttpMethod.Get, "/items");
        await measured.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }

    [Fact]
    public async Task OpenApi_names_every_function_with_its_answers()
    {
        string[] sellers =
        [
            "AddUnitsForSale",
            "ChangeItemPrice",
            "CreateAccount",
            "DisplayItemsForSale",
            "GetItem",
            "GetSales",
            "GetSeller",
            "GetSellerRating",
            "Login",
            "Logout",
            "RegisterItemForSale",
            "UpdateUnitsForSale",
        ];
        string[] buyers =
        [
            "AddItemToCart",
            "ClearCart",
            "CreateAccount",
            "DisplayCart",
            "GetBuyer",
            "GetBuyerPurchases",
            "GetItem",
            "GetItemsOfSeller",
            "GetPurchase",
            "GetSeller",
            "GetSellerRating",
            "Login",
            "Logout",
            "MakePurchase",
            "ProvideFeedback",
            "RemoveItemFromCart",
            "SaveCart",
            "SearchItemsForSale",
        ];
        foreach (var (server, functions) in new[] { (marketplace.Seller, sellers), (marketplace.Buyer, buyers) })
        {
            using var document = await OpenApiAsync(server);
            var operations = document
                .RootElement.GetProperty("paths")
                .EnumerateObject()
                .SelectMany(path => path.Value.EnumerateObject())
                .ToDictionary(
                    method => method.Value.GetProperty("operationId").GetString()!,
                    method => Statuses(method.Value)
                );
            Assert.Equal(functions, operations.Keys.Order(StringComparer.Ordinal));
            Assert.All(operations.Values, statuses => Assert.Contains(statuses, status => status.StartsWith('2')));
            Assert.All(operations.Values, statuses => Assert.Contains("503", statuses));
        }
    }

    [Fact]
    public async Task OpenApi_knows_a_functions_refusals_and_the_words_of_its_fields()
    {
        using var document = await OpenApiAsync(marketplace.Buyer);
        var purchase = document.RootElement.GetProperty("paths").GetProperty("/purchases").GetProperty("post");
        Assert.Equal(["201", "400", "401", "402", "409", "413", "415", "422", "429", "503"], Statuses(purchase));
        var condition = document
            .RootElement.GetProperty("components")
            .GetProperty("schemas")
            .GetProperty("ItemCondition");
        Assert.Equal(["new", "used"], condition.GetProperty("enum").EnumerateArray().Select(word => word.GetString()));
    }

    private static async Task<JsonDocument> OpenApiAsync(HttpClient server) =>
        JsonDocument.Parse(await server.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative), Cancellation));

    private static string[] Statuses(JsonElement operation) =>
        [.. operation.GetProperty("responses").EnumerateObject().Select(response => response.Name).Order()];
}
