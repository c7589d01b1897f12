using System.Text.Json;
using Agora.Testing;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Tests.Trading;

/// <summary>Every function of the marketplace has a command.</summary>
public sealed class FunctionCommandTests : IAsyncLifetime
{
    private const string Item =
        """{"id":"3-17","name":"Bike","category":3,"keywords":["red"],"condition":"used","price":"""
        + """12.50,"quantity":2,"sellerId":9,"feedback":{"thumbsUp":1,"thumbsDown":0}}""";
    private const string Items = $$"""{"items":[{{Item}}],"nextCursor":"abc"}""";
    private const string Cart =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Bike","unitPrice":12.50,"available":5}],"total":25.00}""";
    private const string Sales =
        """{"sales":[{"at":"2026-07-01T12:00:00+00:00","itemId":"3-17","name":"Bike","quantity":"""
        + """2,"unitPrice":12.50}],"nextCursor":"abc"}""";
    private const string Purchase =
        """{"purchaseId":"0123456789abcdef0123456789abcdef","at":"2026-07-01T12:00:00+00:00","lines":"""
        + """[{"itemId":"3-17","quantity":2,"unitPrice":12.50}],"total":25.00}""";
    private const string Rating = """{"sellerId":9,"thumbsUp":4,"thumbsDown":1}""";
    private const string Receipt =
        """{"purchaseId":"p-1","lines":[{"itemId":"3-17","quantity":2,"unitPrice":12.50}],"total":25.00}""";
    private const string Purchases =
        """{"purchases":[{"purchaseId":"p-1","at":"2026-07-01T12:00:00+00:00","lines":"""
        + """[{"itemId":"3-17","quantity":2,"unitPrice":12.50}],"total":25.00}],"nextCursor":null}""";

    private readonly Cli _cli = new();
    private ScriptedServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await _server.DisposeAsync();
    }

    /// <summary>
    /// Every function, by its command and by its own name: the request, the answer, and a part of what a person sees.
    /// </summary>
    public static TheoryData<string, string[], string, string, string, string> Functions =>
        new()
        {
            {
                "seller",
                ["create-account", "--name", "Ann", "--username", "ann", "--password", "pw"],
                "POST /sellers",
                """{"name":"Ann","username":"ann","password":"pw"}""",
                """{"sellerId":9}""",
                "seller 9"
            },
            { "seller", ["logout"], "DELETE /sessions/current", "", "", "Logged out" },
            { "seller", ["rating"], "GET /sellers/me/rating", "", Rating, "4 up, 1 down" },
            { "seller", ["get-seller-rating"], "GET /sellers/me/rating", "", Rating, "4 up, 1 down" },
            {
                "seller",
                [
                    "sell",
                    "--name",
                    "Bike",
                    "--category",
                    "3",
                    "--keyword",
                    "red",
                    "--condition",
                    "used",
                    "--price",
                    "12.5",
                    "--quantity",
                    "2",
                ],
                "POST /items",
                """{"name":"Bike","category":3,"keywords":["red"],"condition":"used","price":12.50,"quantity":2}""",
                """{"itemId":"3-17"}""",
                "3-17"
            },
            {
                "seller",
                ["register-item-for-sale", "-n", "Bike", "-c", "3", "--price", "12"],
                "POST /items",
                """{"name":"Bike","category":3,"keywords":[],"condition":"new","price":12.00,"quantity":1}""",
                """{"itemId":"3-17"}""",
                "3-17"
            },
            { "seller", ["set-price", "3-17", "12.50"], "PUT /items/3-17/price", """{"price":12.50}""", Item, "12.50" },
            {
                "seller",
                ["change-item-price", "3-17", "12.50"],
                "PUT /items/3-17/price",
                """{"price":12.50}""",
                Item,
                "12.50"
            },
            { "seller", ["withdraw", "3-17", "2"], "POST /items/3-17/withdrawals", """{"quantity":2}""", Item, "Bike" },
            {
                "seller",
                ["update-units-for-sale", "3-17", "2"],
                "POST /items/3-17/withdrawals",
                """{"quantity":2}""",
                Item,
                "Bike"
            },
            { "seller", ["items", "--limit", "5"], "GET /items?limit=5", "", Items, "--cursor abc" },
            { "seller", ["display-items-for-sale", "--cursor", "x"], "GET /items?cursor=x", "", Items, "Bike" },
            {
                "seller",
                ["account"],
                "GET /sellers/me",
                "",
                """{"sellerId":9,"name":"Ann","username":"ann","itemsSold":4,"feedback":{"thumbsUp":"""
                    + """1,"thumbsDown":0}}""",
                "Units sold"
            },
            { "seller", ["sales", "--limit", "5"], "GET /sales?limit=5", "", Sales, "25.00" },
            { "seller", ["item", "3-17"], "GET /items/3-17", "", Item, "used" },
            { "seller", ["add-units", "3-17", "2"], "POST /items/3-17/additions", """{"quantity":2}""", Item, "Bike" },
            {
                "buyer",
                ["create-account", "--name", "Bob", "--username", "bob", "--password", "pw"],
                "POST /buyers",
                """{"name":"Bob","username":"bob","password":"pw"}""",
                """{"buyerId":9}""",
                "buyer 9"
            },
            { "buyer", ["logout"], "DELETE /sessions/current", "", "", "Logged out" },
            {
                "buyer",
                ["search", "--category", "3", "--keyword", "red", "bike", "-k", "old"],
                "GET /items?category=3&keyword=red&keyword=bike&keyword=old",
                "",
                Items,
                "Bike"
            },
            { "buyer", ["search-items-for-sale", "-c", "3"], "GET /items?category=3", "", Items, "Bike" },
            { "buyer", ["item", "3-17"], "GET /items/3-17", "", Item, "used" },
            { "buyer", ["get-item", "3-17"], "GET /items/3-17", "", Item, "used" },
            { "buyer", ["cart"], "GET /cart", "", Cart, "3-17" },
            { "buyer", ["cart", "show"], "GET /cart", "", Cart, "3-17" },
            { "buyer", ["display-cart"], "GET /cart", "", Cart, "3-17" },
            {
                "buyer",
                ["cart", "add", "3-17"],
                "POST /cart/items",
                """{"itemId":"3-17","quantity":1}""",
                Cart,
                "3-17"
            },
            {
                "buyer",
                ["add-item-to-cart", "3-17", "2"],
                "POST /cart/items",
                """{"itemId":"3-17","quantity":2}""",
                Cart,
                "3-17"
            },
            { "buyer", ["cart", "remove", "3-17"], "DELETE /cart/items/3-17", "", Cart, "3-17" },
            { "buyer", ["remove-item-from-cart", "3-17", "1"], "DELETE /cart/items/3-17?quantity=1", "", Cart, "3-17" },
            { "buyer", ["cart", "save"], "POST /cart/save", "", Cart, "3-17" },
            { "buyer", ["save-cart"], "POST /cart/save", "", Cart, "3-17" },
            { "buyer", ["cart", "clear"], "DELETE /cart", "", "", "empty" },
            { "buyer", ["clear-cart"], "DELETE /cart", "", "", "empty" },
            {
                "buyer",
                [
                    "buy",
                    "--cardholder",
                    "Bob",
                    "--card",
                    "4111 1111 1111 1111",
                    "--expires",
                    "12/39",
                    "--code",
                    "123",
                    "--total",
                    "25",
                ],
                "POST /purchases",
                """{"cardholderName":"Bob","cardNumber":"4111111111111111","expirationDate":"12/39","security"""
                    + """Code":"123","expectedTotal":25.00}""",
                Receipt,
                "25.00"
            },
            {
                "buyer",
                [
                    "make-purchase",
                    "--cardholder-name",
                    "Bob",
                    "--card-number",
                    "4111111111111111",
                    "--expiration-date",
                    "12/39",
                    "--security-code",
                    "123",
                    "--total",
                    "25.00",
                ],
                "POST /purchases",
                """{"cardholderName":"Bob","cardNumber":"4111111111111111","expirationDate":"12/39","security"""
                    + """Code":"123","expectedTotal":25.00}""",
                Receipt,
                "p-1"
            },
            { "buyer", ["rate", "3-17", "up"], "POST /items/3-17/feedback", """{"thumb":"up"}""", "", "vote" },
            {
                "buyer",
                ["provide-feedback", "3-17", "down"],
                "POST /items/3-17/feedback",
                """{"thumb":"down"}""",
                "",
                "vote"
            },
            { "buyer", ["seller-rating", "9"], "GET /sellers/9/rating", "", Rating, "Seller 9" },
            { "buyer", ["get-seller-rating", "9"], "GET /sellers/9/rating", "", Rating, "Seller 9" },
            { "buyer", ["purchases"], "GET /purchases", "", Purchases, "2026-07-01 12:00:00" },
            {
                "buyer",
                ["account"],
                "GET /buyers/me",
                "",
                """{"buyerId":9,"name":"Bob","username":"bob","itemsPurchased":4}""",
                "Units bought"
            },
            {
                "buyer",
                ["purchase", "0123456789abcdef0123456789abcdef"],
                "GET /purchases/0123456789abcdef0123456789abcdef",
                "",
                Purchase,
                "25.00"
            },
            {
                "buyer",
                ["seller", "9"],
                "GET /sellers/9",
                "",
                """{"sellerId":9,"name":"Ann","itemsSold":4,"feedback":{"thumbsUp":1,"thumbsDown":0}}""",
                "Ann"
            },
            { "buyer", ["items-of", "9", "--limit", "5"], "GET /sellers/9/items?limit=5", "", Items, "--cursor abc" },
            { "buyer", ["get-buyer-purchases", "--limit", "2"], "GET /purchases?limit=2", "", Purchases, "25.00" },
        };

    [Theory]
    [MemberData(nameof(Functions))]
    public async Task Every_function_is_a_command(
        string role,
        string[] arguments,
        string call,
        string body,
        string answer,
        string seen
    )
    {
        await _cli.LogInAsync(_server, role);
        _server.Answer = Responds(answer.Length == 0 ? 204 : 200, answer);

        var forPeople = await _cli.RunAsync([role, "--server", _server.Address.ToString(), .. arguments]);
        Assert.Equal((0, ""), (forPeople.Status, forPeople.Error));
        Assert.Contains(seen, forPeople.Output, StringComparison.Ordinal);
        var request = _server.Requests.Last();
        Assert.Equal((call, body), ($"{request.Method} {request.PathAndQuery}", request.Body));
        Assert.Equal(arguments[0] == "create-account" ? null : "Bearer t-1", request.Authorization);

        await _cli.LogInAsync(_server, role);
        _server.Answer = Responds(answer.Length == 0 ? 204 : 200, answer);
        var forPrograms = await _cli.RunAsync([role, "--server", _server.Address.ToString(), "--json", .. arguments]);
        Assert.Equal((0, ""), (forPrograms.Status, forPrograms.Error));
        using var expected = JsonDocument.Parse(answer.Length == 0 ? "{}" : answer);
        using var written = JsonDocument.Parse(forPrograms.Output);
        Assert.True(JsonElement.DeepEquals(expected.RootElement, written.RootElement), forPrograms.Output);
    }
}
