using System.Globalization;
using System.Net;
using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

public class BrowseTests(WebMarketplace marketplace)
{
    [Fact]
    public async Task The_front_page_leads_to_every_category_and_shows_items()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, visitor.Status);
        Assert.Equal(10, visitor.All(".tile").Count());
        Assert.NotEmpty(visitor.All(".item-card"));
        await visitor.FollowAsync(".tile[href='/items?category=1']");
        Assert.Contains("Bicycles", visitor.Text, StringComparison.Ordinal);
        Assert.Contains("Folding green bike", visitor.Text, StringComparison.Ordinal);
        await visitor.FollowAsync($"a[href='/items/{marketplace.Goods["Folding green bike"]}']");
        Assert.Equal("Folding green bike", visitor.One("h1").TextContent);
        Assert.Contains("529.00", visitor.Main, StringComparison.Ordinal);
        Assert.Contains("3 left", visitor.Main, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_visitor_reaches_the_seller_and_all_that_he_sells()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync($"/items/{marketplace.Goods["Large atlas"]}");

        await visitor.FollowAsync(".seller-name a");

        Assert.Equal($"/sellers/{marketplace.ShopkeeperId}", visitor.Place);
        Assert.Equal("Sam", visitor.One("h1").TextContent);
        Assert.Equal(marketplace.Goods.Count, visitor.All(".item-card").Count());
    }

    [Fact]
    public async Task A_search_in_all_categories_groups_what_it_finds()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/");

        await visitor.SubmitAsync("form.search", [("q", "sturdy wooden")]);

        Assert.Equal("/items?category=&q=sturdy+wooden", visitor.Place);
        Assert.Equal(["Bicycles", "Toys"], visitor.All(".shelf-head h2").Select(h => h.TextContent));
        Assert.Equal(["Sturdy cargo bike", "Wooden train"], visitor.All(".item-card h3").Select(h => h.TextContent));
    }

    [Fact]
    public async Task A_search_in_a_category_can_be_filtered_and_the_url_says_all_of_it()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/items?category=1&q=bike");

        Assert.Equal(3, visitor.All(".item-card").Count());
        await visitor.SubmitAsync("form.filters", [("condition", "new"), ("min", "400"), ("max", "600,00")]);

        Assert.Equal("/items?category=1&q=bike&condition=new&min=400&max=600%2C00", visitor.Place);
        Assert.Equal(["Folding green bike"], visitor.All(".item-card h3").Select(h => h.TextContent));
        await visitor.FollowAsync(".filters > a");
        Assert.Equal("/items?category=1&q=bike", visitor.Place);
        Assert.Equal(3, visitor.All(".item-card").Count());
    }

    [Fact]
    public async Task Pages_of_a_list_follow_each_other_through_the_url()
    {
        var category = 1000 + InProcessMarketplace.NewCategory();
        var seller = await marketplace.NewSellerAsync();
        HashSet<string> all = [];
        for (var i = 0; i < 30; i++)
        {
            all.Add(await InProcessMarketplace.NewItemAsync(seller, 1, category: category));
        }

        using var visitor = await marketplace
            .NewVisitor()
            .GetAsync(string.Create(CultureInfo.InvariantCulture, $"/items?category={category}"));
        HashSet<string> seen = [.. Ids(visitor)];
        Assert.Equal(24, seen.Count);
        Assert.Contains($"Category {category}", visitor.Main, StringComparison.Ordinal);
        await visitor.FollowAsync("a[rel=next]");
        seen.UnionWith(Ids(visitor));

        Assert.Equal(all, seen);
        Assert.Empty(visitor.All("a[rel=next]"));
        await visitor.FollowAsync(".pager a");
        Assert.Equal(24, Ids(visitor).Count());
        await visitor.GetAsync($"/sellers/{seller.Id}");
        await visitor.FollowAsync("a[rel=next]");
        Assert.Equal(6, Ids(visitor).Count());
    }

    [Theory]
    [InlineData("/items?category=1&cursor=nonsense", "/items?category=1")]
    [InlineData("/sellers/{0}?cursor=nonsense", "/sellers/{0}")]
    public async Task A_page_of_a_list_that_is_no_longer_there_leads_to_the_first(string path, string first)
    {
        var id = marketplace.ShopkeeperId.ToString(CultureInfo.InvariantCulture);
        using var visitor = await marketplace.NewVisitor().GetAsync(path.Replace("{0}", id, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.OK, visitor.Status);
        Assert.Equal(first.Replace("{0}", id, StringComparison.Ordinal), visitor.Place);
    }

    [Fact]
    public async Task A_search_for_long_words_says_what_it_searched_for()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/items?category=3&q=armchairs+a+b+c+d+e");

        Assert.Contains("searched for armchair, a, b, c, d.", visitor.Main, StringComparison.Ordinal);
        Assert.Equal("armchairs a b c d e", visitor.One("#q").GetAttribute("value"));
    }

    [Fact]
    public async Task A_search_without_a_hit_says_what_to_do_next()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/items?category=3&q=zeppelin");

        Assert.Contains("Nothing found", visitor.Main, StringComparison.Ordinal);
        await visitor.FollowAsync(".empty a");
        Assert.Equal("/items?category=3", visitor.Place);
    }

    [Fact]
    public async Task A_price_that_is_no_number_is_named_beside_its_field()
    {
        using var visitor = await marketplace.NewVisitor().GetAsync("/items?category=1&min=cheap");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, visitor.Status);
        Assert.Equal("#min", visitor.One("[role=alert] a").GetAttribute("href"));
        Assert.Equal("true", visitor.One("#min").GetAttribute("aria-invalid"));
        Assert.Equal("cheap", visitor.One("#min").GetAttribute("value"));
    }

    [Fact]
    public async Task What_is_sold_out_says_so_and_has_no_button()
    {
        var seller = await marketplace.NewSellerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 0);

        using var visitor = await marketplace.NewVisitor().GetAsync($"/items/{item}");

        Assert.Contains("Sold out", visitor.Main, StringComparison.Ordinal);
        Assert.Empty(visitor.All("form.add"));
    }

    [Theory]
    [InlineData("/items/1-999999")]
    [InlineData("/items/bike")]
    [InlineData("/items/01-1")]
    [InlineData("/items/../secret")]
    [InlineData("/sellers/999999")]
    [InlineData("/sellers/0")]
    [InlineData("/sellers/sam")]
    [InlineData("/nothing/here")]
    public async Task What_is_not_there_is_a_page_in_the_same_design(string path)
    {
        using var visitor = await marketplace.NewVisitor().GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, visitor.Status);
        Assert.Equal("There is no such page", visitor.One("h1").TextContent);
        Assert.NotEmpty(visitor.All("a.brand"));
    }

    private static IEnumerable<string> Ids(Visitor visitor) =>
        visitor.All(".item-card > a").Select(a => a.GetAttribute("href")![("/items/".Length)..]);
}
