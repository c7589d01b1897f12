using System.Net;
using Agora.Rest;
using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

public class DeskTests(WebMarketplace marketplace)
{
    [Fact]
    public async Task A_seller_puts_up_an_item_changes_it_and_buyers_see_it()
    {
        using var seller = await OpenDeskAsync();
        Assert.Contains("You sell nothing yet", seller.Main, StringComparison.Ordinal);
        await seller.FollowAsync(".empty a");
        await seller.SubmitAsync(
            "form.stacked",
            [
                ("name", "Blue kite"),
                ("category", "9"),
                ("condition", "used"),
                ("price", "12,5"),
                ("quantity", "3"),
                ("keywords", "blue, kite wind"),
            ]
        );
        Assert.Contains("“Blue kite”: 3 on sale at 12.50.", seller.Main, StringComparison.Ordinal);
        var item = seller.One("tbody tr").Id!["item-".Length..];

        await seller.SubmitAsync($"form[action='/desk/items/{item}/price']", [("price", "14")]);
        Assert.Contains("3 on sale at 14.00.", seller.Main, StringComparison.Ordinal);
        await seller.SubmitAsync($"form[action='/desk/items/{item}/units']", [("units", "4")], "button[value=add]");
        Assert.Contains("7 on sale at 14.00.", seller.Main, StringComparison.Ordinal);
        await seller.SubmitAsync(
            $"form[action='/desk/items/{item}/units']",
            [("units", "2")],
            "button[value=withdraw]"
        );
        Assert.Contains("5 on sale at 14.00.", seller.Main, StringComparison.Ordinal);

        using var visitor = await marketplace.NewVisitor().GetAsync("/items?category=9&q=wind");
        Assert.Equal(["Blue kite"], visitor.All(".item-card h3").Select(h => h.TextContent));
        Assert.Contains("Used", visitor.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forms_that_are_sent_twice_act_once()
    {
        using var seller = await OpenDeskAsync();
        await seller.GetAsync("/desk/items/new");
        var item = seller.Filled("form.stacked", [("name", "Once"), ("category", "9"), ("price", "5")]);
        await seller.SendAsync(item.Method, item.Target, item.Fields);
        await seller.SendAsync(item.Method, item.Target, item.Fields);
        Assert.Single(seller.All("tbody tr"));

        var units = seller.Filled("tbody form[action$=units]", [("units", "4")], "button[value=add]");
        await seller.SendAsync(units.Method, units.Target, units.Fields);
        await seller.SendAsync(units.Method, units.Target, units.Fields);
        Assert.Contains("“Once”: 5 on sale", seller.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_stock_begins_with_what_runs_out()
    {
        var account = await marketplace.NewSellerAsync();
        foreach (var quantity in (int[])[7, 0, 30, 2])
        {
            await InProcessMarketplace.NewItemAsync(account, quantity);
        }

        using var seller = await OpenDeskAsync(account);

        Assert.Equal(
            ["Sold out", "2 left", "7 in stock", "30 in stock"],
            seller.All("td[data-label=Left]").Select(td => td.TextContent.Trim())
        );
        Assert.Equal(["4", "1", "0"], seller.All(".counts dd").Take(3).Select(dd => dd.TextContent));
    }

    [Fact]
    public async Task A_long_stock_has_pages_and_a_row_with_an_error_is_shown_on_its_own()
    {
        var account = await marketplace.NewSellerAsync();
        var last = "";
        for (var i = 1; i <= 51; i++)
        {
            last = await InProcessMarketplace.NewItemAsync(account, i);
        }

        using var seller = await OpenDeskAsync(account);
        Assert.Equal(50, seller.All("tbody tr").Count());
        await seller.FollowAsync(".pager a");
        Assert.Equal($"item-{last}", seller.One("tbody tr").Id);

        await seller.SubmitAsync("tbody form[action$=price]", [("price", "dear")]);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, seller.Status);
        Assert.Equal("Write the price as a number, like 12.50.", seller.One("#row-error").TextContent);
        Assert.Equal("dear", seller.One("tr.wrong input[name=price]").GetAttribute("value"));
    }

    [Fact]
    public async Task What_is_wrong_with_a_new_item_stands_beside_its_fields()
    {
        using var seller = await OpenDeskAsync();
        await seller.GetAsync("/desk/items/new");

        await seller.SubmitAsync("form.stacked", [("name", ""), ("price", "dear"), ("quantity", "some")]);
        Assert.Equal(
            ["#name", "#category", "#price", "#quantity"],
            seller.All("[role=alert] a").Select(a => a.GetAttribute("href"))
        );

        await seller.SubmitAsync(
            "form.stacked",
            [
                ("name", new string('n', 33)),
                ("category", "9"),
                ("price", "0"),
                ("quantity", "1"),
                ("keywords", "muchtoolong"),
            ]
        );
        Assert.Equal(
            ["#name", "#keywords", "#price"],
            seller.All("[role=alert] a").Select(a => a.GetAttribute("href"))
        );
        Assert.Equal("muchtoolong", seller.One("#keywords").GetAttribute("value"));
    }

    [Fact]
    public async Task A_preview_shows_the_item_and_keeps_what_was_typed()
    {
        using var seller = await OpenDeskAsync();
        await seller.GetAsync("/desk/items/new");

        await seller.SubmitAsync(
            "form.stacked",
            [("name", "Green kite"), ("category", "9"), ("price", "12.5")],
            "button[formmethod=get]"
        );

        Assert.Equal("Green kite", seller.One("#preview h3").TextContent);
        Assert.Equal("12.50", seller.One("#preview .price").TextContent);
        Assert.Equal("Green kite", seller.One("#name").GetAttribute("value"));
        Assert.Equal("9", seller.One("#category option[selected]").GetAttribute("value"));
    }

    [Fact]
    public async Task Units_that_are_not_there_cannot_be_taken_away()
    {
        var account = await marketplace.NewSellerAsync();
        await InProcessMarketplace.NewItemAsync(account, 3);
        using var seller = await OpenDeskAsync(account);

        await seller.SubmitAsync("tbody form[action$=units]", [("units", "4")], "button[value=withdraw]");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, seller.Status);
        Assert.Contains("left to take away", seller.One("#row-error").TextContent, StringComparison.Ordinal);

        await seller.SubmitAsync("tbody form[action$=units]", [("units", "-1")], "button[value=add]");
        Assert.Equal("How many? Write a number from 1 up.", seller.One("#row-error").TextContent);
    }

    [Fact]
    public async Task An_item_of_another_seller_cannot_be_changed()
    {
        var account = await marketplace.NewSellerAsync();
        await InProcessMarketplace.NewItemAsync(account, 3);
        var theirs = marketplace.Goods["Large atlas"];
        using var seller = await OpenDeskAsync(account);
        var form = seller.Filled("tbody form[action$=price]", [("price", "1")]);

        await seller.SendAsync(form.Method, new Uri(marketplace.Web, $"/desk/items/{theirs}/price"), form.Fields);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, seller.Status);
        Assert.Contains("belongs to another seller", seller.Main, StringComparison.Ordinal);
        var item = await account.GetAsync<Item>($"/items/{theirs}");
        Assert.Equal(38.00m, item.Price);
    }

    [Fact]
    public async Task What_was_sold_is_listed_newest_first()
    {
        var account = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(account, 9, price: 4m);
        using var seller = await OpenDeskAsync(account);
        await seller.GetAsync("/desk/sales");
        Assert.Contains("Nothing sold yet", seller.Main, StringComparison.Ordinal);
        using var shopper = await marketplace.NewShopperAsync();
        foreach (var quantity in (int[])[1, 3])
        {
            await shopper.OpenCheckoutAsync(item, quantity);
            await shopper.SubmitAsync("form.checkout", Checkout.Card());
        }

        await seller.GetAsync("/desk/sales");

        Assert.Equal(["12.00", "4.00"], seller.All("tbody td:last-child").Select(td => td.TextContent));
        Assert.Contains("4 units sold in all", seller.Main, StringComparison.Ordinal);
    }

    private async Task<Visitor> OpenDeskAsync(Caller? account = null)
    {
        account ??= await marketplace.NewSellerAsync();
        var visitor = await marketplace.NewVisitor().GetAsync("/desk");
        Assert.Equal("/desk/login?next=%2Fdesk", visitor.Place);
        await visitor.SubmitAsync(
            "form.stacked",
            [("login-username", account.Username), ("login-password", InProcessMarketplace.Password)]
        );
        Assert.Equal("/desk", visitor.Place);
        return visitor;
    }
}
