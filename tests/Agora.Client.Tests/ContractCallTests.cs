using System.Globalization;
using Agora.Rest;
using Agora.Testing;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Client.Tests;

/// <summary>
/// Each of the 22 functions is called as the table of the contract says, and so are the reads besides them.
/// </summary>
public sealed class ContractCallTests
{
    private const string Item =
        """{"id":"3-17","name":"Bike","category":3,"keywords":["red"],"condition":"new","price":12.50,"quantity":2"""
        + ""","sellerId":9,"feedback":{"thumbsUp":1,"thumbsDown":0}}""";
    private const string Items = $$"""{"items":[{{Item}}],"nextCursor":"n"}""";
    private const string Cart =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Bike","unitPrice":12.50,"available":5}],"total":25.00}""";
    private const string Rating = """{"sellerId":9,"thumbsUp":4,"thumbsDown":1}""";
    private const string Lines = """[{"itemId":"3-17","quantity":2,"unitPrice":12.50}]""";

    public static TheoryData<string, string, string, string?, int, string, Func<SellerClient, Task<object?>>> Seller =>
        new()
        {
            {
                "CreateAccount",
                "POST /sellers",
                """{"name":"Ann","username":"ann","password":"pw"}""",
                null,
                201,
                """{"sellerId":9}""",
                async c => (await c.CreateAccountAsync("Ann", "ann", "pw")).SellerId
            },
            {
                "Login",
                "POST /sessions",
                """{"username":"ann","password":"pw"}""",
                null,
                201,
                """{"token":"t2","sellerId":9,"expiresInSeconds":300}""",
                async c => (await c.LoginAsync("ann", "pw")).SellerId + (c.Token == "t2" ? 0 : 1)
            },
            {
                "Logout",
                "DELETE /sessions/current",
                "",
                "Bearer t",
                204,
                "",
                async c =>
                {
                    await c.LogoutAsync();
                    return c.Token is null ? 9L : 0;
                }
            },
            {
                "GetSellerRating",
                "GET /sellers/me/rating",
                "",
                "Bearer t",
                200,
                Rating,
                async c => (await c.GetSellerRatingAsync()).ThumbsUp + 5
            },
            {
                "RegisterItemForSale",
                "POST /items",
                """{"name":"Bike","category":3,"keywords":["red"],"condition":"new","price":12.50,"quantity":2}""",
                "Bearer t",
                201,
                """{"itemId":"3-17"}""",
                async c =>
                    (
                        await c.RegisterItemForSaleAsync(
                            new()
                            {
                                Name = "Bike",
                                Category = 3,
                                Keywords = ["red"],
                                Condition = ItemCondition.New,
                                Price = 12.5m,
                                Quantity = 2,
                            }
                        )
                    ).ItemId
            },
            {
                "ChangeItemPrice",
                "PUT /items/3-17/price",
                """{"price":12.50}""",
                "Bearer t",
                200,
                Item,
                async c => (await c.ChangeItemPriceAsync("3-17", 12.5m)).Id
            },
            {
                "UpdateUnitsForSale",
                "POST /items/3-17/withdrawals",
                """{"quantity":2}""",
                "Bearer t",
                200,
                Item,
                async c => (await c.UpdateUnitsForSaleAsync("3-17", 2)).Id
            },
            {
                "DisplayItemsForSale",
                "GET /items?limit=5&cursor=a%2Bb",
                "",
                "Bearer t",
                200,
                Items,
                async c =>
                    (await c.DisplayItemsForSaleAsync(5, "a+b")) is { NextCursor: "n" } page ? page.Items[0].Id : null
            },
            {
                "UpdateUnitsForSale",
                "POST /items/3-17/additions",
                """{"quantity":2}""",
                "Bearer t",
                200,
                Item,
                async c => (await c.AddUnitsForSaleAsync("3-17", 2)).Id
            },
            { "GetItem", "GET /items/3-17", "", "Bearer t", 200, Item, async c => (await c.GetItemAsync("3-17")).Id },
            {
                "GetAccount",
                "GET /sellers/me",
                "",
                "Bearer t",
                200,
                """{"sellerId":9,"name":"Ann","username":"ann","itemsSold":4"""
                    + ""","feedback":{"thumbsUp":1,"thumbsDown":0}}""",
                async c => (await c.GetAccountAsync()).SellerId
            },
            {
                "GetSales",
                "GET /sales?limit=5&cursor=x",
                "",
                "Bearer t",
                200,
                """{"sales":[{"at":"2026-07-01T12:00:00Z","itemId":"3-17","name":"Bike","quantity":2"""
                    + ""","unitPrice":12.50}],"nextCursor":null}""",
                async c => (await c.GetSalesAsync(5, "x")).Sales[0].ItemId
            },
        };

    public static TheoryData<string, string, string, string?, int, string, Func<BuyerClient, Task<object?>>> Buyer =>
        new()
        {
            {
                "CreateAccount",
                "POST /buyers",
                """{"name":"Bob","username":"bob","password":"pw"}""",
                null,
                201,
                """{"buyerId":9}""",
                async c => (await c.CreateAccountAsync("Bob", "bob", "pw")).BuyerId
            },
            {
                "Login",
                "POST /sessions",
                """{"username":"bob","password":"pw"}""",
                null,
                201,
                """{"token":"t2","buyerId":9,"expiresInSeconds":300}""",
                async c => (await c.LoginAsync("bob", "pw")).BuyerId + (c.Token == "t2" ? 0 : 1)
            },
            {
                "Logout",
                "DELETE /sessions/current",
                "",
                "Bearer t",
                204,
                "",
                async c =>
                {
                    await c.LogoutAsync();
                    return c.Token is null ? 9L : 0;
                }
            },
            {
                "SearchItemsForSale",
                "GET /items?category=3&keyword=red&keyword=b%26w&limit=50&cursor=x",
                "",
                "Bearer t",
                200,
                Items,
                async c => (await c.SearchItemsForSaleAsync(3, ["red", "b&w"], 50, "x")).Items[0].Id
            },
            { "GetItem", "GET /items/3-17", "", "Bearer t", 200, Item, async c => (await c.GetItemAsync("3-17")).Id },
            {
                "AddItemToCart",
                "POST /cart/items",
                """{"itemId":"3-17","quantity":2}""",
                "Bearer t",
                200,
                Cart,
                async c => (await c.AddItemToCartAsync("3-17", 2)).Lines[0].ItemId
            },
            {
                "RemoveItemFromCart",
                "DELETE /cart/items/3-17?quantity=2",
                "",
                "Bearer t",
                200,
                Cart,
                async c => (await c.RemoveItemFromCartAsync("3-17", 2)).Lines[0].ItemId
            },
            {
                "SaveCart",
                "POST /cart/save",
                "",
                "Bearer t",
                200,
                Cart,
                async c => (await c.SaveCartAsync()).Lines[0].ItemId
            },
            {
                "ClearCart",
                "DELETE /cart",
                "",
                "Bearer t",
                204,
                "",
                async c =>
                {
                    await c.ClearCartAsync();
                    return 9L;
                }
            },
            {
                "DisplayCart",
                "GET /cart",
                "",
                "Bearer t",
                200,
                Cart,
                async c => (await c.DisplayCartAsync()).Lines[0].ItemId
            },
            {
                "MakePurchase",
                "POST /purchases",
                """{"cardholderName":"Bob","cardNumber":"4111111111111111","""
                    + "\"expirationDate\":\"12/39\",\"securityCode\":\"123\"}",
                "Bearer t",
                201,
                $$"""{"purchaseId":"p","lines":{{Lines}},"total":25.00}""",
                async c =>
                    (
                        await c.MakePurchaseAsync(
                            new()
                            {
                                CardholderName = "Bob",
                                CardNumber = "4111111111111111",
                                ExpirationDate = "12/39",
                                SecurityCode = "123",
                            }
                        )
                    )
                        is { Total: 25m } r
                        ? r.Lines[0].ItemId
                        : null
            },
            {
                "ProvideFeedback",
                "POST /items/3-17/feedback",
                """{"thumb":"up"}""",
                "Bearer t",
                204,
                "",
                async c =>
                {
                    await c.ProvideFeedbackAsync("3-17", Thumb.Up);
                    return 9L;
                }
            },
            {
                "GetSellerRating",
                "GET /sellers/9/rating",
                "",
                "Bearer t",
                200,
                Rating,
                async c => (await c.GetSellerRatingAsync(9)).SellerId
            },
            {
                "GetBuyerPurchases",
                "GET /purchases?limit=2",
                "",
                "Bearer t",
                200,
                $$"""{"purchases":[{"purchaseId":"p","at":"2026-07-01T12:00:00Z","lines":{{Lines}}"""
                    + ""","total":25.00}],"nextCursor":null}""",
                async c =>
                    (await c.GetBuyerPurchasesAsync(2)) is { NextCursor: null } page
                    && page.Purchases[0].At.Year == 2026
                        ? page.Purchases[0].Lines[0].ItemId
                        : null
            },
            {
                "GetPurchase",
                "GET /purchases/0123456789abcdef0123456789abcdef",
                "",
                "Bearer t",
                200,
                $$"""{"purchaseId":"p","at":"2026-07-01T12:00:00Z","lines":{{Lines}},"total":25.00}""",
                async c => (await c.GetPurchaseAsync("0123456789abcdef0123456789abcdef")).Lines[0].ItemId
            },
            {
                "GetAccount",
                "GET /buyers/me",
                "",
                "Bearer t",
                200,
                """{"buyerId":9,"name":"Bob","username":"bob","itemsPurchased":4}""",
                async c => (await c.GetAccountAsync()).BuyerId
            },
            {
                "GetSeller",
                "GET /sellers/9",
                "",
                "Bearer t",
                200,
                """{"sellerId":9,"name":"Ann","itemsSold":4,"feedback":{"thumbsUp":1,"thumbsDown":0}}""",
                async c => (await c.GetSellerAsync(9)).SellerId
            },
            {
                "GetItemsOfSeller",
                "GET /sellers/9/items?limit=2",
                "",
                "Bearer t",
                200,
                Items,
                async c => (await c.GetItemsOfSellerAsync(9, 2)).Items[0].Id
            },
        };

    [Theory]
    [MemberData(nameof(Seller))]
    public async Task Sellers_function_is_called_as_the_contract_says(
        string function,
        string call,
        string body,
        string? authorization,
        int status,
        string answer,
        Func<SellerClient, Task<object?>> run
    )
    {
        await using var server = await StartAsync(Responds(status, answer));
        using var client = new SellerClient([server.Address]) { Token = "t" };
        Check(function, call, body, authorization, server, await run(client));
    }

    [Theory]
    [MemberData(nameof(Buyer))]
    public async Task Buyers_function_is_called_as_the_contract_says(
        string function,
        string call,
        string body,
        string? authorization,
        int status,
        string answer,
        Func<BuyerClient, Task<object?>> run
    )
    {
        await using var server = await StartAsync(Responds(status, answer));
        using var client = new BuyerClient([server.Address]) { Token = "t" };
        Check(function, call, body, authorization, server, await run(client));
    }

    private static void Check(
        string function,
        string call,
        string body,
        string? authorization,
        ScriptedServer server,
        object? result
    )
    {
        var request = Assert.Single(server.Requests);
        Assert.Equal(call, $"{request.Method} {request.PathAndQuery}");
        Assert.Equal(body, request.Body);
        Assert.Equal(function is "CreateAccount" or "Login" ? null : authorization, request.Authorization);
        Assert.Equal(request.Method == "GET", request.Key is null);
        Assert.Equal(result is long ? "9" : "3-17", Convert.ToString(result, CultureInfo.InvariantCulture));
    }
}
