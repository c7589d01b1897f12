using System.Globalization;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>The lines of the messages. One that is under way ends where it is, with a dot.</summary>
internal sealed class MessageShapes(
    Play play,
    DiagramLayout layout,
    DiagramOptions options,
    DiagramView view,
    StepRange steps
)
{
    /// <summary>How far a lost message gets.</summary>
    private const double LostAt = 0.55;

    public void AddTo(List<Shape> shapes)
    {
        foreach (var datagram in play.Recording.Datagrams)
        {
            var from = steps.Of(datagram.Moment);
            if (from > steps.Last)
            {
                break;
            }

            if (datagram.IsLost)
            {
                AddLost(shapes, datagram, from);
            }
            else
            {
                foreach (var arrival in datagram.Arrivals)
                {
                    AddOnItsWay(shapes, datagram, from, arrival);
                }
            }
        }
    }

    private void AddLost(List<Shape> shapes, SentDatagram datagram, int from)
    {
        var line = Line.Of(datagram, layout, datagram.Moment.At);
        line = line with { Y2 = line.Y1 + DiagramLayout.HopHeight };
        if (!view.Shows(line.Y1, line.Y2))
        {
            return;
        }

        var end = line.To(LostAt);
        var cross = $"M{P(end.X2 - 5)} {P(end.Y2 - 5)}l10 10M{P(end.X2 + 5)} {P(end.Y2 - 5)}l-10 10";
        Add(
            shapes,
            datagram,
            from,
            int.MaxValue,
            from == steps.First,
            end,
            Svg.Path("cross-back", cross) + Svg.Path("cross", cross)
        );
    }

    private void AddOnItsWay(List<Shape> shapes, SentDatagram datagram, int from, long arrival)
    {
        var isRead = datagram.Read is { } read && read.At == arrival;
        var line = Line.Of(datagram, layout, arrival);
        if (isRead)
        {
            line = line with { Y2 = layout.YOf(datagram.Read!) };
        }

        if (!view.Shows(line.Y1, line.Y2))
        {
            return;
        }

        var done = Math.Max(from, isRead ? steps.Of(datagram.Read!) : steps.At(arrival));
        if (done <= steps.Last)
        {
            var end = line.Shortened(4);
            var missed = datagram is { IsMissed: true, Read: null };
            var isNew = from == steps.First || done == steps.First;
            Add(shapes, datagram, done, int.MaxValue, isNew, end, missed ? Cross(line) : end.Head());
        }

        for (var i = Math.Max(from, steps.First); i <= steps.Last && i < done; i++)
        {
            var present = layout.Present(play.Steps[i]);
            var part = Math.Clamp((present - line.Y1) / Math.Max(1, line.Y2 - line.Y1), 0, 0.93);
            if (part > 0)
            {
                var end = line.To(part);
                Add(shapes, datagram, i, i, i == from, end, Svg.Circle("dot", end.X2, end.Y2, 3.2));
            }
        }
    }

    private void Add(List<Shape> shapes, SentDatagram datagram, int from, int to, bool isNew, Line line, string end)
    {
        var kind = KindOf(datagram);
        var isChosen = options.Message == datagram.Id;
        var lines = isChosen ? Svg.Line("choice", line.X1, line.Y1, line.X2, line.Y2) : "";
        lines +=
            kind == "both"
                ? Svg.Line("line request", line.X1, line.Y1 - 2, line.X2, line.Y2 - 2)
                    + Svg.Line("line sequence", line.X1, line.Y1 + 2, line.X2, line.Y2 + 2)
                : Svg.Line($"line {kind}", line.X1, line.Y1, line.X2, line.Y2);
        var colour = kind == "both" ? "sequence" : kind;
        var content = $"<g class=\"message {colour}{steps.NewIf(isNew)}\">{lines}{end}</g>";
        if (options.MessageLink is { } link)
        {
            var title = string.Create(
                CultureInfo.InvariantCulture,
                $"{Sentences.Of(datagram)}, from member {datagram.From} to member {datagram.To}"
            );
            var hit = Svg.Line("hit", line.X1, line.Y1, line.X2, line.Y2);
            content =
                $"<a class=\"to-message\" href=\"{Svg.Escape(link(datagram.Id))}\" tabindex=\"-1\">"
                + $"<title>{Svg.Escape(title)}</title>{hit}{content}</a>";
        }

        shapes.Add(new(kind == "claims" ? Layer.Claims : Layer.Messages, from, to, content));
    }

    private static string Cross(Line line) =>
        Svg.Path("cross", $"M{P(line.X2 - 4)} {P(line.Y2 - 4)}l8 8M{P(line.X2 + 4)} {P(line.Y2 - 4)}l-8 8");

    private static string KindOf(SentDatagram datagram)
    {
        var (request, sequence) = (false, false);
        foreach (var message in datagram.Messages)
        {
            request |= message.IsRequest;
            sequence |= message.IsSequence;
        }

        return (request, sequence) switch
        {
            (true, true) => "both",
            (true, false) => "request",
            (false, true) => "sequence",
            _ => datagram.Messages.Count > 0 ? "retransmit" : "claims",
        };
    }

    private static string P(double value) => Svg.Number(value);

    private readonly record struct Line(double X1, double Y1, double X2, double Y2)
    {
        public static Line Of(SentDatagram datagram, DiagramLayout layout, long arrival)
        {
            var y = layout.YOf(datagram.Moment);
            return new(
                DiagramLayout.XOf(datagram.From),
                y,
                DiagramLayout.XOf(datagram.To),
                Math.Max(y + 4, layout.YAt(arrival))
            );
        }

        public Line To(double part) => this with { X2 = X1 + ((X2 - X1) * part), Y2 = Y1 + ((Y2 - Y1) * part) };

        public Line Shortened(double by)
        {
            var length = Math.Sqrt(((X2 - X1) * (X2 - X1)) + ((Y2 - Y1) * (Y2 - Y1)));
            return To(1 - (by / length));
        }

        /// <summary>The head of an arrow at the end of the line.</summary>
        public string Head()
        {
            var length = Math.Sqrt(((X2 - X1) * (X2 - X1)) + ((Y2 - Y1) * (Y2 - Y1)));
            var (dx, dy) = ((X2 - X1) / length, (Y2 - Y1) / length);
            var (backX, backY) = (X2 - (8 * dx), Y2 - (8 * dy));
            return Svg.Path(
                "arrow",
                $"M{P(X2)} {P(Y2)}L{P(backX - (3.6 * dy))} {P(backY + (3.6 * dx))}"
                    + $"L{P(backX + (3.6 * dy))} {P(backY - (3.6 * dx))}Z"
            );
        }
    }
}
