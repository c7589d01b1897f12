using System.Net;
using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

/// <summary>A session that ends while a page is open costs a login and nothing else.</summary>
public class SessionTests(WebMarketplace marketplace)
{
    [Fact]
    public async Task A_form_that_is_sent_after_the_session_has_ended_is_done_after_the_next_login()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var shopper = await LoggedInAsync(buyer.Username, "");
        await shopper.GetAsync($"/items/{marketplace.Goods["Wool scarf"]}");
        await EndSessionAsync(marketplace.Buyer, shopper.Cookie("agora-buyer"));

        await shopper.SubmitAsync("form.add", [("quantity", "3")]);
        Assert.Equal(HttpStatusCode.Forbidden, shopper.Status);
        Assert.Contains("You were logged out", shopper.Main, StringComparison.Ordinal);

        await shopper.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", "wrong-horse")]
        );
        Assert.Contains("is wrong", shopper.Main, StringComparison.Ordinal);

        await shopper.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)]
        );
        Assert.Equal([307, 303], shopper.Redirects);
        Assert.Equal($"/cart?added={marketplace.Goods["Wool scarf"]}", shopper.Place);
        Assert.Equal("3", shopper.One(".stepper input").GetAttribute("value"));
    }

    [Fact]
    public async Task A_visitor_who_puts_something_into_the_cart_opens_an_account_on_the_way()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync($"/items/{marketplace.Goods["Wool scarf"]}");
        await visitor.SubmitAsync("form.add", [("quantity", "2")]);
        Assert.Contains("An account is needed for this", visitor.Main, StringComparison.Ordinal);

        await visitor.SubmitAsync("form.stacked", button: "button[formaction='/register']");
        Assert.Equal(HttpStatusCode.OK, visitor.Status);
        Assert.Empty(visitor.All("[role=alert]"));
        await visitor.SubmitAsync(
            "form.stacked",
            [
                ("login-name", "Wanda"),
                ("login-username", InProcessMarketplace.NewName("web")),
                ("login-password", "correct-horse"),
            ]
        );

        Assert.Equal([307, 303], visitor.Redirects);
        Assert.Equal("2", visitor.One(".stepper input").GetAttribute("value"));
    }

    [Fact]
    public async Task A_page_that_is_opened_after_the_session_has_ended_comes_back_with_the_saved_cart()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var shopper = await LoggedInAsync(buyer.Username, "");
        await shopper.GetAsync($"/items/{marketplace.Goods["Glass teapot"]}");
        await shopper.SubmitAsync("form.add");
        await EndSessionAsync(marketplace.Buyer, shopper.Cookie("agora-buyer"));

        await shopper.GetAsync("/checkout");
        Assert.Equal("/login?next=%2Fcheckout&ended=1", shopper.Place);
        Assert.Contains("You were logged out", shopper.Main, StringComparison.Ordinal);
        await shopper.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)]
        );

        Assert.Equal("/checkout", shopper.Place);
        Assert.Contains("1 × Glass teapot", shopper.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_anybody_may_see_is_shown_and_says_that_the_session_has_ended()
    {
        using var shopper = await marketplace.NewShopperAsync();
        await EndSessionAsync(marketplace.Buyer, shopper.Cookie("agora-buyer"));

        await shopper.GetAsync("/items?category=1");

        Assert.Equal(HttpStatusCode.OK, shopper.Status);
        Assert.Contains("You were logged out", shopper.Main, StringComparison.Ordinal);
        Assert.NotEmpty(shopper.All(".item-card"));
        Assert.Null(shopper.Cookie("agora-buyer"));
        await shopper.GetAsync("/items?category=1");
        Assert.DoesNotContain("You were logged out", shopper.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkout_after_the_session_has_ended_asks_for_the_card_again_and_writes_it_nowhere()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var shopper = await LoggedInAsync(buyer.Username, "");
        await shopper.GetAsync($"/items/{marketplace.Goods["Cast iron pan"]}");
        await shopper.SubmitAsync("form.add");
        await shopper.GetAsync("/checkout");
        await EndSessionAsync(marketplace.Buyer, shopper.Cookie("agora-buyer"));

        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.DoesNotContain("4111", shopper.Page.DocumentElement.OuterHtml, StringComparison.Ordinal);
        await shopper.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)]
        );

        Assert.Equal("/checkout", shopper.Place);
        Assert.Equal("Bea Buyer", shopper.One("#cardholderName").GetAttribute("value"));
        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.Contains("Thank you. It is yours.", shopper.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sellers_form_is_done_after_the_next_login_too()
    {
        var seller = await marketplace.NewSellerAsync();
        using var visitor = await LoggedInAsync(seller.Username, "/desk");
        await visitor.GetAsync("/desk/items/new");
        await EndSessionAsync(marketplace.Seller, visitor.Cookie("agora-seller"));

        await visitor.SubmitAsync("form.stacked", [("name", "Kept words"), ("category", "9"), ("price", "3.50")]);
        Assert.Equal(HttpStatusCode.Forbidden, visitor.Status);
        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", seller.Username), ("login-password", InProcessMarketplace.Password)]
        );

        Assert.StartsWith("/desk?done=9-", visitor.Place, StringComparison.Ordinal);
        Assert.Contains("Kept words", visitor.Main, StringComparison.Ordinal);
    }

    private async Task<Visitor> LoggedInAsync(string username, string part)
    {
        var visitor = await marketplace.NewVisitor().GetAsync($"{part}/login");
        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", username), ("login-password", InProcessMarketplace.Password)]
        );
        return visitor;
    }

    private static async Task EndSessionAsync(HttpClient server, string? token)
    {
        using var answer = await server.SendAsync(HttpMethod.Delete, "/sessions/current", token: token);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }
}
