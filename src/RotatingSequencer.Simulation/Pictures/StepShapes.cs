using System.Globalization;
using System.Text;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// What changes with each step: the present, the members' lines down to it, and whose turn it was and is.
/// </summary>
internal sealed class StepShapes(Play play, DiagramLayout layout, DiagramView view, PlayStep step)
{
    private readonly double _present = layout.Present(step);

    public void AddTo(List<Shape> shapes)
    {
        var content = new StringBuilder();
        AddTurns(content);
        Add(shapes, Layer.Turns, content);
        for (var member = 0; member < play.Members; member++)
        {
            AddLife(content, member);
        }

        Add(shapes, Layer.Lives, content);
        AddPresent(content);
        Add(shapes, Layer.Present, content);
    }

    private void Add(List<Shape> shapes, Layer layer, StringBuilder content)
    {
        if (content.Length > 0)
        {
            shapes.Add(new(layer, step.Index, step.Index, content.ToString()));
            content.Clear();
        }
    }

    /// <summary>A band along the line of the member that has the turn.</summary>
    private void AddTurns(StringBuilder content)
    {
        var path = new StringBuilder();
        var (numbers, from) = (play.Recording.First.Numbers, DiagramLayout.Top - 10);
        for (var i = 0; i <= step.End; i++)
        {
            var moment = play.Recording.Moments[i];
            if (moment.Numbers != numbers)
            {
                AddBand(path, numbers, from, layout.YOf(moment));
                (numbers, from) = (moment.Numbers, layout.YOf(moment));
            }
        }

        AddBand(path, numbers, from, _present);
        content.Append(Svg.Path("turn", path.ToString()));
    }

    private void AddBand(StringBuilder path, int numbers, double from, double to)
    {
        if (to > from && view.Shows(from, to))
        {
            path.Append(
                CultureInfo.InvariantCulture,
                $"M{Svg.Number(DiagramLayout.XOf(numbers % play.Members))} {Svg.Number(from)}V{Svg.Number(to)}"
            );
        }
    }

    private void AddLife(StringBuilder content, int member)
    {
        var x = Svg.Number(DiagramLayout.XOf(member));
        var state = play.Recording.First.States[member];
        var from = DiagramLayout.Top - 30;
        for (var i = 0; i <= step.End; i++)
        {
            var moment = play.Recording.Moments[i];
            var after = moment.States[member];
            if (after.IsUp != state.IsUp || after.IsPaused != state.IsPaused)
            {
                AddSegment(layout.YOf(moment));
            }

            state = after;
        }

        AddSegment(_present);

        void AddSegment(double to)
        {
            var style =
                !state.IsUp ? "life down"
                : state.IsPaused ? "life paused"
                : "life";
            if (view.Shows(from, to))
            {
                content.Append(Svg.Path(style, $"M{x} {Svg.Number(from)}V{Svg.Number(to)}"));
            }

            from = to;
        }
    }

    private void AddPresent(StringBuilder content)
    {
        var y = Svg.Number(_present);
        var numbers = play.MomentOf(step).Numbers;
        var x = DiagramLayout.XOf(numbers % play.Members);
        var text = numbers.ToString(CultureInfo.InvariantCulture);
        var width = (text.Length * 6.6) + 14;
        content.Append(Svg.Path("present", $"M4 {y}H{Svg.Number(layout.Width - 4)}"));
        content.Append(
            Svg.Path(
                "flag",
                $"M{Svg.Number(x)} {Svg.Number(_present - 4)}v24M{Svg.Number(x)} {Svg.Number(_present + 3)}"
                    + $"h{Svg.Number(width)}l-4.5 7.5l4.5 7.5h-{Svg.Number(width)}z"
            )
        );
        content.Append(Svg.Text("flag-text", x + 5, _present + 14.5, text));
    }
}
