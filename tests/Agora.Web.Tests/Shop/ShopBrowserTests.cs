using Agora.Servers.Tests;
using Microsoft.Playwright;

namespace Agora.Web.Tests.Shop;

/// <summary>
/// The shop in a real browser, with and without scripts, on a phone and on a wide screen, light and dark. Every page
/// on the way is looked at by axe, and kept as a picture.
/// </summary>
public class ShopBrowserTests(WebMarketplace marketplace, BrowserFixture browser)
{
    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    [InlineData(true, true, true)]
    [InlineData(false, false, false)]
    public async Task A_shopper_finds_buys_and_votes(bool script, bool dark, bool phone)
    {
        var name = Name(script, dark, phone);
        await using var window = await browser.OpenAsync(marketplace.Web, script, dark, phone);
        var page = window.Page;
        await page.GotoAsync("/");
        await LookAsync(window, $"front-{name}");

        await page.GetByRole(AriaRole.Searchbox).FillAsync("bike");
        await page.GetByRole(AriaRole.Button, new() { Name = "Search" }).ClickAsync();
        await LookAsync(window, $"search-{name}");
        await page.GotoAsync("/items?category=1&condition=used&min=50");
        await LookAsync(window, $"category-{name}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Small blue scooter" }).ClickAsync();
        await LookAsync(window, $"item-{name}");
        await page.GetByLabel("Quantity").FillAsync("2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Put into the cart" }).ClickAsync();
        await LookAsync(window, $"login-first-{name}");

        await page.GetByRole(AriaRole.Button, new() { Name = "I am new here" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Bea Buyer");
        await page.GetByLabel("Username").FillAsync(InProcessMarketplace.NewName("browser"));
        await page.GetByLabel("Password").FillAsync("correct-horse");
        await page.GetByRole(AriaRole.Button, new() { Name = "Open the account" }).ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("/cart"));

        await page.GotoAsync($"/items/{marketplace.Goods["Brass reading lamp"]}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Put into the cart" }).ClickAsync();
        await LookAsync(window, $"cart-{name}");
        if (script)
        {
            await page.GetByLabel("Units of Small blue scooter").FillAsync("3");
            await page.GetByLabel("Units of Small blue scooter").BlurAsync();
            await Assertions.Expect(page.GetByText("193.50")).ToBeVisibleAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "One less of Small blue scooter" }).ClickAsync();
        }

        await page.GetByRole(AriaRole.Link, new() { Name = "Check out" }).ClickAsync();
        await LookAsync(window, $"checkout-{name}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Buy for 203.99" }).ClickAsync();
        await LookAsync(window, $"checkout-errors-{name}");
        await page.GetByLabel("Name on the card").FillAsync("Bea Buyer");
        await page.GetByLabel("Card number").FillAsync("4111 1111 1111 1111");
        await page.GetByLabel("Valid until").FillAsync("12/39");
        await page.GetByLabel("Security code").FillAsync("123");
        await page.GetByRole(AriaRole.Button, new() { Name = "Buy for 203.99" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Thank you. It is yours.")).ToBeVisibleAsync();
        await LookAsync(window, $"receipt-{name}");

        await page.ReloadAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Good: vote for Small blue scooter" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Your vote on “Small blue scooter” counts.")).ToBeVisibleAsync();
        await page.GotoAsync("/purchases");
        await LookAsync(window, $"purchases-{name}");
        Assert.Equal(1, await page.Locator(".purchases > li").CountAsync());
        await page.GotoAsync($"/sellers/{marketplace.ShopkeeperId}");
        await LookAsync(window, $"seller-{name}");
        await page.GotoAsync("/cart");
        await LookAsync(window, $"cart-empty-{name}");
        await page.GotoAsync("/nothing/here");
        await LookAsync(window, $"not-found-{name}");
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    [InlineData(true, true, false)]
    [InlineData(false, false, true)]
    public async Task A_seller_stocks_the_desk(bool script, bool dark, bool phone)
    {
        var name = Name(script, dark, phone);
        await using var window = await browser.OpenAsync(marketplace.Web, script, dark, phone);
        var page = window.Page;
        await page.GotoAsync("/desk");
        await LookAsync(window, $"desk-login-{name}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Open an account" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Sam Seller");
        await page.GetByLabel("Username").FillAsync(InProcessMarketplace.NewName("desk"));
        await page.GetByLabel("Password").FillAsync("correct-horse");
        await page.GetByRole(AriaRole.Button, new() { Name = "Open the account" }).ClickAsync();
        await LookAsync(window, $"desk-empty-{name}");

        await page.GetByRole(AriaRole.Link, new() { Name = "Put up an item" }).ClickAsync();
        foreach (
            var (item, category, price, units) in ((string, string, string, string)[])
                [("Red paper kite", "Toys", "12.50", "2"), ("Oak stool", "Furniture", "64", "30")]
        )
        {
            await StockAsync(window, script, item, category, price, units, name);
        }

        await LookAsync(window, $"desk-stock-{name}");
        await page.GetByLabel("Price of Oak stool").FillAsync("70");
        await page.GetByRole(AriaRole.Button, new() { Name = "Change the price of Oak stool" }).ClickAsync();
        await Assertions.Expect(page.GetByText("30 on sale at 70.00")).ToBeVisibleAsync();
        await page.GetByLabel("Units of Red paper kite").FillAsync("9");
        await page.GetByRole(AriaRole.Button, new() { Name = "Take away units of Red paper kite" }).ClickAsync();
        await LookAsync(window, $"desk-error-{name}");
        await page.GotoAsync("/desk/sales");
        await LookAsync(window, $"desk-sales-{name}");
    }

    [Fact]
    public async Task A_double_click_on_the_button_buys_once_and_so_does_going_back()
    {
        await using var window = await browser.OpenAsync(marketplace.Web);
        var page = window.Page;
        await page.GotoAsync("/register");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Bea Buyer");
        await page.GetByLabel("Username").FillAsync(InProcessMarketplace.NewName("double"));
        await page.GetByLabel("Password").FillAsync("correct-horse");
        await page.GetByRole(AriaRole.Button, new() { Name = "Open the account" }).ClickAsync();
        await page.GotoAsync($"/items/{marketplace.Goods["Handmade notebook"]}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Put into the cart" }).DblClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Check out" }).ClickAsync();
        await page.GetByLabel("Name on the card").FillAsync("Bea Buyer");
        await page.GetByLabel("Card number").FillAsync("4111 1111 1111 1111");
        await page.GetByLabel("Valid until").FillAsync("12/39");
        await page.GetByLabel("Security code").FillAsync("123");

        await page.GetByRole(AriaRole.Button, new() { Name = "Buy for 14.90" }).DblClickAsync();
        await Assertions.Expect(page.GetByText("Thank you. It is yours.")).ToBeVisibleAsync();
        await page.GoBackAsync();
        await Assertions.Expect(page.GetByText("It is empty")).ToBeVisibleAsync();

        await page.GotoAsync("/purchases");
        Assert.Equal(1, await page.Locator(".purchases > li").CountAsync());
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    public async Task The_cart_says_which_price_has_changed(bool script, bool dark, bool phone)
    {
        var name = Name(script, dark, phone);
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 5, price: 12.00m);
        await using var window = await browser.OpenAsync(marketplace.Web, script, dark, phone);
        var page = window.Page;
        await page.GotoAsync($"/items/{item}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Put into the cart" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "I am new here" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Bea Buyer");
        await page.GetByLabel("Username").FillAsync(InProcessMarketplace.NewName("price"));
        await page.GetByLabel("Password").FillAsync("correct-horse");
        await page.GetByRole(AriaRole.Button, new() { Name = "Open the account" }).ClickAsync();
        await Assertions.Expect(page.GetByText("12.00 each")).ToBeVisibleAsync();
        await seller.SendAsync(HttpMethod.Put, $"/items/{item}/price", new { price = 13.50m });

        await page.ReloadAsync();
        await Assertions.Expect(page.GetByText("Price was 12.00, is 13.50 now.")).ToBeVisibleAsync();
        await LookAsync(window, $"cart-price-{name}");

        await page.GetByRole(AriaRole.Button, new() { Name = "One more of" }).ClickAsync();
        await Assertions.Expect(page.Locator(".sum .price")).ToHaveTextAsync("27.00");
        await Assertions.Expect(page.GetByText("Price was")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_form_on_a_page_of_another_site_does_nothing()
    {
        await using var window = await browser.OpenAsync(marketplace.Web);
        var page = window.Page;
        await page.RouteAsync(
            "http://evil.example/",
            route =>
                route.FulfillAsync(
                    new()
                    {
                        ContentType = "text/html",
                        Body = $"""
                        <form method="post" action="{marketplace.Web}cart/clear"><button>Win</button></form>
                        """,
                    }
                )
        );
        await page.GotoAsync("http://evil.example/");

        await page.GetByRole(AriaRole.Button, new() { Name = "Win" }).ClickAsync();

        await Assertions.Expect(page.GetByText("This came from another site")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_shop_can_be_used_with_the_keyboard_alone()
    {
        await using var window = await browser.OpenAsync(marketplace.Web);
        var page = window.Page;
        await page.GotoAsync("/");
        await page.Keyboard.PressAsync("Tab");
        await Assertions.Expect(page.GetByText("Skip to the content")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("main")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Bicycles");
        await window.AssertSoundAsync();
    }

    private static async Task StockAsync(
        BrowserWindow window,
        bool script,
        string item,
        string category,
        string price,
        string units,
        string name
    )
    {
        var page = window.Page;
        await page.GotoAsync("/desk/items/new");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(item);
        await page.GetByLabel("Category").SelectOptionAsync(new SelectOptionValue { Label = category });
        await page.GetByLabel("Used").CheckAsync();
        await page.GetByLabel("Price of one").FillAsync(price);
        await page.GetByLabel("How many").FillAsync(units);
        if (!script)
        {
            await page.GetByRole(AriaRole.Button, new() { Name = "Preview" }).ClickAsync();
        }

        await Assertions.Expect(page.Locator("#preview h3")).ToHaveTextAsync(item);
        await LookAsync(window, $"desk-new-{name}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Put it up for sale" }).ClickAsync();
        await Assertions.Expect(page.GetByText($"“{item}”")).ToBeVisibleAsync();
    }

    private static string Name(bool script, bool dark, bool phone) =>
        $"{(phone ? "phone" : "wide")}-{(dark ? "dark" : "light")}{(script ? "" : "-noscript")}";

    private static async Task LookAsync(BrowserWindow window, string name)
    {
        await window.ScreenshotAsync($"shop-{name}");
        await window.AssertSoundAsync();
        // Nothing is wider than the screen.
        Assert.True(
            await window.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"),
            $"{name} scrolls sideways"
        );
    }
}
