using System.Net;
using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>
/// "Looking is free; acting is for this machine or the operator's key; no page of another site can act."
/// </summary>
public sealed class OperationsAccessTests : IAsyncLifetime
{
    private const string Kill = "/operations/processes/products/1/kill";

    private RoomHost _host = null!;
    private HttpClient _http = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await RoomHost.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = _host.Address,
        };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_browser_on_this_machine_acts_and_is_led_back()
    {
        using var answer = await PostAsync(Kill);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("/operations#process-products-1", answer.Headers.Location?.OriginalString);
        Assert.Equal(["Kill products/1"], _host.Room.Acts);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Origin", "http://evil.example")]
    [InlineData("Origin", "null")]
    public async Task A_page_of_another_site_cannot_act(string header, string value)
    {
        using var answer = await PostAsync(Kill, r => r.Headers.Add(header, value), isOwn: false);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    /// <summary>A browser always says where a form comes from. What says nothing may be anything.</summary>
    [Fact]
    public async Task A_request_that_does_not_say_where_it_comes_from_cannot_act()
    {
        using var answer = await PostAsync(Kill, isOwn: false);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    /// <summary>A site whose name was made to lead here ("DNS rebinding").</summary>
    [Fact]
    public async Task A_request_for_a_foreign_host_is_refused()
    {
        using var answer = await PostAsync(Kill, r => r.Headers.Host = "evil.example");

        Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.7")]
    [InlineData("Forwarded", "for=203.0.113.7")]
    [InlineData("X-Real-IP", "203.0.113.7")]
    [InlineData("Via", "1.1 proxy")]
    public async Task Behind_a_proxy_nobody_is_on_this_machine(string header, string value)
    {
        using var answer = await PostAsync(Kill, r => r.Headers.Add(header, value));

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    /// <summary>A proxy that says nothing of itself passes on the name that the world knows.</summary>
    [Fact]
    public async Task An_address_that_is_not_this_machines_own_is_somebody_elses()
    {
        using var answer = await PostAsync(Kill, r => r.Headers.Host = $"192.0.2.1:{_host.Address.Port}");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    [Theory]
    [InlineData("/operations/network")]
    [InlineData("/operations/network/cut")]
    [InlineData("/operations/network/heal")]
    [InlineData("/operations/demonstrations/kill-leader")]
    [InlineData("/operations/processes/products/1/start")]
    public async Task Who_may_only_look_can_do_nothing(string path)
    {
        using var answer = await PostAsync(
            path,
            Forwarded,
            content: Form(("loss", "5"), ("delay", "0"), ("process", "web/0"))
        );

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    [Fact]
    public async Task Looking_is_free()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/operations");
        Forwarded(request);
        using var answer = await _http.SendAsync(request, CancellationToken);
        var page = await answer.Content.ReadAsStringAsync(CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("products/1 leads, in term 7.", page, StringComparison.Ordinal);
        Assert.Contains("You may look.", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_the_operators_key_one_acts_from_anywhere()
    {
        using var wrong = await PostAsync("/operations/key", Forwarded, Form(("key", "0123456789")));
        Assert.Equal(HttpStatusCode.Forbidden, wrong.StatusCode);
        Assert.False(wrong.Headers.Contains("Set-Cookie"));
        Assert.Contains(
            "This is not the key.",
            await wrong.Content.ReadAsStringAsync(CancellationToken),
            StringComparison.Ordinal
        );

        using var right = await PostAsync("/operations/key", Forwarded, Form(("key", _host.Key)));
        Assert.Equal(HttpStatusCode.SeeOther, right.StatusCode);
        var cookie = Assert.Single(right.Headers.GetValues("Set-Cookie"));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(_host.Key, cookie, StringComparison.Ordinal);

        using var act = await PostAsync(
            Kill,
            r =>
            {
                Forwarded(r);
                r.Headers.Add("Cookie", cookie.Split(';')[0]);
            }
        );
        Assert.Equal(HttpStatusCode.SeeOther, act.StatusCode);
        Assert.Equal(["Kill products/1"], _host.Room.Acts);
    }

    [Fact]
    public async Task The_key_does_not_help_a_page_of_another_site()
    {
        using var entered = await PostAsync("/operations/key", content: Form(("key", _host.Key)));
        var cookie = entered.Headers.GetValues("Set-Cookie").Single().Split(';')[0];

        using var answer = await PostAsync(
            Kill,
            r =>
            {
                r.Headers.Add("Cookie", cookie);
                r.Headers.Add("Sec-Fetch-Site", "cross-site");
            },
            isOwn: false
        );

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    [Fact]
    public void The_key_is_kept_and_only_its_owner_can_read_it()
    {
        var directory = Directory.CreateTempSubdirectory("agora-key-").FullName;
        try
        {
            OperatorKey made = new(directory);
            var file = Path.Combine(directory, OperatorKey.FileName);

            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            Assert.True(new OperatorKey(directory).IsKey(File.ReadAllText(file)));
            Assert.Equal(made.Cookie, new OperatorKey(directory).Cookie);
            Assert.False(made.IsKey(""));
            Assert.False(made.IsCookie(null));

            File.WriteAllText(file, "short");
            Assert.ThrowsAny<IOException>(() => new OperatorKey(directory));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_log_is_for_those_who_may_act_and_is_shown_as_text()
    {
        _host.Room.Log = new LogTail("products/1", ["one <b>line</b>", "\\u001b[31mred"], IsCut: true);

        using var here = await _http.GetAsync(
            new Uri("/operations/log/products/1", UriKind.Relative),
            CancellationToken
        );
        var page = await here.Content.ReadAsStringAsync(CancellationToken);
        Assert.Equal(HttpStatusCode.OK, here.StatusCode);
        Assert.Contains("one &lt;b&gt;line&lt;/b&gt;", page, StringComparison.Ordinal);

        using HttpRequestMessage request = new(HttpMethod.Get, "/operations/log/products/1");
        Forwarded(request);
        using var there = await _http.SendAsync(request, CancellationToken);
        Assert.Equal(HttpStatusCode.Forbidden, there.StatusCode);

        using var none = await _http.GetAsync(
            new Uri("/operations/log/products/9", UriKind.Relative),
            CancellationToken
        );
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task What_the_supervisor_refuses_is_shown_with_its_reason()
    {
        _host.Room.Answer = new ActAnswer(false, "products/1 is not up");

        using var answer = await PostAsync(Kill);

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains(
            "Products/1 is not up",
            await answer.Content.ReadAsStringAsync(CancellationToken),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("5", "10", "network 0.05 10  False")]
    [InlineData("0.5", "0", "network 0.005 0  False")]
    [InlineData("101", "0", null)]
    [InlineData("5", "-1", null)]
    [InlineData("much", "0", null)]
    public async Task The_network_takes_loss_in_percent_and_delay_in_milliseconds(
        string loss,
        string delay,
        string? act
    )
    {
        using var answer = await PostAsync("/operations/network", content: Form(("loss", loss), ("delay", delay)));

        Assert.Equal(act is null ? HttpStatusCode.Conflict : HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(act is null ? [] : [act], _host.Room.Acts);
    }

    [Fact]
    public async Task One_who_kills_the_web_server_gets_an_answer_first()
    {
        using var answer = await PostAsync("/operations/processes/web/0/kill");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains(
            "http-equiv=\"refresh\"",
            await answer.Content.ReadAsStringAsync(CancellationToken),
            StringComparison.Ordinal
        );
        await Wait.UntilAsync("it is killed", () => _host.Room.Acts.Contains("Kill web/0"));
    }

    [Theory]
    [InlineData("/operations/processes/products/1/explode")]
    [InlineData("/operations/processes/products/1/1")]
    [InlineData("/operations/demonstrations/none")]
    public async Task What_does_not_exist_is_not_found(string path)
    {
        using var answer = await PostAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Empty(_host.Room.Acts);
    }

    [Fact]
    public async Task Without_a_picture_the_page_says_so()
    {
        _host.Room.Show(null);

        using var answer = await _http.GetAsync(new Uri("/operations", UriKind.Relative), CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    private static void Forwarded(HttpRequestMessage request) => request.Headers.Add("X-Forwarded-For", "203.0.113.7");

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) =>
        new(fields.Select(f => new KeyValuePair<string, string>(f.Name, f.Value)));

    private async Task<HttpResponseMessage> PostAsync(
        string path,
        Action<HttpRequestMessage>? change = null,
        HttpContent? content = null,
        bool isOwn = true
    )
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = content };
        if (isOwn)
        {
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
        }

        change?.Invoke(request);
        return await _http.SendAsync(request, CancellationToken);
    }
}
