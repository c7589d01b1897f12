using System.Net.Http.Json;

namespace Agora.Servers.Tests;

/// <summary>A call of a function by its name.</summary>
internal sealed record FunctionCall(
    Caller Caller,
    string Function,
    HttpMethod Method,
    string Path,
    object? Body = null,
    bool NeedsSession = true
)
{
    public string? Key { get; init; }

    public string? IfNoneMatch { get; init; }

    public string? IfMatch { get; init; }

    /// <summary>All 22 functions as they are meant to be called.</summary>
    public static FunctionCall[] All(Caller seller, Caller buyer, string item) =>
        [
            new(
                seller,
                "CreateAccount",
                HttpMethod.Post,
                "/sellers",
                new
                {
                    name = "Sam",
                    username = InProcessMarketplace.NewName("open"),
                    password = InProcessMarketplace.Password,
                },
                NeedsSession: false
            ),
            new(
                seller,
                "Login",
                HttpMethod.Post,
                "/sessions",
                new { username = seller.Username, password = InProcessMarketplace.Password },
                NeedsSession: false
            ),
            new(seller, "GetSellerRating", HttpMethod.Get, "/sellers/me/rating"),
            new(
                seller,
                "RegisterItemForSale",
                HttpMethod.Post,
                "/items",
                new
                {
                    name = "Bike",
                    category = 3,
                    keywords = new[] { "red" },
                    condition = "used",
                    price = 1.5m,
                    quantity = 10,
                }
            ),
            new(seller, "ChangeItemPrice", HttpMethod.Put, $"/items/{item}/price", new { price = 2 }),
            new(seller, "UpdateUnitsForSale", HttpMethod.Post, $"/items/{item}/withdrawals", new { quantity = 1 }),
            new(seller, "AddUnitsForSale", HttpMethod.Post, $"/items/{item}/additions", new { quantity = 1 }),
            new(seller, "DisplayItemsForSale", HttpMethod.Get, "/items"),
            new(seller, "GetItem", HttpMethod.Get, $"/items/{item}"),
            new(seller, "GetSeller", HttpMethod.Get, "/sellers/me"),
            new(seller, "GetSales", HttpMethod.Get, "/sales"),
            new(seller, "Logout", HttpMethod.Delete, "/sessions/current"),
            new(
                buyer,
                "CreateAccount",
                HttpMethod.Post,
                "/buyers",
                new
                {
                    name = "Bea",
                    username = InProcessMarketplace.NewName("open"),
                    password = InProcessMarketplace.Password,
                },
                NeedsSession: false
            ),
            new(
                buyer,
                "Login",
                HttpMethod.Post,
                "/sessions",
                new { username = buyer.Username, password = InProcessMarketplace.Password },
                NeedsSession: false
            ),
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

    public static FunctionCall Purchase(Caller buyer, string card, string key) =>
        new(buyer, "MakePurchase", HttpMethod.Post, "/purchases", Card(card)) { Key = key };

    /// <summary>Sends the call.</summary>
    public async Task<HttpResponseMessage> SendAsync()
    {
        if (IfNoneMatch is null && IfMatch is null)
        {
            return await Caller.Server.SendAsync(Method, Path, Body, Key, NeedsSession ? Caller.Token : null);
        }

        using var request = new HttpRequestMessage(Method, Path);
        request.Headers.Add("Authorization", $"Bearer {Caller.Token}");
        request.Content = Body is null ? null : JsonContent.Create(Body, Body.GetType());
        if (IfNoneMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-None-Match", IfNoneMatch);
        }

        if (IfMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", IfMatch);
        }

        return await Caller.Server.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static object Card(string number) =>
        new
        {
            cardholderName = "Bea",
            cardNumber = number,
            expirationDate = "12/39",
            securityCode = "123",
        };
}
