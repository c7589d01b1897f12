using System.Globalization;
using System.Text;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// Draws a play as a space-time diagram: members side by side, time downwards, a line for each message. Pages, the
/// static page and the documents show the same pictures.
/// </summary>
public static class Diagram
{
    private static readonly Lazy<string> s_style = new(() => ReadText("diagram.css"));

    /// <summary>The style sheet that the pictures need.</summary>
    public static string Style => s_style.Value;

    /// <summary>The picture of one step.</summary>
    public static string Draw(Play play, PlayStep step, DiagramOptions options)
    {
        ArgumentNullException.ThrowIfNull(play);
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(options);
        var layout = new DiagramLayout(play);
        var view = DiagramView.Of(step, layout, options);
        var shapes = new List<Shape>();
        Collect(play, layout, options, view, step.Index, step.Index, shapes);
        return Write(
            play,
            layout,
            options,
            view,
            $"Step {step.Index.ToString(CultureInfo.InvariantCulture)}: {step.Sentence}",
            shapes.Where(shape => shape.From <= step.Index && shape.To >= step.Index),
            shape => shape.Content
        );
    }

    /// <summary>
    /// One picture with all steps of a told play. Each part says in <c>data-from</c> and <c>data-to</c> which steps
    /// show
    /// it.
    /// </summary>
    public static string DrawAll(Play play)
    {
        ArgumentNullException.ThrowIfNull(play);
        var options = new DiagramOptions();
        var layout = new DiagramLayout(play);
        var last = play.Steps[^1];
        var view = DiagramView.Of(last, layout, options);
        var shapes = new List<Shape>();
        Collect(play, layout, options, view, 0, last.Index, shapes);
        var feet = string.Join(
            ' ',
            play.Steps.Select(step => Svg.Number(DiagramView.Of(step, layout, options).FootTop))
        );
        return Write(
            play,
            layout,
            options,
            view,
            play.Scenario.Title,
            shapes,
            shape =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"<g data-from=\"{shape.From}\" data-to=\"{Math.Min(shape.To, last.Index)}\">{shape.Content}</g>"
                ),
            $" data-feet=\"{feet}\""
        );
    }

    internal static string ReadText(string name)
    {
        using var stream = typeof(Diagram).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static void Collect(
        Play play,
        DiagramLayout layout,
        DiagramOptions options,
        DiagramView view,
        int first,
        int last,
        List<Shape> shapes
    )
    {
        var steps = new StepRange(play, first, last, shows: !options.IsFile);
        new MessageShapes(play, layout, options, view, steps).AddTo(shapes);
        new MarkShapes(play, layout, view, steps).AddTo(shapes);
        for (var i = first; i <= last; i++)
        {
            new StepShapes(play, layout, view, play.Steps[i]).AddTo(shapes);
        }

        new FootShapes(play, steps).AddTo(shapes);
    }

    private static string Write(
        Play play,
        DiagramLayout layout,
        DiagramOptions options,
        DiagramView view,
        string description,
        IEnumerable<Shape> shapes,
        Func<Shape, string> content,
        string data = ""
    )
    {
        var (width, height) = (Svg.Number(layout.Width), Svg.Number(view.Height));
        var role = options.MessageLink is null ? "img" : "group";
        var svg = new StringBuilder("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diagram");
        svg.Append(options.IsFile ? " file" : "").Append("\" role=\"").Append(role).Append("\" viewBox=\"0 0 ");
        svg.Append(width).Append(' ').Append(height).Append("\" width=\"").Append(width).Append("\" height=\"");
        svg.Append(height)
            .Append("\" aria-label=\"")
            .Append(Svg.Escape(description))
            .Append('"')
            .Append(data)
            .Append('>');
        if (options.IsFile)
        {
            svg.Append("<style>").Append(Style).Append("</style>");
            svg.Append("<rect class=\"paper\" width=\"").Append(width).Append("\" height=\"").Append(height);
            svg.Append("\" rx=\"8\"/>");
        }

        Heads(svg, play, options);
        var ordered = shapes.OrderBy(shape => shape.Layer).ToList();
        // Time that is older than the picture has room for goes up, behind the heads.
        var isCut = view.Offset > 0;
        svg.Append(
            isCut
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"<svg y=\"{Svg.Number(view.Top)}\" width=\"{width}\" height=\"{Svg.Number(view.TimeHeight)}\" "
                        + $"viewBox=\"0 {Svg.Number(view.Top + view.Offset)} {width} {Svg.Number(view.TimeHeight)}\">"
                )
                : "<g>"
        );
        foreach (var shape in ordered.Where(shape => shape.Layer != Layer.Feet))
        {
            svg.Append(content(shape));
        }

        svg.Append(isCut ? "</svg>" : "</g>");
        svg.Append("<g class=\"feet\" transform=\"translate(0 ").Append(Svg.Number(view.FootTop)).Append(")\">");
        FootShapes.AddRowNames(svg);
        foreach (var shape in ordered.Where(shape => shape.Layer == Layer.Feet))
        {
            svg.Append(content(shape));
        }

        svg.Append("</g>");
        return svg.Append("</svg>").ToString();
    }

    private static void Heads(StringBuilder svg, Play play, DiagramOptions options)
    {
        svg.Append(Svg.Text("axis", 6, 30, "member")).Append(Svg.Text("axis", 6, 52, "time ↓"));
        for (var member = 0; member < play.Members; member++)
        {
            var x = DiagramLayout.XOf(member);
            var chosen = options.Member == member ? " chosen" : "";
            var head =
                Svg.Circle($"head{chosen}", x, 26, 16)
                + Svg.Text("head-name", x, 31, member.ToString(CultureInfo.InvariantCulture));
            svg.Append(
                options.MemberLink is { } link
                    ? $"<a class=\"member\" href=\"{Svg.Escape(link(member))}\" aria-label=\"Member {member}\" "
                        + $"data-member=\"{member}\">{head}</a>"
                    : head
            );
        }
    }
}
