using System.Globalization;
using System.Text;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>Writes parts of SVG. Every text is escaped, and numbers have one decimal.</summary>
internal static class Svg
{
    public static string Number(double value) => Math.Round(value, 1).ToString("0.#", CultureInfo.InvariantCulture);

    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&#39;"),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    public static string Line(string style, double x1, double y1, double x2, double y2) =>
        $"<path class=\"{style}\" d=\"M{Number(x1)} {Number(y1)}L{Number(x2)} {Number(y2)}\"/>";

    public static string Path(string style, string d) => $"<path class=\"{style}\" d=\"{d}\"/>";

    public static string Circle(string style, double x, double y, double radius) =>
        $"<circle class=\"{style}\" cx=\"{Number(x)}\" cy=\"{Number(y)}\" r=\"{Number(radius)}\"/>";

    public static string Box(string style, double x, double y, double width, double height, double radius) =>
        $"<rect class=\"{style}\" x=\"{Number(x)}\" y=\"{Number(y)}\" width=\"{Number(width)}\" "
        + $"height=\"{Number(height)}\" rx=\"{Number(radius)}\"/>";

    /// <summary>A text whose class says how it is aligned.</summary>
    public static string Text(string style, double x, double y, string text) =>
        $"<text class=\"{style}\" x=\"{Number(x)}\" y=\"{Number(y)}\">{Escape(text)}</text>";
}
