using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>All 22 functions over HTTP, through real servers and databases.</summary>
public sealed class FunctionTests(InProcessMarketplace marketplace)
{
    private static readonly object s_card = new
    {
        cardholderName = "Bea Buyer",
        cardNumber = FakePayments.GoodCard,
        expirationDate = "12/99",
        securityCode = "123",
    };

    [Fact]
    public async Task A_seller_goes_through_all_functions()
    {
        var seller = await marketplace.NewSellerAsync();
        var category = InProcessMarketplace.NewCategory();

        var first = await InProcessMarketplace.NewItemAsync(seller, 5, 12.50m, category);
        var second = await InProcessMarketplace.NewItemAsync(seller, 0, 0.01m, category);
        Assert.StartsWith($"{category}-", first, StringComparison.Ordinal);

        using var response = await seller.SendAsync(HttpMethod.Put, $"/items/{first}/price", new { price = 9.9m });
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("\"price\":9.90", text, StringComparison.Ordinal);
        var item = await seller.PostAsync<Item>($"/items/{first}/withdrawals", new { quantity = 2 });
        Assert.Equal((3, 9.90m, seller.Id), (item.Quantity, item.Price, item.SellerId));
        Assert.Equal(("Bike", ItemCondition.Used), (item.Name, item.Condition));
        Assert.Equal(["red", "bike"], item.Keywords);

        var page = await seller.GetAsync<ItemPage>("/items?limit=1");
        Assert.Equal(first, Assert.Single(page.Items).Id);
        var rest = await seller.GetAsync<ItemPage>($"/items?limit=1&cursor={Uri.EscapeDataString(page.NextCursor!)}");
        Assert.Equal(second, Assert.Single(rest.Items).Id);
        Assert.Null(rest.NextCursor);

        var rating = await seller.GetAsync<SellerRating>("/sellers/me/rating");
        Assert.Equal((seller.Id, 0, 0), (rating.SellerId, rating.ThumbsUp, rating.ThumbsDown));

        Assert.Equal(204, await seller.SendAsync(HttpMethod.Delete, "/sessions/current").StatusAsync());
        await seller.SendAsync(HttpMethod.Get, "/items").ProblemAsync(401, ErrorCodes.NotLoggedIn);
    }

    [Fact]
    public async Task A_buyer_goes_through_all_functions()
    {
        var seller = await marketplace.NewSellerAsync();
        var category = InProcessMarketplace.NewCategory();
        var bike = await InProcessMarketplace.NewItemAsync(seller, 5, 12.50m, category);
        var other = await InProcessMarketplace.NewItemAsync(seller, 1, 3m, category);
        var buyer = await marketplace.NewBuyerAsync();

        var found = await buyer.GetAsync<ItemPage>($"/items?category={category}&keyword=RED&keyword=bi&limit=1");
        Assert.Equal(bike, Assert.Single(found.Items).Id);
        found = await buyer.GetAsync<ItemPage>(
            $"/items?category={category}&keyword=RED&keyword=bi&limit=1"
                + $"&cursor={Uri.EscapeDataString(found.NextCursor!)}"
        );
        Assert.Equal(other, Assert.Single(found.Items).Id);
        Assert.Equal(12.50m, (await InProcessMarketplace.ItemAsync(buyer, bike)).Price);

        await buyer.PostAsync<Cart>("/cart/items", new { itemId = bike, quantity = 3 });
        var cart = await buyer.PostAsync<Cart>("/cart/items", new { itemId = other, quantity = 1 });
        Assert.Equal([(bike, 3), (other, 1)], cart.Lines.Select(line => (line.ItemId, line.Quantity)));
        cart = await buyer.SendAsync(HttpMethod.Delete, $"/cart/items/{bike}?quantity=1").OkAsync<Cart>();
        Assert.Equal([(bike, 2), (other, 1)], cart.Lines.Select(line => (line.ItemId, line.Quantity)));
        cart = await buyer.SendAsync(HttpMethod.Delete, $"/cart/items/{other}").OkAsync<Cart>();
        Assert.Equal([(bike, 2)], cart.Lines.Select(line => (line.ItemId, line.Quantity)));

        await buyer.PostAsync<Cart>("/cart/save");
        var login = new { username = buyer.Username, password = InProcessMarketplace.Password };
        var again = await marketplace.OtherBuyer.PostAsync<BuyerSession>("/sessions", login);
        var elsewhere = buyer with { Server = marketplace.OtherBuyer, Token = again.Token };
        Assert.Equal(
            [(bike, 2)],
            (await elsewhere.GetAsync<Cart>("/cart")).Lines.Select(line => (line.ItemId, line.Quantity))
        );
        Assert.Equal(204, await elsewhere.SendAsync(HttpMethod.Delete, "/cart").StatusAsync());
        Assert.Empty((await elsewhere.GetAsync<Cart>("/cart")).Lines);

        var receipt = await buyer.PostAsync<Receipt>("/purchases", s_card);
        Assert.Equal(25.00m, receipt.Total);
        Assert.Equal(
            [
                new PurchaseLine
                {
                    ItemId = bike,
                    Quantity = 2,
                    UnitPrice = 12.50m,
                },
            ],
            receipt.Lines
        );
        Assert.Empty((await buyer.GetAsync<Cart>("/cart")).Lines);
        Assert.Equal(3, (await InProcessMarketplace.ItemAsync(buyer, bike)).Quantity);
        var history = await buyer.GetAsync<PurchasePage>("/purchases");
        Assert.Equal(receipt.PurchaseId, Assert.Single(history.Purchases).PurchaseId);
        Assert.Equal(25.00m, history.Purchases[0].Total);

        Assert.Equal(204, await VoteAsync(buyer, bike, "up").StatusAsync());
        await VoteAsync(buyer, bike, "up").ProblemAsync(409, ErrorCodes.AlreadyRated);
        Assert.Equal(1, (await InProcessMarketplace.ItemAsync(buyer, bike)).Feedback.ThumbsUp);
        var rating = await elsewhere.GetAsync<SellerRating>($"/sellers/{seller.Id}/rating");
        Assert.Equal((seller.Id, 1, 0), (rating.SellerId, rating.ThumbsUp, rating.ThumbsDown));

        Assert.Equal(204, await buyer.SendAsync(HttpMethod.Delete, "/sessions/current").StatusAsync());
        await buyer.SendAsync(HttpMethod.Get, "/cart").ProblemAsync(401, ErrorCodes.NotLoggedIn);
        Assert.Empty((await elsewhere.GetAsync<Cart>("/cart")).Lines);
    }

    [Fact]
    public async Task A_username_is_taken_once_but_may_be_a_sellers_and_a_buyers()
    {
        var buyer = await marketplace.NewBuyerAsync();
        var account = new
        {
            name = "Other",
            username = buyer.Username,
            password = "other-horse",
        };

        await marketplace.Seller.PostAsync<SellerCreated>("/sellers", account);
        await marketplace
            .OtherBuyer.SendAsync(HttpMethod.Post, "/buyers", account)
            .ProblemAsync(409, ErrorCodes.UsernameTaken);
    }

    [Fact]
    public async Task A_token_of_one_role_is_nothing_to_the_other_server()
    {
        var seller = await marketplace.NewSellerAsync();
        var buyer = await marketplace.NewBuyerAsync();

        await (seller with { Server = marketplace.Buyer })
            .SendAsync(HttpMethod.Get, "/cart")
            .ProblemAsync(401, ErrorCodes.NotLoggedIn);
        await (buyer with { Server = marketplace.Seller })
            .SendAsync(HttpMethod.Get, "/items")
            .ProblemAsync(401, ErrorCodes.NotLoggedIn);
    }

    [Fact]
    public async Task Only_the_seller_of_an_item_changes_it()
    {
        var item = await InProcessMarketplace.NewItemAsync(await marketplace.NewSellerAsync(), 5);
        var other = await marketplace.NewSellerAsync();

        await other
            .SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 1 })
            .ProblemAsync(403, ErrorCodes.NotYours);
        await WithdrawAsync(other, item, 1).ProblemAsync(403, ErrorCodes.NotYours);
    }

    [Fact]
    public async Task No_more_units_are_withdrawn_or_put_into_a_cart_than_are_on_sale()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5);
        var buyer = await marketplace.NewBuyerAsync();

        await WithdrawAsync(seller, item, 6).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        await buyer.PostAsync<Cart>("/cart/items", new { itemId = item, quantity = 3 });
        var problem = await (
            await buyer.SendAsync(HttpMethod.Post, "/cart/items", new { itemId = item, quantity = 3 })
        ).ProblemAsync(409, ErrorCodes.NotEnoughUnits);
        Assert.Contains("5 unit", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(
            (item, 6, "Bike", 5L),
            problem.Lines!.Select(line => (line.ItemId, line.Quantity, line.Name, line.Available)).Single()
        );
    }

    [Fact]
    public async Task What_does_not_exist_is_404_and_says_what()
    {
        var seller = await marketplace.NewSellerAsync();
        var buyer = await marketplace.NewBuyerAsync();
        foreach (
            var id in new[]
            {
                "3-999999999",
                "nonsense",
                "03-1",
                "3-",
                "-1",
                "3-1-1",
                "99999999999-1",
                "3-99999999999999999999",
            }
        )
        {
            await seller
                .SendAsync(HttpMethod.Put, $"/items/{id}/price", new { price = 1 })
                .ProblemAsync(404, ErrorCodes.NoSuchItem);
            await WithdrawAsync(seller, id, 1).ProblemAsync(404, ErrorCodes.NoSuchItem);
            await buyer.SendAsync(HttpMethod.Get, $"/items/{id}").ProblemAsync(404, ErrorCodes.NoSuchItem);
            await VoteAsync(buyer, id, "up").ProblemAsync(404, ErrorCodes.NoSuchItem);
            await buyer.SendAsync(HttpMethod.Delete, $"/cart/items/{id}").ProblemAsync(404, ErrorCodes.NotInCart);
        }

        var absent = new { itemId = "3-999999999", quantity = 1 };
        await buyer.SendAsync(HttpMethod.Post, "/cart/items", absent).ProblemAsync(404, ErrorCodes.NoSuchItem);
        foreach (var id in new[] { "999999999", "nobody", "-1", "99999999999999999999" })
        {
            await buyer.SendAsync(HttpMethod.Get, $"/sellers/{id}/rating").ProblemAsync(404, ErrorCodes.NoSuchSeller);
        }
    }

    [Fact]
    public async Task Feedback_needs_a_purchase_and_counts_once_for_each()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5);
        var buyer = await marketplace.NewBuyerAsync();

        await VoteAsync(buyer, item, "down").ProblemAsync(409, ErrorCodes.NotPurchased);
        for (var purchase = 1; purchase <= 2; purchase++)
        {
            await buyer.PostAsync<Cart>("/cart/items", new { itemId = item, quantity = 1 });
            await buyer.PostAsync<Receipt>("/purchases", s_card);
        }
        // The same key, through both servers: one vote.
        foreach (var server in new[] { marketplace.Buyer, marketplace.OtherBuyer })
        {
            Assert.Equal(204, await VoteAsync(buyer with { Server = server }, item, "down", "vote-1").StatusAsync());
        }

        Assert.Equal(1, (await InProcessMarketplace.ItemAsync(buyer, item)).Feedback.ThumbsDown);
        Assert.Equal(204, await VoteAsync(buyer, item, "down", "vote-2").StatusAsync());
        Assert.Equal(2, (await InProcessMarketplace.ItemAsync(buyer, item)).Feedback.ThumbsDown);
    }

    [Fact]
    public async Task A_repeat_with_the_same_key_has_no_further_effect_and_answers_as_the_first()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5);
        var buyer = await marketplace.NewBuyerAsync();

        var first = await seller.PostAsync<Item>($"/items/{item}/withdrawals", new { quantity = 1 }, "w-1");
        var second = await seller.PostAsync<Item>($"/items/{item}/withdrawals", new { quantity = 1 }, "w-1");
        Assert.Equal((4, 4), (first.Quantity, second.Quantity));

        var elsewhere = buyer with { Server = marketplace.OtherBuyer };
        await buyer.PostAsync<Cart>("/cart/items", new { itemId = item, quantity = 2 }, "a-1");
        Assert.Equal(
            2,
            (await elsewhere.PostAsync<Cart>("/cart/items", new { itemId = item, quantity = 2 }, "a-1"))
                .Lines[0]
                .Quantity
        );

        var username = InProcessMarketplace.NewName("repeated");
        var account = new
        {
            name = "Rita",
            username,
            password = InProcessMarketplace.Password,
        };
        var created = await marketplace
            .Buyer.SendAsync(HttpMethod.Post, "/buyers", account, "c-1")
            .OkAsync<BuyerCreated>();
        Assert.Equal(
            created,
            await marketplace.OtherBuyer.SendAsync(HttpMethod.Post, "/buyers", account, "c-1").OkAsync<BuyerCreated>()
        );

        Assert.Equal(204, await buyer.SendAsync(HttpMethod.Delete, "/sessions/current", key: "l-1").StatusAsync());
        Assert.Equal(204, await elsewhere.SendAsync(HttpMethod.Delete, "/sessions/current", key: "l-1").StatusAsync());
    }

    [Fact]
    public async Task A_key_that_was_used_for_another_item_is_refused()
    {
        var seller = await marketplace.NewSellerAsync();
        var one = await InProcessMarketplace.NewItemAsync(seller, 5);
        var two = await InProcessMarketplace.NewItemAsync(seller, 5);

        await seller.SendAsync(HttpMethod.Put, $"/items/{one}/price", new { price = 1 }, "key").OkAsync<Item>();
        var problem = await (
            await seller.SendAsync(HttpMethod.Put, $"/items/{two}/price", new { price = 1 }, "key")
        ).ProblemAsync(422, ErrorCodes.KeyReused);
        Assert.Contains("Idempotency-Key", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_that_is_repeated_with_its_key_gets_a_session_that_works()
    {
        var buyer = await marketplace.NewBuyerAsync();
        var login = new { username = buyer.Username, password = InProcessMarketplace.Password };
        for (var i = 0; i < 2; i++)
        {
            var session = await marketplace
                .Buyer.SendAsync(HttpMethod.Post, "/sessions", login, "login")
                .OkAsync<BuyerSession>();
            Assert.Equal(300, session.ExpiresInSeconds);
            Assert.Empty((await (buyer with { Token = session.Token }).GetAsync<Cart>("/cart")).Lines);
        }
    }

    [Fact]
    public async Task Ten_failed_logins_on_an_account_are_the_most_in_a_minute()
    {
        var buyer = await marketplace.NewBuyerAsync();
        var wrong = new { username = buyer.Username, password = "guess" };
        for (var i = 0; i < 10; i++)
        {
            await marketplace
                .Buyer.SendAsync(HttpMethod.Post, "/sessions", wrong)
                .ProblemAsync(401, ErrorCodes.NotLoggedIn);
        }

        var right = new { username = buyer.Username, password = InProcessMarketplace.Password };
        using var response = await marketplace.Buyer.SendAsync(HttpMethod.Post, "/sessions", right);
        await response.ProblemAsync(429, ErrorCodes.TooManyRequests);
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        // Other accounts are not limited.
        await marketplace.NewBuyerAsync();
    }

    private static Task<HttpResponseMessage> VoteAsync(Caller buyer, string itemId, string thumb, string? key = null) =>
        buyer.SendAsync(HttpMethod.Post, $"/items/{itemId}/feedback", new { thumb }, key);

    private static Task<HttpResponseMessage> WithdrawAsync(Caller seller, string itemId, int quantity) =>
        seller.SendAsync(HttpMethod.Post, $"/items/{itemId}/withdrawals", new { quantity });
}
