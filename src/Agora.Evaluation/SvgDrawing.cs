using System.Globalization;
using System.Net;
using System.Text;

namespace Agora.Evaluation;

/// <summary>The few shapes that the plots need.</summary>
internal sealed class SvgDrawing
{
    private readonly StringBuilder _svg = new();

    public SvgDrawing(int width, int height) =>
        _svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
                width="{width}" height="{height}" font-family="sans-serif">
            <rect width="100%" height="100%" fill="white"/>
            """
        );

    public void Text(double x, double y, string text, string anchor = "start", int size = 12) =>
        _svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"""
            <text x="{x:0.#}" y="{y:0.#}" font-size="{size}" text-anchor="{anchor}" fill="#222222">{Escaped(
                text
            )}</text>
            """
        );

    public void Line(
        double x1,
        double y1,
        double x2,
        double y2,
        string colour,
        double width = 1,
        bool dashed = false
    ) =>
        _svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<line x1="{x1:0.#}" y1="{y1:0.#}" x2="{x2:0.#}" y2="{y2:0.#}" stroke="{colour}" """
                + $"""stroke-width="{width:0.#}"{(dashed ? " stroke-dasharray=\"5 4\"" : "")}/>"""
        );

    public void Dot(double x, double y, string colour) =>
        _svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<circle cx="{x:0.#}" cy="{y:0.#}" r="3.2" fill="{colour}"/>"""
        );

    public void Path(IReadOnlyList<(double X, double Y)> points, string colour) =>
        _svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<polyline points="{Points(points)}" fill="none" stroke="{colour}" stroke-width="2"/>"""
        );

    public void Area(IReadOnlyList<(double X, double Y)> points, string colour) =>
        _svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<polygon points="{Points(points)}" fill="{colour}" fill-opacity="0.18"/>"""
        );

    public override string ToString() => $"{_svg}</svg>\n";

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);

    private static string Points(IReadOnlyList<(double X, double Y)> points) =>
        string.Join(' ', points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.X:0.#},{p.Y:0.#}")));
}
