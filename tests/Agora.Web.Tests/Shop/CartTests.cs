using System.Net;
using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

public class CartTests(WebMarketplace marketplace)
{
    [Fact]
    public async Task Units_are_added_changed_and_removed_and_the_header_counts_them()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{marketplace.Goods["Handmade notebook"]}");
        await shopper.SubmitAsync("form.add", [("quantity", "2")]);
        Assert.Equal([303], shopper.Redirects);
        Assert.Contains("“Handmade notebook” is in your cart.", shopper.Main, StringComparison.Ordinal);
        Assert.StartsWith("2", shopper.One(".count").TextContent, StringComparison.Ordinal);
        Assert.Equal("29.80", shopper.One(".sum .price").TextContent);

        await shopper.SubmitAsync(".line-form", button: "button[value='3']");
        Assert.Equal("44.70", shopper.One(".sum .price").TextContent);
        await shopper.SubmitAsync(".line-form", [("quantity", "10")], button: ".set");
        Assert.Equal("149.00", shopper.One(".sum .price").TextContent);
        await shopper.SubmitAsync(".line-form", [("quantity", "4")]);
        Assert.Equal("59.60", shopper.One(".sum .price").TextContent);
        await shopper.SubmitAsync(".line-form", button: "button[value='0']");
        Assert.Contains("It is empty", shopper.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cart_is_saved_after_every_change()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var shopper = await LoggedInAsync(buyer);
        await shopper.GetAsync($"/items/{marketplace.Goods["Handmade notebook"]}");
        await shopper.SubmitAsync("form.add", [("quantity", "5")]);
        using var elsewhere = await LoggedInAsync(buyer);
        Assert.Equal("5", (await elsewhere.GetAsync("/cart")).One(".stepper input").GetAttribute("value"));

        await shopper.SubmitAsync(".line-form", button: "button[value='4']");
        using var later = await LoggedInAsync(buyer);
        Assert.Equal("4", (await later.GetAsync("/cart")).One(".stepper input").GetAttribute("value"));

        await shopper.SubmitAsync("form[action='/cart/clear']");
        using var last = await LoggedInAsync(buyer);
        Assert.Contains("It is empty", (await last.GetAsync("/cart")).Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_that_is_sent_twice_adds_once()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{marketplace.Goods["Handmade notebook"]}");
        var (method, target, fields) = shopper.Filled("form.add", [("quantity", "2")]);

        await shopper.SendAsync(method, target, fields);
        await shopper.SendAsync(method, target, fields);
        Assert.Equal("2", shopper.One(".stepper input").GetAttribute("value"));

        var step = shopper.Filled(".line-form", [], "button[value='3']");
        await shopper.SendAsync(step.Method, step.Target, step.Fields);
        await shopper.SendAsync(step.Method, step.Target, step.Fields);
        Assert.Equal("3", shopper.One(".stepper input").GetAttribute("value"));
    }

    [Fact]
    public async Task A_form_that_was_sent_before_with_other_values_does_nothing_and_says_so()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{marketplace.Goods["Handmade notebook"]}");
        var first = shopper.Filled("form.add", [("quantity", "2")]);
        var other = shopper.Filled("form.add", [("quantity", "7")]);
        await shopper.SendAsync(first.Method, first.Target, first.Fields);

        await shopper.SendAsync(other.Method, other.Target, other.Fields);

        Assert.Equal(HttpStatusCode.Conflict, shopper.Status);
        Assert.Contains("This form was sent before", shopper.Main, StringComparison.Ordinal);
        await shopper.FollowAsync(".message-page a");
        Assert.Equal("2", shopper.One(".stepper input").GetAttribute("value"));
    }

    [Fact]
    public async Task More_units_than_there_are_offers_those_that_are_left()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 3);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{item}");

        await shopper.SubmitAsync("form.add", [("quantity", "5")]);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Equal("Not enough left: 3 of the 5 you want.", shopper.One("#quantity-error").TextContent);
        Assert.Equal("5", shopper.One("#quantity").GetAttribute("value"));
        await shopper.SubmitAsync("form.add", button: "button[name=instead]");
        Assert.Equal("3", shopper.One(".stepper input").GetAttribute("value"));

        await shopper.GetAsync($"/items/{item}");
        await shopper.SubmitAsync("form.add");
        Assert.Equal("All 3 that are left are in your cart already.", shopper.One("#quantity-error").TextContent);
        Assert.Empty(shopper.All("button[name=instead]"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("two")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999")]
    [InlineData("1000001")]
    public async Task A_quantity_that_is_none_is_told_beside_the_field(string quantity)
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{marketplace.Goods["Handmade notebook"]}");

        await shopper.SubmitAsync("form.add", [("quantity", quantity)]);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Equal("How many? Write a number from 1 up.", shopper.One("#quantity-error").TextContent);
        Assert.Equal(quantity, shopper.One("#quantity").GetAttribute("value"));
    }

    [Fact]
    public async Task A_line_that_has_run_short_is_marked_and_can_be_settled()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(item, 4);
        await seller.SendAsync(HttpMethod.Post, $"/items/{item}/withdrawals", new { quantity = 3 });

        await shopper.GetAsync("/cart");
        Assert.Contains("Not enough left: 2 of the 4 you want.", shopper.Main, StringComparison.Ordinal);
        Assert.Empty(shopper.All("a[href='/checkout']"));
        await shopper.SubmitAsync(".line-form", [("quantity", "3")], button: ".set");
        Assert.Equal("3", shopper.One(".stepper input").GetAttribute("value"));
        await shopper.SubmitAsync(".line form:not(.line-form)", button: "button[value='2']");
        Assert.Equal("2", shopper.One(".stepper input").GetAttribute("value"));
        Assert.NotEmpty(shopper.All("a[href='/checkout']"));

        await shopper.SubmitAsync(".line-form", [("quantity", "9")], button: ".set");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Contains("There are not 9 of it any more. There are 2 on sale.", shopper.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_price_that_has_changed_since_the_buyer_put_the_item_in_is_named_until_the_line_is_changed()
    {
        var seller = await marketplace.NewSellerAsync();
        var (item, other) = (
            await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m),
            await InProcessMarketplace.NewItemAsync(seller, 5, price: 3.00m)
        );
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(item, 2);
        await shopper.OpenCheckoutAsync(other);
        await shopper.GetAsync("/cart");
        Assert.Empty(Changes(shopper));

        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 13.50m });

        // To look does not change what is remembered, and neither does a change of another line.
        await shopper.GetAsync("/cart");
        Assert.Equal(["Price was 12.00, is 13.50 now."], Changes(shopper));
        await shopper.GetAsync("/checkout");
        Assert.Contains("Price was 12.00, is 13.50 now.", shopper.Main, StringComparison.Ordinal);
        await shopper.GetAsync("/cart");
        await shopper.SubmitAsync($"#line-{other} .line-form", button: "button[value='2']");
        Assert.Equal(["Price was 12.00, is 13.50 now."], Changes(shopper));

        // A buyer who changes the line has seen its price.
        await shopper.SubmitAsync($"#line-{item} .line-form", button: "button[value='1']");
        Assert.Empty(Changes(shopper));
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 11m });
        await shopper.GetAsync("/cart");
        Assert.Equal(["Price was 13.50, is 11.00 now."], Changes(shopper));
    }

    [Fact]
    public async Task The_price_that_counts_as_seen_is_that_of_the_page_which_put_the_item_in()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{item}");
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 12.80m });

        await shopper.SubmitAsync("form.add");

        Assert.Equal(["Price was 12.00, is 12.80 now."], Changes(shopper));
    }

    [Fact]
    public async Task Remembered_prices_outlive_the_session_but_not_logging_out()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m);
        var buyer = await marketplace.NewBuyerAsync();
        using var shopper = await LoggedInAsync(buyer);
        await shopper.OpenCheckoutAsync(item);
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 13.50m });

        shopper.Cookies.GetCookies(marketplace.Web)["agora-buyer"]!.Expired = true;
        await LogInAsync(shopper, buyer);
        await shopper.GetAsync("/cart");
        Assert.Equal(["Price was 12.00, is 13.50 now."], Changes(shopper));

        await shopper.SubmitAsync("form[action='/logout']");
        Assert.Null(shopper.Cookie(PriceCookieName));
        await LogInAsync(shopper, buyer);
        await shopper.GetAsync("/cart");
        Assert.Empty(Changes(shopper));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("ITEM_x")]
    [InlineData("ITEM_1_2~~_~_5")]
    [InlineData("ITEM_99999999999999999999999999999")]
    [InlineData("x_1.00~1-x_2.00")]
    public async Task A_cookie_that_holds_no_prices_says_nothing(string prices)
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(item);
        var forged = prices.Replace("ITEM", item, StringComparison.Ordinal);
        shopper.Cookies.Add(marketplace.Web, new Cookie(PriceCookieName, forged, "/"));

        await shopper.GetAsync("/cart");

        Assert.Equal(HttpStatusCode.OK, shopper.Status);
        Assert.Empty(Changes(shopper));
        Assert.Equal($"{item}_12.00", shopper.Cookie(PriceCookieName));
    }

    [Fact]
    public async Task The_cookie_holds_the_prices_that_fit_and_the_cart_works_with_more_lines()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.GetAsync($"/items/{item}");
        var many = string.Join('~', Enumerable.Range(1, 280).Select(i => $"1-{i}_1000.00"));
        Assert.InRange(many.Length, 3_501, 4_000);
        shopper.Cookies.Add(marketplace.Web, new Cookie(PriceCookieName, many[..3_500], "/"));

        await shopper.SubmitAsync("form.add");

        // After the redirect to the cart only its own line is left.
        Assert.Equal($"{item}_12.00", shopper.Cookie(PriceCookieName));
        shopper.Cookies.Add(marketplace.Web, new Cookie(PriceCookieName, many, "/"));
        await shopper.GetAsync("/cart");
        Assert.Empty(Changes(shopper));
    }

    private const string PriceCookieName = "agora-prices";

    private static IEnumerable<string> Changes(Visitor shopper) =>
        shopper.All(".line .attention").Select(change => change.TextContent);

    private Task<Visitor> LoggedInAsync(Caller buyer) => LogInAsync(marketplace.NewVisitor(), buyer);

    private static async Task<Visitor> LogInAsync(Visitor visitor, Caller buyer)
    {
        await visitor.GetAsync("/login");
        return await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)]
        );
    }
}
