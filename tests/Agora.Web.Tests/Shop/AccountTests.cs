using System.Net;
using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

public class AccountTests(WebMarketplace marketplace)
{
    [Theory]
    [InlineData("", "/", "agora-buyer")]
    [InlineData("/desk", "/desk", "agora-seller")]
    public async Task An_account_is_opened_left_and_entered_again(string part, string home, string cookie)
    {
        var username = InProcessMarketplace.NewName("web");
        using var visitor = await marketplace.NewVisitor().GetAsync($"{part}/register");
        await visitor.SubmitAsync(
            "form.stacked",
            [("login-name", "Wanda Web"), ("login-username", username), ("login-password", "correct-horse")]
        );
        Assert.Equal(home, visitor.Place);
        Assert.Equal([303], visitor.Redirects);
        Assert.NotNull(visitor.Cookie(cookie));

        await visitor.SubmitAsync($"form[action='{part}/logout']");
        Assert.Equal("/", visitor.Place);
        Assert.Null(visitor.Cookie(cookie));

        await visitor.GetAsync($"{part}/login");
        await visitor.SubmitAsync("form.stacked", [("login-username", username), ("login-password", "correct-horse")]);
        Assert.Equal(home, visitor.Place);
        Assert.NotNull(visitor.Cookie(cookie));
    }

    [Fact]
    public async Task A_session_that_was_left_is_no_longer_good()
    {
        using var shopper = await marketplace.NewShopperAsync();
        var token = shopper.Cookie("agora-buyer");

        await shopper.SubmitAsync("form[action='/logout']");

        using var answer = await marketplace.Buyer.SendAsync(HttpMethod.Get, "/cart", token: token);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_wrong_password_is_told_beside_the_field_and_the_username_stays()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var visitor = await marketplace.NewVisitor().GetAsync("/login");

        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", "wrong-horse")]
        );

        Assert.Equal(HttpStatusCode.UnprocessableEntity, visitor.Status);
        Assert.Equal("The username or the password is wrong.", visitor.One("#login-password-error").TextContent);
        Assert.Equal(buyer.Username, visitor.One("#login-username").GetAttribute("value"));
        Assert.Null(visitor.One("#login-password").GetAttribute("value"));
        Assert.Null(visitor.Cookie("agora-buyer"));
    }

    [Fact]
    public async Task Every_field_of_a_new_account_that_is_wrong_is_named()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/register");

        await visitor.SubmitAsync(
            "form.stacked",
            [("login-name", " "), ("login-username", ""), ("login-password", "short")]
        );

        Assert.Equal(HttpStatusCode.UnprocessableEntity, visitor.Status);
        Assert.Equal(
            ["#login-name", "#login-username", "#login-password"],
            visitor.All("[role=alert] a").Select(a => a.GetAttribute("href"))
        );
        Assert.Contains("characters", visitor.One("#login-password-error").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_username_that_is_taken_is_told_and_another_one_does()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var visitor = await marketplace.NewVisitor().GetAsync("/register");

        await visitor.SubmitAsync(
            "form.stacked",
            [("login-name", "Wanda"), ("login-username", buyer.Username), ("login-password", "correct-horse")]
        );
        Assert.Contains("has this username already", visitor.Main, StringComparison.Ordinal);
        Assert.Equal("Wanda", visitor.One("#login-name").GetAttribute("value"));

        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", InProcessMarketplace.NewName("web")), ("login-password", "correct-horse")]
        );
        Assert.Equal("/", visitor.Place);
        Assert.NotNull(visitor.Cookie("agora-buyer"));
    }

    [Fact]
    public async Task A_form_for_a_new_account_that_is_sent_twice_opens_one()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/register");
        var (method, target, fields) = visitor.Filled(
            "form.stacked",
            [
                ("login-name", "Wanda"),
                ("login-username", InProcessMarketplace.NewName("web")),
                ("login-password", "correct-horse"),
            ]
        );

        await visitor.SendAsync(method, target, fields);
        await visitor.SendAsync(method, target, fields);

        Assert.Equal("/", visitor.Place);
        Assert.NotEmpty(visitor.All("form[action='/logout']"));
    }

    [Fact]
    public async Task A_user_who_must_log_in_comes_back_to_the_page_that_was_asked_for()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var visitor = await marketplace.NewVisitor().GetAsync("/purchases?cursor=x");
        Assert.Equal("/login?next=%2Fpurchases%3Fcursor%3Dx", visitor.Place);
        Assert.DoesNotContain("logged out", visitor.Main, StringComparison.Ordinal);

        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)]
        );

        Assert.StartsWith("/purchases", visitor.Place, StringComparison.Ordinal);
        Assert.Contains("Nothing bought yet", visitor.Main, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    [InlineData("https://evil.example/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/a\r\nSet-Cookie: x=y")]
    public async Task No_login_leads_to_another_site(string next)
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var visitor = await marketplace.NewVisitor().GetAsync($"/login?next={Uri.EscapeDataString(next)}");

        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)]
        );
        Assert.Equal("/", visitor.Place);

        await visitor.GetAsync("/login");
        await visitor.SubmitAsync(
            "form.stacked",
            [
                ("login-username", buyer.Username),
                ("login-password", InProcessMarketplace.Password),
                ("login-next", next),
            ]
        );
        Assert.Equal("/", visitor.Place);
        Assert.Equal(marketplace.Web.Authority, visitor.Url.Authority);
    }
}
