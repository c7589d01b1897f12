using System.Net.Http.Headers;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>The reads besides the functions, the prices in carts, and what visitors may see.</summary>
public sealed class ReadTests(InProcessMarketplace marketplace)
{
    private static readonly object s_card = new
    {
        cardholderName = "Bea Buyer",
        cardNumber = FakePayments.GoodCard,
        expirationDate = "12/99",
        securityCode = "123",
    };

    [Fact]
    public async Task A_cart_shows_what_it_holds_and_costs_and_what_of_it_is_on_sale_now()
    {
        var seller = await marketplace.NewSellerAsync();
        var bike = await InProcessMarketplace.NewItemAsync(seller, 5, 12.50m);
        var other = await InProcessMarketplace.NewItemAsync(seller, 3, 0.01m);
        var buyer = await marketplace.NewBuyerAsync();

        await buyer.PostAsync<Cart>("/cart/items", new { itemId = bike, quantity = 2 });
        var cart = await buyer.PostAsync<Cart>("/cart/items", new { itemId = other, quantity = 3 });
        Assert.Equal([(bike, 2, "Bike", 12.50m, 5), (other, 3, "Bike", 0.01m, 3)], cart.Lines.Select(Shown));
        Assert.Equal(25.03m, cart.Total);

        await seller.SendAsync(HttpMethod.Put, $"/items/{bike}/price", new { price = 20 }).OkAsync<Item>();
        await seller.PostAsync<Item>($"/items/{other}/withdrawals", new { quantity = 2 });
        foreach (
            var now in new[]
            {
                await buyer.GetAsync<Cart>("/cart"),
                await buyer.PostAsync<Cart>("/cart/save"),
                await buyer.SendAsync(HttpMethod.Delete, $"/cart/items/{other}?quantity=1").OkAsync<Cart>(),
            }
        )
        {
            Assert.Equal((20m, 5L), (now.Lines[0].UnitPrice, now.Lines[0].Available));
            Assert.Equal(1, now.Lines[1].Available);
            Assert.Equal(40m + now.Lines[1].Quantity * 0.01m, now.Total);
        }

        Assert.Equal(204, await buyer.SendAsync(HttpMethod.Delete, "/cart").StatusAsync());
        Assert.Equal(0, (await buyer.GetAsync<Cart>("/cart")).Total);
    }

    [Fact]
    public async Task Units_are_put_on_sale_by_the_items_seller_only()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 0);
        Assert.Equal(7, (await seller.PostAsync<Item>($"/items/{item}/additions", new { quantity = 7 })).Quantity);
        var stranger = await marketplace.NewSellerAsync();
        await stranger
            .SendAsync(HttpMethod.Post, $"/items/{item}/additions", new { quantity = 1 })
            .ProblemAsync(403, ErrorCodes.NotYours);
        await seller
            .SendAsync(HttpMethod.Post, $"/items/{item}/additions", new { quantity = 0 })
            .ProblemAsync(400, ErrorCodes.InvalidRequest);
        await seller
            .SendAsync(HttpMethod.Post, "/items/1-99999999/additions", new { quantity = 1 })
            .ProblemAsync(404, ErrorCodes.NoSuchItem);
    }

    [Fact]
    public async Task Accounts_sales_and_purchases_can_be_looked_at()
    {
        var seller = await marketplace.NewSellerAsync();
        var one = await InProcessMarketplace.NewItemAsync(seller, 5, 12.50m);
        var two = await InProcessMarketplace.NewItemAsync(seller, 5, 3m);
        var buyer = await marketplace.NewBuyerAsync();
        foreach (var itemId in new[] { one, two })
        {
            await buyer.PostAsync<Cart>("/cart/items", new { itemId, quantity = 2 });
        }

        using var bought = await buyer.SendAsync(HttpMethod.Post, "/purchases", s_card);
        var location = bought.Headers.Location!.OriginalString;
        var receipt = await Task.FromResult(bought).OkAsync<Receipt>();
        await buyer.SendAsync(HttpMethod.Post, $"/items/{one}/feedback", new { thumb = "up" });

        var purchase = await buyer.GetAsync<Purchase>(location);
        Assert.Equal((receipt.PurchaseId, receipt.Total), (purchase.PurchaseId, purchase.Total));
        Assert.Equal(receipt.Lines, purchase.Lines);
        await (await marketplace.NewBuyerAsync())
            .SendAsync(HttpMethod.Get, location)
            .ProblemAsync(404, ErrorCodes.NoSuchPurchase);
        foreach (
            var id in new[]
            {
                new string('0', 32),
                "x",
                receipt.PurchaseId.ToUpperInvariant(),
                receipt.PurchaseId + "0",
            }
        )
        {
            await buyer.SendAsync(HttpMethod.Get, $"/purchases/{id}").ProblemAsync(404, ErrorCodes.NoSuchPurchase);
        }

        var first = await seller.GetAsync<SalePage>("/sales?limit=1");
        var second = await seller.GetAsync<SalePage>(
            $"/sales?limit=1&cursor={Uri.EscapeDataString(first.NextCursor!)}"
        );
        Sale[] sales = [.. first.Sales, .. second.Sales];
        Assert.Equal(
            [(one, "Bike", 2, 12.50m), (two, "Bike", 2, 3m)],
            sales
                .OrderBy(sale => sale.UnitPrice == 3m)
                .Select(sale => (sale.ItemId, sale.Name, sale.Quantity, sale.UnitPrice))
        );
        Assert.Null(second.NextCursor);
        Assert.All(sales, sale => Assert.Equal(purchase.At, sale.At));
        Assert.Empty((await (await marketplace.NewSellerAsync()).GetAsync<SalePage>("/sales")).Sales);

        var account = await seller.GetAsync<SellerAccount>("/sellers/me");
        Assert.Equal(
            (seller.Id, seller.Username, 4, 1),
            (account.SellerId, account.Username, account.ItemsSold, account.Feedback.ThumbsUp)
        );
        var own = await buyer.GetAsync<BuyerAccount>("/buyers/me");
        Assert.Equal((buyer.Id, buyer.Username, 4), (own.BuyerId, own.Username, own.ItemsPurchased));
        var seen = await buyer.GetAsync<Seller>($"/sellers/{seller.Id}");
        Assert.Equal(
            (seller.Id, account.Name, 4, 1),
            (seen.SellerId, seen.Name, seen.ItemsSold, seen.Feedback.ThumbsUp)
        );
        Assert.Equal(
            [one, two],
            (await buyer.GetAsync<ItemPage>($"/sellers/{seller.Id}/items")).Items.Select(item => item.Id)
        );
    }

    [Fact]
    public async Task Every_location_leads_to_something()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = new
        {
            name = "Bike",
            category = 3,
            condition = "new",
            price = 1,
            quantity = 1,
        };
        using var registered = await seller.SendAsync(HttpMethod.Post, "/items", item);
        Assert.Equal("Bike", (await seller.GetAsync<Item>(registered.Headers.Location!.OriginalString)).Name);

        object Account(string prefix) =>
            new
            {
                name = "Ann",
                username = InProcessMarketplace.NewName(prefix),
                password = "correct-horse",
            };
        using var newSeller = await marketplace.Seller.SendAsync(HttpMethod.Post, "/sellers", Account("located"));
        await seller.GetAsync<SellerAccount>(newSeller.Headers.Location!.OriginalString);
        using var newBuyer = await marketplace.Buyer.SendAsync(HttpMethod.Post, "/buyers", Account("located"));
        await (await marketplace.NewBuyerAsync()).GetAsync<BuyerAccount>(newBuyer.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task A_visitor_may_search_and_look_at_items_and_sellers_and_do_nothing_else()
    {
        var seller = await marketplace.NewSellerAsync();
        var category = InProcessMarketplace.NewCategory();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, 12.50m, category);
        string[] open =
        [
            $"/items?category={category}",
            $"/items/{item}",
            $"/sellers/{seller.Id}/rating",
            $"/sellers/{seller.Id}",
            $"/sellers/{seller.Id}/items",
        ];
        foreach (var path in open)
        {
            Assert.Equal(200, await marketplace.Buyer.SendAsync(HttpMethod.Get, path).StatusAsync());
            // A token that is sent must be valid.
            foreach (var token in new[] { "x", new string('A', 54) })
            {
                await marketplace
                    .Buyer.SendAsync(HttpMethod.Get, path, token: token)
                    .ProblemAsync(401, ErrorCodes.NotLoggedIn);
            }
        }

        foreach (
            var path in new[]
            {
                "/sellers/0",
                "/sellers/99999999",
                "/sellers/x",
                "/sellers/99999999/items",
                "/sellers/1+",
                "/sellers/01",
            }
        )
        {
            await marketplace.Buyer.SendAsync(HttpMethod.Get, path).ProblemAsync(404, ErrorCodes.NoSuchSeller);
        }

        await marketplace.Buyer.SendAsync(HttpMethod.Get, "/cart").ProblemAsync(401, ErrorCodes.NotLoggedIn);
        await marketplace.Buyer.SendAsync(HttpMethod.Get, "/purchases").ProblemAsync(401, ErrorCodes.NotLoggedIn);
        await marketplace.Seller.SendAsync(HttpMethod.Get, $"/items/{item}").ProblemAsync(401, ErrorCodes.NotLoggedIn);
    }

    [Fact]
    public async Task A_change_for_a_version_that_is_past_is_refused()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, 1m);
        using var seen = await seller.SendAsync(HttpMethod.Get, $"/items/{item}");
        var tag = seen.Headers.ETag!;
        Assert.False(tag.IsWeak);
        Assert.Equal(
            304,
            (int)(await ConditionalAsync(HttpMethod.Get, request => request.IfNoneMatch.Add(tag))).StatusCode
        );

        using var changed = await ConditionalAsync(
            HttpMethod.Put,
            request => request.IfMatch.Add(tag),
            "/price",
            new { price = 2 }
        );
        Assert.Equal(200, (int)changed.StatusCode);
        Assert.NotEqual(tag, changed.Headers.ETag);
        foreach (
            var (method, path, body) in new (HttpMethod, string, object)[]
            {
                (HttpMethod.Put, "/price", new { price = 3 }),
                (HttpMethod.Post, "/withdrawals", new { quantity = 1 }),
                (HttpMethod.Post, "/additions", new { quantity = 1 }),
            }
        )
        {
            using var refused = await ConditionalAsync(method, request => request.IfMatch.Add(tag), path, body);
            await refused.ProblemAsync(412, ErrorCodes.ChangedMeanwhile);
            using var any = await ConditionalAsync(
                method,
                request => request.IfMatch.Add(EntityTagHeaderValue.Any),
                path,
                body
            );
            Assert.Equal(200, (int)any.StatusCode);
        }

        Assert.Equal(
            200,
            (int)(await ConditionalAsync(HttpMethod.Get, request => request.IfNoneMatch.Add(tag))).StatusCode
        );

        async Task<HttpResponseMessage> ConditionalAsync(
            HttpMethod method,
            Action<HttpRequestHeaders> condition,
            string path = "",
            object? body = null
        )
        {
            using var request = new HttpRequestMessage(method, $"/items/{item}{path}");
            request.Content = body is null ? null : System.Net.Http.Json.JsonContent.Create(body);
            request.Headers.Authorization = new("Bearer", seller.Token);
            condition(request.Headers);
            return await seller.Server.SendAsync(request, TestContext.Current.CancellationToken);
        }
    }

    private static (string, int, string, decimal, long) Shown(CartLine line) =>
        (line.ItemId, line.Quantity, line.Name, line.UnitPrice, line.Available);
}
