using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Agora.Servers.Tests;
using Agora.Web.Tests.Shop;

namespace Agora.Web.Tests;

public class SecurityTests(WebMarketplace marketplace)
{
    private static readonly HttpClient s_http = new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
        }
    );

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/")]
    [InlineData("/login")]
    [InlineData("/nothing/here")]
    [InlineData("/health/live")]
    public async Task Every_answer_has_the_headers_that_protect_it(string path)
    {
        using var answer = await s_http.GetAsync(new Uri(marketplace.Web, path), CancellationToken);

        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; style-src 'self'; script-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.NotEmpty(Assert.Single(answer.Headers.GetValues("Request-Id")));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task The_cookie_of_a_session_is_out_of_reach_of_scripts_and_of_other_sites()
    {
        var buyer = await marketplace.NewBuyerAsync();
        using var answer = await PostAsync(
            "/login",
            [("login-username", buyer.Username), ("login-password", InProcessMarketplace.Password)],
            headers => headers.Add("Sec-Fetch-Site", "same-origin")
        );

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie")).ToLowerInvariant();
        Assert.Contains("httponly", cookie, StringComparison.Ordinal);
        Assert.Contains("samesite=lax", cookie, StringComparison.Ordinal);
        Assert.Contains("path=/", cookie, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Origin", "http://127.0.0.1:1")]
    [InlineData("Origin", "nonsense")]
    [InlineData("X-Nothing", "neither header")]
    public async Task A_form_of_another_site_is_refused(string header, string value)
    {
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(marketplace.Goods["Handmade notebook"]);

        using var answer = await PostAsync(
            "/cart/clear",
            [("key", "1")],
            headers =>
            {
                headers.Add(header, value);
                headers.Add("Cookie", $"agora-buyer={shopper.Cookie("agora-buyer")}");
            }
        );

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.NotEmpty((await shopper.GetAsync("/cart")).All(".line"));
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "same-origin")]
    [InlineData("Sec-Fetch-Site", "none")]
    [InlineData("Origin", "http://{0}")]
    [InlineData("Origin", "https://{0}")]
    public async Task A_form_of_ours_is_served(string header, string value)
    {
        using var answer = await PostAsync(
            "/cart/clear",
            [("key", "1")],
            headers => headers.Add(header, value.Replace("{0}", marketplace.Web.Authority, StringComparison.Ordinal))
        );

        // It asks for a login, on a page of its own.
        Assert.Contains(
            "An account is needed for this",
            await answer.Content.ReadAsStringAsync(CancellationToken),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("evil.example", 421)]
    [InlineData("evil.example:8080", 421)]
    [InlineData("localhost.evil.example", 421)]
    [InlineData("shop.example", 200)]
    [InlineData("SHOP.example:443", 200)]
    [InlineData("localhost", 200)]
    [InlineData("[::1]:8080", 200)]
    [InlineData("192.0.2.7", 200)]
    public async Task A_name_of_another_site_that_leads_here_is_refused(string host, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(marketplace.Web, "/login"));
        request.Headers.Host = host;

        using var answer = await s_http.SendAsync(request, CancellationToken);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "400")]
    [InlineData("GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n", "421")]
    [InlineData("GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", "400")]
    public async Task A_request_without_a_host_is_refused(string request, string status)
    {
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, marketplace.Web.Port, CancellationToken);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), CancellationToken);
        using StreamReader reader = new(stream);

        Assert.StartsWith(
            $"HTTP/1.1 {status} ",
            await reader.ReadToEndAsync(CancellationToken),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task What_is_too_large_is_refused()
    {
        using var form = await PostAsync("/login", [("login-username", new string('x', 70_000))], SameOrigin);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, form.StatusCode);

        using var many = await PostAsync(
            "/login",
            [.. Enumerable.Range(0, 3000).Select(i => ($"{i}", ""))],
            SameOrigin
        );
        Assert.Equal(HttpStatusCode.BadRequest, many.StatusCode);

        using var url = await s_http.GetAsync(
            new Uri(marketplace.Web, $"/items?q={new string('x', 5000)}"),
            CancellationToken
        );
        Assert.Equal(HttpStatusCode.RequestUriTooLong, url.StatusCode);
    }

    [Fact]
    public async Task Only_forms_are_read()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(marketplace.Web, "/login"));
        request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        SameOrigin(request.Headers);

        using var answer = await s_http.SendAsync(request, CancellationToken);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("\"><img src=x onerror=alert(1)>")]
    [InlineData("' onmouseover='alert(1)")]
    [InlineData("</title><script>alert(1)</script>")]
    [InlineData("\u202egnp.exe")]
    [InlineData("&amp;lt;script&gt;")]
    [InlineData("{{7*7}} ${7*7} @(7*7)")]
    public async Task What_users_write_is_shown_as_they_wrote_it(string words)
    {
        using var visitor = await marketplace.NewVisitor().GetAsync($"/items?q={Uri.EscapeDataString(words)}");
        Assert.Equal(words, visitor.One("#q").GetAttribute("value"));
        Assert.Equal($"“{words}”", visitor.One("h1").TextContent);
        Assert.DoesNotContain("<script>alert", visitor.Source, StringComparison.Ordinal);

        await visitor.GetAsync("/login");
        await visitor.SubmitAsync("form.stacked", [("login-username", words), ("login-password", words)]);
        Assert.Equal(words, visitor.One("#login-username").GetAttribute("value"));
    }

    [Fact]
    public async Task A_name_full_of_markup_is_text_on_every_page()
    {
        var seller = await marketplace.NewSellerAsync();
        const string Name = "<b onclick=x>&\"'</b><script>";
        var item = (
            await seller.PostAsync<Agora.Rest.ItemRegistered>(
                "/items",
                new
                {
                    name = Name,
                    category = 77,
                    keywords = new[] { "<i>\"'&" },
                    condition = "new",
                    price = 1.00m,
                    quantity = 5,
                }
            )
        ).ItemId;
        using var shopper = await marketplace.NewShopperAsync();
        await shopper.OpenCheckoutAsync(item);
        Assert.Contains($"1 × {Name}", shopper.Main, StringComparison.Ordinal);
        await shopper.GetAsync("/cart");
        Assert.Equal(Name, shopper.One(".line h2").TextContent);
        await shopper.GetAsync($"/items/{item}");
        Assert.Equal(Name, shopper.One("h1").TextContent);
        Assert.Contains("<i>\"'&", shopper.One(".word").TextContent, StringComparison.Ordinal);
        await shopper.GetAsync("/items?category=77");
        Assert.Equal(Name, shopper.One(".item-card h3").TextContent);
    }

    [Theory]
    [InlineData("agora-buyer=\"; rm -rf")]
    [InlineData("agora-buyer=%0d%0aX-Evil:1")]
    [InlineData("agora-buyer=AAAA")]
    [InlineData("agora-buyer=")]
    public async Task A_cookie_that_is_no_token_is_that_of_a_visitor(string cookie)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(marketplace.Web, "/cart"));
        request.Headers.Add("Cookie", cookie);

        using var answer = await s_http.SendAsync(request, CancellationToken);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.StartsWith("/login?next=%2Fcart", answer.Headers.Location!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_says_whether_the_servers_behind_answer()
    {
        using var live = await s_http.GetAsync(new Uri(marketplace.Web, "/health/live"), CancellationToken);
        using var ready = await s_http.GetAsync(new Uri(marketplace.Web, "/health/ready"), CancellationToken);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (live.StatusCode, ready.StatusCode));

        var alone = await marketplace.StartWebAsync(
            marketplace.SeenByWeb with
            {
                SellerServers = new() { Replicas = [new() { Port = Testing.FreePorts.Take() }] },
            }
        );
        using var stillLive = await s_http.GetAsync(new Uri(alone, "/health/live"), CancellationToken);
        using var notReady = await s_http.GetAsync(new Uri(alone, "/health/ready"), CancellationToken);
        Assert.Equal(
            (HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable),
            (stillLive.StatusCode, notReady.StatusCode)
        );
        Assert.Contains(
            "The seller servers cannot be reached",
            await notReady.Content.ReadAsStringAsync(CancellationToken),
            StringComparison.Ordinal
        );
    }

    private static void SameOrigin(HttpRequestHeaders headers) => headers.Add("Sec-Fetch-Site", "same-origin");

    private async Task<HttpResponseMessage> PostAsync(
        string path,
        (string Name, string Value)[] fields,
        Action<HttpRequestHeaders> addHeaders
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(marketplace.Web, path));
        request.Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        addHeaders(request.Headers);
        return await s_http.SendAsync(request, CancellationToken);
    }
}
