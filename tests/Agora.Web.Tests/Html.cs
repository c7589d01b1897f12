using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;

namespace Agora.Web.Tests;

/// <summary>Reads pages strictly.</summary>
internal static class Html
{
    /// <summary>The document; the test fails if it is not valid.</summary>
    public static IHtmlDocument Parse(string html)
    {
        IHtmlDocument page;
        try
        {
            // Unlike browsers, it repairs nothing.
            page = new HtmlParser(new HtmlParserOptions { IsStrictMode = true }).ParseDocument(html);
        }
        catch (HtmlParseException e)
        {
            var from = Math.Max(0, e.Position.Position - 200);
            Assert.Fail($"{e.Message} at {e.Position}: {html[from..Math.Min(html.Length, from + 300)]}");
            throw;
        }

        string[] ids = [.. page.QuerySelectorAll("[id]").Select(e => e.Id!)];
        Assert.Equal(ids.Distinct(), ids);
        Assert.Empty(page.QuerySelectorAll("[style], style, script:not([src])").Select(e => e.OuterHtml));
        Assert.Empty(
            page.QuerySelectorAll("*")
                .SelectMany(e => e.Attributes)
                .Where(a => a.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase))
                .Select(a => a.Name)
        );
        foreach (var attribute in (string[])["for", "aria-describedby", "aria-labelledby"])
        {
            var named = page.QuerySelectorAll($"[{attribute}]").SelectMany(e => e.GetAttribute(attribute)!.Split(' '));
            Assert.Empty(named.Except(ids));
        }

        Assert.Empty(
            page.QuerySelectorAll("form[method=post]")
                .Where(form => form.QuerySelectorAll("input[type=hidden][name=key]").Length != 1)
                .Select(form => form.OuterHtml)
        );
        Assert.Single(page.QuerySelectorAll("h1"));
        return page;
    }
}
