using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using RotatingSequencer.Campaigns;
using RotatingSequencer.Simulation.Pictures;

namespace RotatingSequencer.Tests.Plays;

public sealed partial class DiagramTests
{
    public static TheoryData<string> Names => Played.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_step_is_a_well_formed_picture_without_style_or_script_of_its_own(string name)
    {
        var play = Played.Told(name);
        foreach (var step in play.Steps)
        {
            var options = new DiagramOptions { MessageLink = id => $"?a={id}&b=\"'<", MemberLink = m => $"?m={m}" };

            var svg = XDocument.Parse(Diagram.Draw(play, step, options)).Root!;

            Assert.Empty(svg.Descendants().Attributes("style"));
            Assert.DoesNotContain(svg.Descendants(), e => e.Name.LocalName is "style" or "script");
            Assert.Equal(play.Members, svg.Descendants().Count(e => (string?)e.Attribute("class") == "member"));
        }
    }

    [Fact]
    public void Pictures_of_seeds_are_well_formed_and_within_their_box()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var play = Played.Seed(seed);
            var step = play.Steps[seed % play.Steps.Count];

            var svg = XDocument.Parse(Diagram.Draw(play, step, new DiagramOptions { MaxHeight = 520 })).Root!;

            var width = double.Parse(svg.Attribute("width")!.Value, CultureInfo.InvariantCulture);
            Assert.All(
                svg.Descendants().Where(e => e.Name.LocalName == "text").Attributes("x"),
                x => Assert.InRange(double.Parse(x.Value, CultureInfo.InvariantCulture), 0, width)
            );
            Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_lost_message_ends_in_a_cross_and_a_delivery_shows_its_number()
    {
        var play = Played.Told("lost-request");

        var svg = XDocument.Parse(Diagram.Draw(play, play.Steps[^1], new DiagramOptions())).Root!;

        Assert.Single(svg.Descendants(), e => (string?)e.Attribute("class") == "cross");
        Assert.Equal(
            Enumerable.Repeat("10", play.Members),
            svg.Descendants().Where(e => (string?)e.Attribute("class") == "delivered-text").Select(e => e.Value)
        );
    }

    [Fact]
    public void The_flag_stands_at_the_member_whose_turn_it_is()
    {
        var play = Played.Told("normal");

        string[] flags =
        [
            .. play.Steps.Select(step =>
                XDocument
                    .Parse(Diagram.Draw(play, step, new DiagramOptions()))
                    .Descendants()
                    .Single(e => (string?)e.Attribute("class") == "flag-text")
                    .Value
            ),
        ];

        Assert.Equal(["10", "10", "10", "11", "12", "13", "13", "13", "13"], flags);
    }

    /// <summary>Browsers' tools do not check the text in pictures.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Texts_and_lines_have_enough_contrast_in_light_and_dark(bool isDark)
    {
        var colours = Variables().Matches(Diagram.Style);
        // Each is defined twice: for light, then for dark.
        string Colour(string name) =>
            colours.Where(match => match.Groups[1].Value == name).ElementAt(isDark ? 1 : 0).Groups[2].Value;

        foreach (var text in (string[])["ink", "quiet", "request", "sequence", "accent", "danger"])
        {
            Assert.True(Contrast(Colour(text), Colour("paper")) >= 4.5, text);
        }

        foreach (var fill in (string[])["sequence", "accent", "danger", "quiet"])
        {
            Assert.True(Contrast(Colour("on"), Colour(fill)) >= 4.5, $"on {fill}");
        }

        Assert.True(Contrast(Colour("ink"), Colour("changed")) >= 4.5);
        Assert.True(Contrast(Colour("ink"), Colour("wash")) >= 4.5);
        Assert.True(Contrast(Colour("rail"), Colour("paper")) >= 3);
        Assert.True(Contrast(Colour("rail"), Colour("turn")) >= 1.9);
    }

    [Fact]
    public void The_pictures_in_the_documents_are_what_the_code_makes()
    {
        var folder = Path.Combine(MutationRuns.Root, DocumentFiles.Folder);
        var files = DocumentFiles.Make();

        Assert.Equal(files.Keys, Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(
            files,
            file =>
                Assert.True(
                    file.Value == File.ReadAllText(Path.Combine(folder, file.Key)),
                    $"{DocumentFiles.Folder}/{file.Key} is old. Make it anew: "
                        + "dotnet run -c Release --project tests/RotatingSequencer.Campaigns -- --pictures"
                )
        );
    }

    [Fact]
    public void The_static_page_needs_nothing_from_elsewhere_and_has_every_step()
    {
        var page = DocumentFiles.Make()["index.html"];

        Assert.DoesNotContain(
            "http",
            page.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
        Assert.InRange(page.Length, 100_000, 1_000_000);
        Assert.Equal(Played.All.Sum(scenario => scenario.Told.Count + 1), page.Split("<li data-step=").Length - 1);
    }

    private static double Contrast(string one, string other)
    {
        var (a, b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    /// <summary>Relative luminance as WCAG 2 defines it.</summary>
    private static double Luminance(string colour)
    {
        double Part(int at)
        {
            var value = int.Parse(colour.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }

        return (0.2126 * Part(1)) + (0.7152 * Part(3)) + (0.0722 * Part(5));
    }

    [GeneratedRegex("--d-([a-z]+): (#[0-9a-f]{6});")]
    private static partial Regex Variables();
}
