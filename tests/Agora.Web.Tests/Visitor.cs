using System.Globalization;
using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;

namespace Agora.Web.Tests;

/// <summary>
/// A browser without scripts: it keeps cookies, follows redirects as browsers do, and fills and sends the forms of the
/// page that it is on. Every page that it opens must be well-formed HTML.
/// </summary>
internal sealed class Visitor : IDisposable
{
    private const int MaxRedirects = 5;

    private readonly HttpClient _http;
    private readonly Uri _home;

    public Visitor(Uri home)
    {
        _home = home;
        _http = new HttpClient(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                CookieContainer = Cookies,
                UseProxy = false,
                AutomaticDecompression = DecompressionMethods.All,
            }
        );
    }

    public CookieContainer Cookies { get; } = new();

    /// <summary>The address of the page.</summary>
    public Uri Url { get; private set; } = null!;

    public IHtmlDocument Page { get; private set; } = null!;

    /// <summary>The page's text as it came.</summary>
    public string Source { get; private set; } = "";

    public HttpStatusCode Status { get; private set; }

    /// <summary>The statuses of the redirects on the way to the page.</summary>
    public List<int> Redirects { get; } = [];

    /// <summary>Path and query of the page.</summary>
    public string Place => Url.PathAndQuery;

    /// <summary>The words of the page.</summary>
    public string Text => Words(Page.Body!.TextContent);

    /// <summary>The words of the main part of the page.</summary>
    public string Main => Words(One("main").TextContent);

    public Task<Visitor> GetAsync(string path) => SendAsync(HttpMethod.Get, new Uri(_home, path), []);

    /// <summary>Follows a link.</summary>
    public Task<Visitor> FollowAsync(string selector) =>
        SendAsync(HttpMethod.Get, new Uri(Url, One(selector).GetAttribute("href")!), []);

    /// <summary>Fills a form and sends it.</summary>
    /// <param name="selector">The form.</param>
    /// <param name="values">What is written into which fields.</param>
    /// <param name="button">The button that is pressed; the first one if null.</param>
    public Task<Visitor> SubmitAsync(
        string selector,
        (string Name, string Value)[]? values = null,
        string? button = null
    )
    {
        var (method, target, fields) = Filled(selector, values ?? [], button);
        return SendAsync(method, target, fields);
    }

    /// <summary>What sending the form would send.</summary>
    public (HttpMethod Method, Uri Target, List<KeyValuePair<string, string>> Fields) Filled(
        string selector,
        (string Name, string Value)[] values,
        string? button = null
    )
    {
        var form = (IHtmlFormElement)One(selector);
        var pressed = button is null
            ? form.QuerySelector("button[type=submit]")!
            : form.QuerySelector(button) ?? throw new InvalidOperationException($"no {button} in {form.OuterHtml}");
        List<KeyValuePair<string, string>> fields = [];
        foreach (var element in form.QuerySelectorAll("input[name], select[name], button[name]"))
        {
            var name = element.GetAttribute("name")!;
            var written = values.FirstOrDefault(v => v.Name == name);
            switch (element)
            {
                case IHtmlInputElement { Type: "radio" } radio
                    when written.Name is null ? !radio.IsChecked : radio.Value != written.Value:
                case IHtmlButtonElement when element != pressed:
                    break;
                case IHtmlInputElement input:
                    fields.Add(new(name, written.Value ?? input.Value));
                    break;
                case IHtmlSelectElement select:
                    fields.Add(new(name, written.Value ?? select.Value ?? ""));
                    break;
                case IHtmlButtonElement:
                    fields.Add(new(name, element.GetAttribute("value")!));
                    break;
            }
        }

        foreach (var (name, _) in values)
        {
            Assert.Contains(fields, f => f.Key == name);
        }

        var isGet = (pressed.GetAttribute("formmethod") ?? form.Method) == "get";
        var target = new Uri(Url, pressed.GetAttribute("formaction") ?? form.GetAttribute("action"));
        return (isGet ? HttpMethod.Get : HttpMethod.Post, target, fields);
    }

    /// <summary>Sends fields as a form of a page would, and follows where that leads.</summary>
    public async Task<Visitor> SendAsync(
        HttpMethod method,
        Uri target,
        IReadOnlyList<KeyValuePair<string, string>> fields
    )
    {
        Redirects.Clear();
        var (url, body) = (target, fields);
        if (method == HttpMethod.Get && fields.Count > 0)
        {
            using var query = new FormUrlEncodedContent(fields);
            url = new Uri(
                target,
                $"{target.AbsolutePath}?{await query.ReadAsStringAsync(TestContext.Current.CancellationToken)}"
            );
            body = [];
        }

        while (true)
        {
            using var request = new HttpRequestMessage(method, url);
            if (method == HttpMethod.Post)
            {
                request.Content = new FormUrlEncodedContent(body);
                request.Headers.TryAddWithoutValidation("Sec-Fetch-Site", "same-origin");
            }

            using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
            if ((int)answer.StatusCode is 302 or 303 or 307)
            {
                Redirects.Add((int)answer.StatusCode);
                Assert.True(Redirects.Count <= MaxRedirects, $"too many redirects: {url}");
                url = new Uri(url, answer.Headers.Location!);
                if (answer.StatusCode != HttpStatusCode.TemporaryRedirect)
                {
                    (method, body) = (HttpMethod.Get, []);
                }

                continue;
            }

            var html = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            (Url, Status, Source, Page) = (url, answer.StatusCode, html, Html.Parse(html));
            return this;
        }
    }

    /// <summary>The only element, or the first of several.</summary>
    public IElement One(string selector) =>
        Page.QuerySelector(selector)
        ?? throw new InvalidOperationException(
            string.Create(CultureInfo.InvariantCulture, $"{(int)Status} {Url}: no {selector} in: {Text}")
        );

    public IEnumerable<IElement> All(string selector) => Page.QuerySelectorAll(selector);

    /// <summary>The session's token, as a thief of the cookie would have it.</summary>
    public string? Cookie(string name) => Cookies.GetCookies(_home)[name]?.Value;

    public void Dispose() => _http.Dispose();

    private static string Words(string text) =>
        string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
