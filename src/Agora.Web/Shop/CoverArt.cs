using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace Agora.Web.Shop;

/// <summary>
/// Draws covers: items have no pictures, and a picture that shows something else would be a lie. A cover is a pattern
/// in the colours of the item's category, chosen by the item's name, over a band with the name. The same name in the
/// same category always has the same cover. Colours are classes of the style sheet, so covers follow light and dark.
/// </summary>
internal static class CoverArt
{
    /// <summary>Colours in the style sheet: <c>hue-0</c> to <c>hue-9</c>.</summary>
    private const int Hues = 10;

    private const int Cell = 40;
    private const int Width = 320;
    private const int PatternHeight = 160;
    private const int Height = 240;
    private const int TextLeft = 20;
    private const double TextWidth = Width - 2 * TextLeft;

    /// <summary>An item's cover. It repeats the name that stands beside it, so it is hidden from readers.</summary>
    public static string Cover(string name, int category)
    {
        StringBuilder svg = new(4096);
        Begin(svg, category, Height);
        Pattern(svg, Seed($"{category}/{name}"), columns: Width / Cell, rows: PatternHeight / Cell);
        Add(svg, $"<rect class=\"band\" y=\"{PatternHeight}\" width=\"{Width}\" height=\"{Height - PatternHeight}\"/>");
        var lines = Lines(name);
        var y = lines.Count == 1 ? 209 : 193;
        foreach (var line in lines)
        {
            Add(svg, $"<text x=\"{TextLeft}\" y=\"{y}\">{HtmlEncoder.Default.Encode(line)}</text>");
            y += 30;
        }

        return svg.Append("</svg>").ToString();
    }

    /// <summary>The pattern of a category, without words.</summary>
    public static string Tile(int category)
    {
        StringBuilder svg = new(2048);
        Begin(svg, category, 2 * Cell);
        Pattern(svg, Seed($"category {category}"), columns: Width / Cell, rows: 2);
        return svg.Append("</svg>").ToString();
    }

    private static void Begin(StringBuilder svg, int category, int height)
    {
        Add(svg, $"<svg class=\"cover hue-{category % Hues}\" viewBox=\"0 0 {Width} {height}\" aria-hidden=\"true\">");
        Add(svg, $"<rect class=\"ground\" width=\"{Width}\" height=\"{height}\"/>");
    }

    // One path for each of two tones holds the shapes of all cells.
    private static void Pattern(StringBuilder svg, ulong seed, int columns, int rows)
    {
        StringBuilder light = new(),
            strong = new();
        var kind = Next(ref seed) % 6;
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var number = Next(ref seed);
                // Some cells stay empty, so that the pattern can breathe.
                if (number % 5 == 0)
                {
                    continue;
                }

                var tone = number % 3 == 0 ? strong : light;
                Shape(tone, kind, (int)(number >> 8 & 3), column * Cell, row * Cell);
            }
        }

        Add(svg, $"<path class=\"light\" d=\"{light}\"/><path class=\"strong\" d=\"{strong}\"/>");
    }

    /// <param name="path">The path to add to.</param>
    /// <param name="kind">The kind of pattern.</param>
    /// <param name="turn">Which of four ways the shape is turned.</param>
    /// <param name="x">The cell's left edge.</param>
    /// <param name="y">The cell's upper edge.</param>
    private static void Shape(StringBuilder path, ulong kind, int turn, int x, int y)
    {
        // The corners of the cell, beginning with the one that the shape is turned to.
        ReadOnlySpan<(int X, int Y)> corners = [(x, y), (x + Cell, y), (x + Cell, y + Cell), (x, y + Cell)];
        var (a, b, c, d) = (corners[turn], corners[(turn + 1) % 4], corners[(turn + 2) % 4], corners[(turn + 3) % 4]);
        const int Half = Cell / 2;
        var (middleX, middleY) = (x + Half, y + Half);
        switch (kind)
        {
            case 0: // A quarter of a circle.
                Add(path, $"M{a.X} {a.Y}L{b.X} {b.Y}A{Cell} {Cell} 0 0 1 {d.X} {d.Y}Z");
                break;
            case 1: // A leaf.
                Add(path, $"M{a.X} {a.Y}A{Cell} {Cell} 0 0 1 {c.X} {c.Y}A{Cell} {Cell} 0 0 1 {a.X} {a.Y}Z");
                break;
            case 2: // A triangle.
                Add(path, $"M{a.X} {a.Y}L{b.X} {b.Y}L{d.X} {d.Y}Z");
                break;
            case 3: // A disc, of one of four sizes.
                var radius = 8 + 4 * turn;
                Add(path, $"M{middleX - radius} {middleY}a{radius} {radius} 0 1 0 {2 * radius} 0");
                Add(path, $"a{radius} {radius} 0 1 0 {-2 * radius} 0Z");
                break;
            case 4: // Half a disc, standing on one edge.
                Add(path, $"M{a.X} {a.Y}L{b.X} {b.Y}A{Half} {Half} 0 0 1 {a.X} {a.Y}Z");
                break;
            default: // Three bars, which lie or stand, as in a basket.
                for (var bar = 4; bar < Cell; bar += 12)
                {
                    Add(
                        path,
                        turn % 2 == 0
                            ? $"M{x} {y + bar}h{Cell}v8h{-Cell}Z"
                            : (FormattableString)$"M{x + bar} {y}v{Cell}h8v{-Cell}Z"
                    );
                }

                break;
        }
    }

    /// <summary>A name in at most two lines, cut where it is wider than the cover.</summary>
    internal static IReadOnlyList<string> Lines(string name)
    {
        List<string> lines = [];
        var line = "";
        foreach (var word in name.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : $"{line} {word}";
            if (line.Length > 0 && WidthOf(longer) > TextWidth)
            {
                lines.Add(line);
                line = word;
            }
            else
            {
                line = longer;
            }
        }

        lines.Add(line);
        var fits = lines.Count <= 2;
        return [.. lines.Take(2).Select((text, i) => Cut(text, isCut: !fits && i == 1))];
    }

    private static string Cut(string line, bool isCut)
    {
        if (!isCut && WidthOf(line) <= TextWidth)
        {
            return line;
        }

        var elements = StringInfo.GetTextElementEnumerator(line);
        StringBuilder kept = new();
        while (elements.MoveNext() && WidthOf($"{kept}{elements.GetTextElement()}…") <= TextWidth)
        {
            kept.Append(elements.GetTextElement());
        }

        return $"{kept}…";
    }

    // A guess: fonts differ. Wide scripts need twice the room of Latin letters.
    private static double WidthOf(string text) =>
        text.EnumerateRunes()
            .Sum(rune =>
                rune.Value >= 0x2e80 ? 25.0
                : Rune.IsUpper(rune) || rune.Value is 'm' or 'w' ? 17.5
                : rune.Value is 'i' or 'j' or 'l' or 'f' or 't' or 'r' or ' ' or '.' or ',' or '\'' ? 7.5
                : 12.5
            );

    // FNV-1a, then splitmix64: the same at every replica and in every version.
    private static ulong Seed(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var unit in Encoding.UTF8.GetBytes(text))
        {
            hash = (hash ^ unit) * 1099511628211UL;
        }

        return hash;
    }

    private static ulong Next(ref ulong state)
    {
        state += 0x9e3779b97f4a7c15UL;
        var mixed = (state ^ state >> 30) * 0xbf58476d1ce4e5b9UL;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebUL;
        return mixed ^ mixed >> 31;
    }

    private static void Add(StringBuilder text, FormattableString part) =>
        text.Append(part.ToString(CultureInfo.InvariantCulture));
}
