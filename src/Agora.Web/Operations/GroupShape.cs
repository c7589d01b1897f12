namespace Agora.Web.Operations;

/// <summary>Where the replicas of a group stand in its drawing: in a ring, or in a star around the leader.</summary>
/// <param name="Nodes">The place of each replica.</param>
/// <param name="CentreX">The centre.</param>
/// <param name="CentreY">The centre.</param>
internal sealed record GroupShape(
    IReadOnlyList<(ReplicaView Replica, double X, double Y)> Nodes,
    double CentreX,
    double CentreY
)
{
    public const double Width = 440;
    public const double Height = 290;
    public const double NodeRadius = 27;

    private const double Radius = 98;
    private const double X = Width / 2;
    private const double Y = 145;

    public static GroupShape Of(GroupView group)
    {
        var centre = group.TakesTurns ? null : group.Acting;
        ReplicaView[] around = [.. group.Replicas.Where(r => r != centre)];

        // Around a leader they are turned by half a place, so that no line leads straight down through its note.
        var first = (-Math.PI / 2) + (centre is null ? 0 : Math.PI / Math.Max(1, around.Length));
        var nodes = around.Select(
            (replica, i) =>
            {
                // The first stands on top, and the others follow clockwise.
                var angle = first + (2 * Math.PI * i / around.Length);
                return (replica, X + (Radius * Math.Cos(angle)), Y + (Radius * Math.Sin(angle)));
            }
        );
        return new GroupShape(centre is null ? [.. nodes] : [.. nodes, (centre, X, Y)], X, Y);
    }

    /// <summary>
    /// Where the note of a node stands: outside, so that it lies on no line; that of the centre below. The last part
    /// is the class that aligns it.
    /// </summary>
    public (double X, double Y, string Alignment) NotePlace(double x, double y)
    {
        const double Beside = NodeRadius + 9;
        var (dx, dy) = (x - CentreX, y - CentreY);
        return dx > NodeRadius ? (Beside, 5, "starts")
            : dx < -NodeRadius ? (-Beside, 5, "ends")
            : dy < -NodeRadius ? (0, -Beside, "")
            : (0, Beside + 8, "");
    }

    /// <summary>The piece of a line between two nodes that is outside both.</summary>
    public static (double X1, double Y1, double X2, double Y2) Between(double x1, double y1, double x2, double y2)
    {
        var length = Math.Sqrt(((x2 - x1) * (x2 - x1)) + ((y2 - y1) * (y2 - y1)));
        if (length < 2 * NodeRadius)
        {
            return (x1, y1, x2, y2);
        }

        var (dx, dy) = ((x2 - x1) / length, (y2 - y1) / length);
        const double Gap = NodeRadius + 5;
        return (x1 + (dx * Gap), y1 + (dy * Gap), x2 - (dx * Gap), y2 - (dy * Gap));
    }

    /// <summary>A line as a path.</summary>
    public static string Path((double X1, double Y1, double X2, double Y2) line) =>
        $"M{Words.Svg(line.X1)} {Words.Svg(line.Y1)}L{Words.Svg(line.X2)} {Words.Svg(line.Y2)}";

    /// <summary>The points of an arrow's head at the end of a line.</summary>
    public static string Arrow(double x1, double y1, double x2, double y2)
    {
        const double Length = 9;
        const double HalfWidth = 4.5;
        var length = Math.Max(1, Math.Sqrt(((x2 - x1) * (x2 - x1)) + ((y2 - y1) * (y2 - y1))));
        var (dx, dy) = ((x2 - x1) / length, (y2 - y1) / length);
        var (bx, by) = (x2 - (dx * Length), y2 - (dy * Length));
        return string.Join(
            ' ',
            new[]
            {
                (x2, y2),
                (bx - (dy * HalfWidth), by + (dx * HalfWidth)),
                (bx + (dy * HalfWidth), by - (dx * HalfWidth)),
            }.Select(p => $"{Words.Svg(p.Item1)},{Words.Svg(p.Item2)}")
        );
    }
}
