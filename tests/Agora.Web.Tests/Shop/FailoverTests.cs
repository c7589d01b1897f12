using System.Net;

namespace Agora.Web.Tests.Shop;

/// <summary>
/// A shopper at work while servers end. The marketplace is this class's own, since it does not survive.
/// </summary>
public class FailoverTests(FailoverTests.OwnMarketplace marketplace) : IClassFixture<FailoverTests.OwnMarketplace>
{
    [Fact]
    public async Task A_shopper_notices_neither_the_end_of_a_buyer_server_nor_a_restart_of_the_pages()
    {
        var web = await marketplace.StartWebAsync();
        var other = await marketplace.StartWebAsync();
        using var shopper = await marketplace.NewShopperAsync(web);
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"], 2);
        var (method, target, fields) = shopper.Filled("form.checkout", Checkout.Card());

        await marketplace.KillAsync(marketplace.BuyerServerOf(web));
        await shopper.GetAsync($"/items/{marketplace.Goods["Large atlas"]}");
        Assert.Equal(HttpStatusCode.OK, shopper.Status);

        await marketplace.RestartWebAsync(web);
        await shopper.SendAsync(method, target, fields);
        Assert.Contains("Thank you. It is yours.", shopper.Main, StringComparison.Ordinal);
        var receipt = shopper.Url.PathAndQuery;

        // Any replica of the pages serves the session, and the form.
        using var elsewhere = marketplace.NewVisitor(other);
        elsewhere.Cookies.Add(shopper.Cookies.GetCookies(web));
        await elsewhere.SendAsync(method, new Uri(other, target.PathAndQuery), fields);
        Assert.Equal(receipt, elsewhere.Url.PathAndQuery);
        Assert.Equal(1, await elsewhere.PurchaseCountAsync());
    }

    /// <summary>A marketplace that loses servers.</summary>
    public sealed class OwnMarketplace : WebMarketplace;
}
