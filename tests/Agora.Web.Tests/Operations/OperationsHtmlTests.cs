using Agora.Web.Operations;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;

namespace Agora.Web.Tests.Operations;

/// <summary>The pages' HTML is valid, and what names something names something that is there.</summary>
public sealed class OperationsHtmlTests
{
    [Theory]
    [InlineData("/operations", false)]
    [InlineData("/operations", true)]
    [InlineData("/operations?server=buyer-server/0", false)]
    [InlineData("/operations?server=%22%3E%3Cscript%3E", false)]
    [InlineData("/operations/log/products/1", false)]
    public async Task A_page_is_valid(string path, bool isForwarded)
    {
        await using var host = await RoomHost.StartAsync();
        var now = DateTime.UtcNow;
        host.Room.Log = new LogTail("products/1", ["<script>", "\"quoted\" & more"], IsCut: true);
        host.Room.Show(
            Pictures.Well(now).With("products/2", p => p.Killed(now)) with
            {
                Lab = new LabPicture(false, "5% loss", [new("customers/0", "customers/1", true, "perfect")]),
            }
        );
        using HttpClient http = new() { BaseAddress = host.Address };
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        if (isForwarded)
        {
            request.Headers.Add("X-Forwarded-For", "203.0.113.7");
        }

        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var html = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        answer.EnsureSuccessStatusCode();
        var page = Parse(html);
        string[] ids = [.. page.QuerySelectorAll("[id]").Select(e => e.Id!)];
        Assert.Equal(ids.Distinct(), ids);
        foreach (var attribute in (string[])["for", "aria-describedby", "aria-labelledby"])
        {
            Assert.Empty(
                page.QuerySelectorAll($"[{attribute}]")
                    .SelectMany(e => e.GetAttribute(attribute)!.Split(' '))
                    .Except(ids)
            );
        }

        Assert.Empty(page.QuerySelectorAll("[style], style, script:not([src])").Select(e => e.OuterHtml));
        Assert.Single(page.QuerySelectorAll("h1"));
    }

    // Unlike browsers, it repairs nothing.
    private static IHtmlDocument Parse(string html)
    {
        try
        {
            return new HtmlParser(new HtmlParserOptions { IsStrictMode = true }).ParseDocument(html);
        }
        catch (HtmlParseException e)
        {
            var from = Math.Max(0, e.Position.Position - 200);
            Assert.Fail($"{e.Message} at {e.Position}: {html[from..Math.Min(html.Length, from + 300)]}");
            throw;
        }
    }
}
