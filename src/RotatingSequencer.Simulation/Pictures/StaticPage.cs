using System.Globalization;
using System.Text;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// One HTML file that plays the told scenarios without a server. Without scripts it shows all pictures and sentences.
/// </summary>
internal static class StaticPage
{
    public static string Make(IReadOnlyList<Play> plays)
    {
        var page = new StringBuilder(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="generator" content="tests/RotatingSequencer.Campaigns, option --pictures">
            <title>The rotating-sequencer broadcast, to play with</title>
            <style>

            """
        );
        page.Append(Diagram.Style).Append(Diagram.ReadText("static.css")).Append("</style>\n</head>\n<body>\n<main>\n");
        page.Append("<h1>The rotating-sequencer broadcast, to play with</h1>\n");
        Paragraph(page, Primer.Purpose);
        page.Append("<ol class=\"rules\">\n");
        foreach (var (title, text) in Primer.Rules)
        {
            page.Append("<li><strong>").Append(Svg.Escape(title)).Append("</strong> ").Append(Svg.Escape(text));
            page.Append("</li>\n");
        }

        page.Append("</ol>\n<nav aria-label=\"Scenarios\"><ol class=\"scenarios\">\n");
        foreach (var play in plays)
        {
            page.Append("<li><a href=\"#").Append(play.Scenario.Name).Append("\">");
            page.Append(Svg.Escape(play.Scenario.Title)).Append("</a></li>\n");
        }

        page.Append("</ol></nav>\n");
        foreach (var play in plays)
        {
            AddPlay(page, play);
        }

        AddLegend(page);
        page.Append("</main>\n<script>\n")
            .Append(Diagram.ReadText("static.js"))
            .Append("</script>\n</body>\n</html>\n");
        return page.ToString();
    }

    private static void AddPlay(StringBuilder page, Play play)
    {
        var scenario = play.Scenario;
        page.Append("<section class=\"play\" id=\"").Append(scenario.Name).Append("\" aria-labelledby=\"title-");
        page.Append(scenario.Name)
            .Append("\">\n<div class=\"say\">\n<h2 id=\"title-")
            .Append(scenario.Name)
            .Append("\">");
        page.Append(Svg.Escape(scenario.Title)).Append("</h2>\n");
        Paragraph(page, scenario.Summary, "quiet");
        page.Append("<ol class=\"steps\" start=\"0\">\n");
        foreach (var step in play.Steps)
        {
            page.Append(CultureInfo.InvariantCulture, $"<li data-step=\"{step.Index}\">");
            page.Append(Svg.Escape(step.Sentence)).Append("</li>\n");
        }

        page.Append(
            """
            </ol>
            <p class="controls" hidden>
            <button type="button" data-do="back">Back</button>
            <button type="button" data-do="step">Step</button>
            <button type="button" data-do="play">Play</button>
            <span class="count" aria-live="polite"></span>
            </p>

            """
        );
        Paragraph(page, scenario.Lesson, "lesson");
        page.Append("</div>\n<div class=\"picture\">\n").Append(Diagram.DrawAll(play)).Append("\n</div>\n</section>\n");
    }

    private static void AddLegend(StringBuilder page)
    {
        page.Append("<section class=\"legend\">\n<h2>How to read the pictures</h2>\n");
        Paragraph(page, "Each member is a line, and time goes down. Long waits are drawn shorter than they are.");
        page.Append("<ul class=\"samples\">\n");
        foreach (var (picture, text) in Primer.Legend)
        {
            page.Append("<li>").Append(picture).Append("<span>").Append(Svg.Escape(text)).Append("</span></li>\n");
        }

        page.Append("</ul>\n<dl>\n");
        foreach (var (row, text) in Primer.Rows)
        {
            page.Append("<dt>").Append(Svg.Escape(row)).Append("</dt><dd>").Append(Svg.Escape(text)).Append("</dd>\n");
        }

        page.Append("</dl>\n</section>\n");
    }

    private static void Paragraph(StringBuilder page, string text, string? style = null)
    {
        page.Append(style is null ? "<p>" : $"<p class=\"{style}\">").Append(Svg.Escape(text)).Append("</p>\n");
    }
}
