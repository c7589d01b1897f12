using System.Net;
using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

public class CheckoutTests(WebMarketplace marketplace)
{
    [Fact]
    public async Task A_purchase_leads_to_a_receipt_and_empties_the_cart()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Walnut ukulele"]);
        await shopper.OpenCheckoutAsync(marketplace.Goods["Travel radio"], 2);
        Assert.Equal("Buy for 218.90", shopper.One(".button.wide").TextContent);

        await shopper.SubmitAsync("form.checkout", Checkout.Card());

        Assert.Equal([303], shopper.Redirects);
        Assert.Contains("Thank you. It is yours.", shopper.Main, StringComparison.Ordinal);
        Assert.Equal("218.90", shopper.One("tfoot .number").TextContent);
        Assert.Equal(
            ["Walnut ukulele", "Travel radio"],
            shopper.All("tbody td:first-child > a").Select(a => a.TextContent).OrderByDescending(name => name)
        );
        await shopper.GetAsync("/cart");
        Assert.Contains("It is empty", shopper.Main, StringComparison.Ordinal);
        Assert.Equal(1, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task A_form_that_is_sent_twice_buys_once()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"]);
        var (method, target, fields) = shopper.Filled("form.checkout", Checkout.Card());

        await shopper.SendAsync(method, target, fields);
        var receipt = shopper.Place;
        await shopper.SendAsync(method, target, fields);

        Assert.Equal(receipt, shopper.Place);
        Assert.Equal(1, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task A_double_click_buys_once()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"]);
        var (method, target, fields) = shopper.Filled("form.checkout", Checkout.Card());
        using var other = marketplace.NewVisitor();
        other.Cookies.Add(shopper.Cookies.GetCookies(marketplace.Web));

        await Task.WhenAll(shopper.SendAsync(method, target, fields), other.SendAsync(method, target, fields));

        Assert.Equal(shopper.Place, other.Place);
        Assert.StartsWith("/purchases/", shopper.Place, StringComparison.Ordinal);
        Assert.Equal(1, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task A_declined_card_buys_nothing_and_another_one_can_be_tried()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"]);
        var key = shopper.One("form.checkout input[name=key]").GetAttribute("value");

        await shopper.SubmitAsync("form.checkout", Checkout.Card(FakePayments.DeclinedCard));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Contains("The bank declined the card.", shopper.Main, StringComparison.Ordinal);
        Assert.NotEqual(key, shopper.One("form.checkout input[name=key]").GetAttribute("value"));
        Assert.Equal("12/39", shopper.One("#expirationDate").GetAttribute("value"));
        Assert.Null(shopper.One("#securityCode").GetAttribute("value"));

        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.Equal(1, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task Every_field_of_the_card_that_is_wrong_is_named_and_what_was_typed_stays()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"]);

        await shopper.SubmitAsync("form.checkout", [("cardholderName", ""), ("expirationDate", "soon")]);
        Assert.Equal(
            ["#cardholderName", "#cardNumber", "#expirationDate", "#securityCode"],
            shopper.All("[role=alert] a").Select(a => a.GetAttribute("href"))
        );
        Assert.Equal("soon", shopper.One("#expirationDate").GetAttribute("value"));

        await shopper.SubmitAsync(
            "form.checkout",
            [
                ("cardholderName", "Bea Buyer"),
                ("cardNumber", "4111 1111 1111 1112"),
                ("expirationDate", "1/20"),
                ("securityCode", "12"),
            ]
        );
        Assert.Equal(
            ["#cardNumber", "#expirationDate", "#securityCode"],
            shopper.All("[role=alert] a").Select(a => a.GetAttribute("href"))
        );
        Assert.Equal("4111 1111 1111 1112", shopper.One("#cardNumber").GetAttribute("value"));

        // As people write it.
        await shopper.SubmitAsync(
            "form.checkout",
            [("cardNumber", "4111-1111 1111 1111"), ("expirationDate", "8 / 2039"), ("securityCode", " 123 ")]
        );
        Assert.Equal(1, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task A_price_that_has_changed_is_shown_and_agreed_to_before_anything_is_bought()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(item, 2);
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 13.50m });

        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Contains("A price has changed", shopper.Main, StringComparison.Ordinal);
        Assert.Contains("Price was 12.00, is 13.50 now.", shopper.Main, StringComparison.Ordinal);
        Assert.Equal("Buy for 27.00", shopper.One(".button.wide").TextContent);

        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.Equal("27.00", shopper.One("tfoot .number").TextContent);
        Assert.Equal(1, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task A_line_that_ran_short_is_named_and_what_is_left_can_be_taken_with_the_card_kept()
    {
        var seller = await marketplace.NewSellerAsync();
        var (item, gone) = (
            await InProcessMarketplace.NewItemAsync(seller, 5, price: 10m),
            await InProcessMarketplace.NewItemAsync(seller, 1, price: 7m)
        );
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(gone);
        await shopper.OpenCheckoutAsync(item, 4);
        await seller.SendAsync(HttpMethod.Post, $"/items/{item}/withdrawals", new { quantity = 3 });
        await seller.SendAsync(HttpMethod.Post, $"/items/{gone}/withdrawals", new { quantity = 1 });

        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.Contains("Somebody was faster", shopper.Main, StringComparison.Ordinal);
        Assert.Contains("Not enough left: 2 of the 4 you want.", shopper.Main, StringComparison.Ordinal);
        Assert.Empty(shopper.All(".button.wide"));

        await shopper.SubmitAsync("form.checkout", button: $"button[value='{item}=2']");
        await shopper.SubmitAsync("form.checkout", button: $"button[value='{gone}=0']");
        Assert.Equal("Buy for 20.00", shopper.One(".button.wide").TextContent);
        Assert.Equal(FakePayments.GoodCard, shopper.One("#cardNumber").GetAttribute("value"));
        await shopper.SubmitAsync("form.checkout", [("securityCode", "123")]);
        Assert.Equal("20.00", shopper.One("tfoot .number").TextContent);
    }

    [Fact]
    public async Task A_total_that_the_page_did_not_show_buys_nothing()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"]);

        await shopper.SubmitAsync("form.checkout", [.. Checkout.Card(), ("total", "1.00")]);
        Assert.Contains("A price has changed", shopper.Main, StringComparison.Ordinal);

        await shopper.SubmitAsync("form.checkout", [.. Checkout.Card(), ("total", "free")]);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Equal(0, await shopper.PurchaseCountAsync());
    }

    [Fact]
    public async Task An_empty_cart_has_nothing_to_check_out()
    {
        using var shopper = await marketplace.NewShopperAsync();

        await shopper.GetAsync("/checkout");

        Assert.Equal("/cart", shopper.Place);
        Assert.Contains("It is empty", shopper.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_vote_counts_once_for_each_purchase()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5);
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(item);
        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        var receipt = shopper.Url.AbsolutePath;
        var (method, target, fields) = shopper.Filled(".vote", [], "button[value=up]");

        await shopper.SendAsync(method, target, fields);
        Assert.Equal($"{receipt}?voted={item}", shopper.Place);
        Assert.Contains("Your vote on “Bike” counts.", shopper.Main, StringComparison.Ordinal);
        await shopper.SendAsync(method, target, fields);
        Assert.Equal($"{receipt}?voted={item}", shopper.Place);

        await shopper.SubmitAsync(".vote", button: "button[value=down]");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, shopper.Status);
        Assert.Contains("You have voted on this already", shopper.Main, StringComparison.Ordinal);
        await shopper.GetAsync($"/items/{item}");
        Assert.Equal(
            ["1 voted for it", "0 voted against it"],
            shopper.All(".item-page > div > .facts .votes > span").Select(v => v.TextContent.Trim())
        );
    }

    [Theory]
    [InlineData("/purchases/00000000000000000000000000000000")]
    [InlineData("/purchases/x")]
    public async Task A_receipt_of_somebody_else_is_not_there(string path)
    {
        using var shopper = await marketplace.NewShopperAsync();

        await shopper.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, shopper.Status);
    }
}
