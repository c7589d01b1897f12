using System.Xml.Linq;
using Agora.Web.Shop;

namespace Agora.Web.Tests.Shop;

public class CoverArtTests
{
    [Fact]
    public void The_same_words_have_the_same_cover_and_other_words_another_one()
    {
        Assert.Equal(CoverArt.Cover("Red bike", 1), CoverArt.Cover("Red bike", 1));
        Assert.NotEqual(CoverArt.Cover("Red bike", 1), CoverArt.Cover("Red bikes", 1));
        Assert.NotEqual(CoverArt.Tile(1), CoverArt.Tile(2));
        Assert.Equal(200, Enumerable.Range(0, 200).Select(i => CoverArt.Cover($"Thing {i}", 3)).Distinct().Count());
    }

    [Theory]
    [InlineData("Red bike", "Red bike")]
    [InlineData("Vintage orange wooden cargo bike", "Vintage orange wooden|cargo bike")]
    [InlineData("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "WWWWWWWWWWWWWWW…")]
    [InlineData(
        "自転車自転車自転車自転車 自転車自転車自転車自転車 自転車",
        "自転車自転車自転車自…|自転車自転車自転車自…"
    )]
    [InlineData("a b", "a b")]
    public void A_name_takes_at_most_two_lines(string name, string lines) =>
        Assert.Equal(lines, string.Join('|', CoverArt.Lines(name)));

    [Fact]
    public void A_cover_is_well_formed_whatever_the_name()
    {
        foreach (
            var name in (string[])["<b>&\"'</b>", "]]>", "\u202eevil", "🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲🚲", "é"]
        )
        {
            for (var category = 0; category < 12; category++)
            {
                var svg = XElement.Parse(CoverArt.Cover(name, category));
                Assert.Equal(2, svg.Elements("path").Count());
                Assert.All(svg.Elements("path"), path => Assert.NotEmpty(path.Attribute("d")!.Value));
            }
        }
    }

    [Fact]
    public void The_largest_category_has_a_colour() =>
        Assert.Contains("hue-7", CoverArt.Cover("x", int.MaxValue), StringComparison.Ordinal);
}
