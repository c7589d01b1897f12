using System.Net;
using Agora.Cluster;
using Agora.Testing;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Tests.Shop;

/// <summary>What the pages say when the servers behind them do not answer, and that nothing happens twice.</summary>
public sealed class OutageTests(WebMarketplace marketplace) : IAsyncLifetime
{
    private const string Item = """
        {"id":"3-1","name":"Lamp","category":3,"keywords":[],"condition":"new","price":5.00,"quantity":9,"sellerId":1,
        "feedback":{"thumbsUp":0,"thumbsDown":0}}
        """;
    private const string Seller =
        """{"sellerId":1,"name":"Sam","itemsSold":0,"feedback":{"thumbsUp":0,"thumbsDown":0}}""";
    private const string Cart = """
        {"lines":[{"itemId":"3-1","quantity":1,"name":"Lamp","unitPrice":5.00,"available":9}],"total":5.00}
        """;
    private const string Id = "0123456789abcdef0123456789abcdef";
    private const string Purchase = $$"""
        {"purchaseId":"{{Id}}","at":"2026-11-30T08:00:00Z","lines":[{"itemId":"3-1","quantity":1,"unitPrice":5.00}],
        "total":5.00}
        """;

    private ScriptedServer _buyers = null!;
    private Uri _web = null!;
    private bool _isDown;
    private bool _losesAnswers;

    public async ValueTask InitializeAsync()
    {
        _buyers = await ScriptedServer.StartAsync(AnswerAsync);
        _web = await marketplace.StartWebAsync(
            new ClusterFile
            {
                Web = new() { Replicas = [new()] },
                SellerServers = new() { Replicas = [new() { Port = FreePorts.Take() }] },
                BuyerServers = new() { Replicas = [new() { Port = _buyers.Address.Port }] },
            },
            deadline: TimeSpan.FromMilliseconds(400)
        );
    }

    public ValueTask DisposeAsync() => _buyers.DisposeAsync();

    [Fact]
    public async Task A_purchase_whose_outcome_is_open_is_told_as_such_and_asked_for_again_under_the_same_key()
    {
        using var shopper = LoggedIn();
        await shopper.GetAsync("/checkout");
        _losesAnswers = true;

        await shopper.SubmitAsync("form.checkout", Checkout.Card());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, shopper.Status);
        Assert.Contains("It is not known yet whether you have bought this", shopper.Main, StringComparison.Ordinal);

        _losesAnswers = false;
        await shopper.SubmitAsync(".message-page form");
        Assert.Equal($"/purchases/{Id}?new=1", shopper.Place);
        ScriptedServer.Request[] sent = [.. _buyers.Requests.Where(r => r.PathAndQuery == "/purchases")];
        Assert.True(sent.Length >= 2);
        Assert.Single(sent.Select(r => (r.Key, r.Body)).Distinct());
    }

    [Fact]
    public async Task A_change_that_did_not_get_through_is_repeated_by_a_button_under_the_same_key()
    {
        using var shopper = LoggedIn();
        await shopper.GetAsync("/items/3-1");
        _isDown = true;

        await shopper.SubmitAsync("form.add", [("quantity", "2")]);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, shopper.Status);
        Assert.Contains("it happens once, however often you try", shopper.Main, StringComparison.Ordinal);

        _isDown = false;
        await shopper.SubmitAsync(".message-page form");
        Assert.Equal("/cart?added=3-1", shopper.Place);
        ScriptedServer.Request[] sent = [.. _buyers.Requests.Where(r => r.PathAndQuery == "/cart/items")];
        Assert.True(sent.Length >= 2);
        Assert.Single(sent.Select(r => (r.Key, r.Body)).Distinct());
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/items?category=3&q=lamp")]
    [InlineData("/items/3-1")]
    [InlineData("/cart")]
    [InlineData("/purchases")]
    public async Task A_page_that_cannot_be_shown_now_offers_to_try_again(string path)
    {
        using var shopper = LoggedIn();
        _isDown = true;

        await shopper.GetAsync(path);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, shopper.Status);
        Assert.Equal(path, shopper.One(".message-page .button").GetAttribute("href"));
    }

    [Fact]
    public async Task Without_the_seller_servers_the_desk_says_so()
    {
        using var visitor = await new Visitor(_web).GetAsync("/desk/login");

        await visitor.SubmitAsync("form.stacked", [("login-username", "sam"), ("login-password", "correct-horse")]);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, visitor.Status);
        Assert.DoesNotContain("correct-horse", visitor.Source, StringComparison.Ordinal);
    }

    private Visitor LoggedIn()
    {
        Visitor visitor = new(_web);
        visitor.Cookies.Add(_web, new Cookie("agora-buyer", "token"));
        return visitor;
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        if (_isDown)
        {
            await ScriptedServer.Responds(503, """{"code":"unavailable"}""", "application/problem+json")(http);
        }
        else if (_losesAnswers && path == "/purchases")
        {
            http.Abort();
        }
        else
        {
            var (status, body) = (http.Request.Method, path) switch
            {
                ("POST", "/purchases") => (201, Purchase),
                (_, "/purchases") => (200, $$"""{"purchases":[{{Purchase}}]}"""),
                (_, $"/purchases/{Id}") => (200, Purchase),
                (_, "/items") => (200, $$"""{"items":[{{Item}}]}"""),
                (_, "/items/3-1") => (200, Item),
                (_, "/sellers/1") => (200, Seller),
                _ => (200, Cart),
            };
            await ScriptedServer.Responds(status, body)(http);
        }
    }
}
