using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>
/// "An Idempotency-Key belongs to the account and the function, not to a session. The same key with another request is
/// refused. A repeat is answered as the first call was, and marked; it needs a session that is alive."
/// </summary>
public sealed class RepeatTests(InProcessMarketplace marketplace)
{
    private const string Replayed = "Idempotency-Replayed";

    [Fact]
    public async Task A_key_means_the_same_in_another_session_of_the_account()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = new
        {
            name = "Bike",
            category = InProcessMarketplace.NewCategory(),
            condition = "new",
            price = 1,
            quantity = 1,
        };
        var first = await seller.SendAsync(HttpMethod.Post, "/items", item, "k").OkAsync<ItemRegistered>();
        Assert.Equal(204, await seller.SendAsync(HttpMethod.Delete, "/sessions/current").StatusAsync());

        var again = await marketplace.LoginAgainAsync(seller);
        Assert.Equal(first, await again.SendAsync(HttpMethod.Post, "/items", item, "k").OkAsync<ItemRegistered>());
        Assert.Single((await again.GetAsync<ItemPage>("/items")).Items);
    }

    [Fact]
    public async Task A_key_is_anothers_in_another_account_and_another_function()
    {
        var one = await marketplace.NewSellerAsync();
        var other = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(one, 5);
        var others = await InProcessMarketplace.NewItemAsync(other, 5);

        Assert.Equal(4, (await one.PostAsync<Item>($"/items/{item}/withdrawals", new { quantity = 1 }, "k")).Quantity);
        Assert.Equal(5, (await one.PostAsync<Item>($"/items/{item}/additions", new { quantity = 1 }, "k")).Quantity);
        Assert.Equal(
            4,
            (await other.PostAsync<Item>($"/items/{others}/withdrawals", new { quantity = 1 }, "k")).Quantity
        );
    }

    [Fact]
    public async Task Another_request_under_a_used_key_is_refused_and_changes_nothing()
    {
        var seller = await marketplace.NewSellerAsync();
        var category = InProcessMarketplace.NewCategory();
        var one = await InProcessMarketplace.NewItemAsync(seller, 9, 6m, category);
        var two = await InProcessMarketplace.NewItemAsync(seller, 9, 6m, category);
        var buyer = await marketplace.NewBuyerAsync();
        object NewItem(string name) =>
            new
            {
                name,
                category,
                keywords = new[] { "red" },
                condition = "new",
                price = 1,
                quantity = 1,
            };

        await AssertReusedAsync(seller, HttpMethod.Post, "/items", NewItem("first"), "/items", NewItem("second"));
        await AssertReusedAsync(
            seller,
            HttpMethod.Put,
            $"/items/{one}/price",
            new { price = 6 },
            $"/items/{one}/price",
            new { price = 7 }
        );
        await AssertReusedAsync(
            seller,
            HttpMethod.Put,
            $"/items/{one}/price",
            new { price = 6 },
            $"/items/{two}/price",
            new { price = 6 }
        );
        await AssertReusedAsync(
            seller,
            HttpMethod.Post,
            $"/items/{one}/withdrawals",
            new { quantity = 1 },
            $"/items/{one}/withdrawals",
            new { quantity = 5 }
        );
        await AssertReusedAsync(
            seller,
            HttpMethod.Post,
            $"/items/{one}/additions",
            new { quantity = 1 },
            $"/items/{one}/additions",
            new { quantity = 2 }
        );
        await AssertReusedAsync(
            buyer,
            HttpMethod.Post,
            "/cart/items",
            new { itemId = one, quantity = 1 },
            "/cart/items",
            new { itemId = two, quantity = 1 }
        );
        await AssertReusedAsync(
            buyer,
            HttpMethod.Post,
            "/cart/items",
            new { itemId = one, quantity = 1 },
            "/cart/items",
            new { itemId = one, quantity = 2 }
        );
        await AssertReusedAsync(
            buyer,
            HttpMethod.Delete,
            $"/cart/items/{one}?quantity=1",
            null,
            $"/cart/items/{two}?quantity=1",
            null
        );
        await AssertReusedAsync(
            buyer,
            HttpMethod.Delete,
            $"/cart/items/{one}?quantity=1",
            null,
            $"/cart/items/{one}",
            null
        );

        Assert.Equal((9, 6m), QuantityAndPrice(await InProcessMarketplace.ItemAsync(buyer, two)));
        Assert.Equal((9, 6m), QuantityAndPrice(await InProcessMarketplace.ItemAsync(buyer, one)));
        Assert.Empty((await buyer.GetAsync<Cart>("/cart")).Lines);
        Assert.DoesNotContain((await seller.GetAsync<ItemPage>("/items")).Items, item => item.Name == "second");
    }

    [Fact]
    public async Task What_means_the_same_is_the_same_request()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 9);
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 6m }, "k").OkAsync<Item>();
        using var json = new StringContent("{ \"price\": 6.00 }", System.Text.Encoding.UTF8, "application/json");
        using var response = await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", json, "k");
        Assert.Equal((200, "true"), ((int)response.StatusCode, response.Headers.GetValues(Replayed).Single()));
    }

    [Fact]
    public async Task A_replay_is_marked_and_a_first_answer_is_not()
    {
        var buyer = await marketplace.NewBuyerAsync();
        var elsewhere = buyer with { Server = marketplace.OtherBuyer };
        using var first = await buyer.SendAsync(HttpMethod.Post, "/cart/save", key: "k");
        using var second = await elsewhere.SendAsync(HttpMethod.Post, "/cart/save", key: "k");
        using var unnamed = await elsewhere.SendAsync(HttpMethod.Post, "/cart/save");
        Assert.False(first.Headers.Contains(Replayed));
        Assert.Equal("true", second.Headers.GetValues(Replayed).Single());
        Assert.False(unnamed.Headers.Contains(Replayed));

        // A refusal is an answer too.
        var item = await InProcessMarketplace.NewItemAsync(await marketplace.NewSellerAsync(), 1);
        var add = new { itemId = item, quantity = 2 };
        await buyer
            .SendAsync(HttpMethod.Post, "/cart/items", add, "refused")
            .ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        using var refused = await buyer.SendAsync(HttpMethod.Post, "/cart/items", add, "refused");
        Assert.Equal("true", refused.Headers.GetValues(Replayed).Single());
        await refused.ProblemAsync(409, ErrorCodes.NotEnoughUnits);
    }

    [Fact]
    public async Task A_repeat_needs_a_session_that_is_alive()
    {
        var buyer = await marketplace.NewBuyerAsync();
        await buyer.SendAsync(HttpMethod.Post, "/cart/save", key: "k").OkAsync<Cart>();
        Assert.Equal(204, await buyer.SendAsync(HttpMethod.Delete, "/sessions/current", key: "bye").StatusAsync());
        await buyer.SendAsync(HttpMethod.Post, "/cart/save", key: "k").ProblemAsync(401, ErrorCodes.NotLoggedIn);
        // Except for a repeated logout: if the first answer was lost, the repeat confirms it.
        Assert.Equal(204, await buyer.SendAsync(HttpMethod.Delete, "/sessions/current", key: "bye").StatusAsync());
        await buyer
            .SendAsync(HttpMethod.Delete, "/sessions/current", key: "other")
            .ProblemAsync(401, ErrorCodes.NotLoggedIn);
    }

    [Fact]
    public async Task An_account_that_is_created_again_with_another_password_is_another_request()
    {
        var username = InProcessMarketplace.NewName("again");
        object Account(string password, string name = "Ann") =>
            new
            {
                name,
                username,
                password,
            };
        var server = marketplace.Buyer;
        var first = await server
            .SendAsync(HttpMethod.Post, "/buyers", Account("correct-horse"), "k")
            .OkAsync<BuyerCreated>();
        Assert.Equal(
            first,
            await server.SendAsync(HttpMethod.Post, "/buyers", Account("correct-horse"), "k").OkAsync<BuyerCreated>()
        );
        await server
            .SendAsync(HttpMethod.Post, "/buyers", Account("battery-staple"), "k")
            .ProblemAsync(422, ErrorCodes.KeyReused);
        await server
            .SendAsync(HttpMethod.Post, "/buyers", Account("correct-horse", "Bob"), "k")
            .ProblemAsync(422, ErrorCodes.KeyReused);
    }

    private static (long, decimal) QuantityAndPrice(Item item) => (item.Quantity, item.Price);

    // The first call takes effect and is undone here, if that matters. The second call must have no effect.
    private static async Task AssertReusedAsync(
        Caller caller,
        HttpMethod method,
        string path,
        object? body,
        string otherPath,
        object? otherBody
    )
    {
        var key = Guid.NewGuid().ToString("N");
        if (path.StartsWith("/cart/items/", StringComparison.Ordinal))
        {
            await caller
                .SendAsync(HttpMethod.Post, "/cart/items", new { itemId = path.Split('/', '?')[3], quantity = 1 })
                .OkAsync<Cart>();
        }

        using var first = await caller.SendAsync(method, path, body, key);
        Assert.True(first.IsSuccessStatusCode, $"{method} {path}: {(int)first.StatusCode}");
        using var other = await caller.SendAsync(method, otherPath, otherBody, key);
        await other.ProblemAsync(422, ErrorCodes.KeyReused);
        Assert.False(other.Headers.Contains(Replayed));
        if (path == "/cart/items")
        {
            await caller.SendAsync(HttpMethod.Delete, "/cart");
        }
        else if (path.EndsWith("/withdrawals", StringComparison.Ordinal))
        {
            await caller
                .SendAsync(HttpMethod.Post, path.Replace("withdrawals", "additions", StringComparison.Ordinal), body)
                .OkAsync<Item>();
        }
        else if (path.EndsWith("/additions", StringComparison.Ordinal))
        {
            await caller
                .SendAsync(HttpMethod.Post, path.Replace("additions", "withdrawals", StringComparison.Ordinal), body)
                .OkAsync<Item>();
        }
    }
}
