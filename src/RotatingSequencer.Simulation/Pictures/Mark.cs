namespace RotatingSequencer.Simulation.Pictures;

/// <summary>A mark at a member's line.</summary>
/// <param name="Kind">Its class in the style sheet.</param>
/// <param name="Width">How wide it is.</param>
/// <param name="Text">What stands in it.</param>
/// <param name="Label">What stands beside it.</param>
internal sealed record Mark(string Kind, double Width, string Text, string Label)
{
    private const double Size = 18;

    public static Mark Assigned(string numbers) => new("assigned", WidthOf(numbers), numbers, "");

    public static Mark Delivered(string numbers) => new("delivered", WidthOf(numbers), numbers, "");

    public static Mark Of(MemberEvent what) =>
        what switch
        {
            MemberEvent.Submits => new("submits", 11, "", "request"),
            MemberEvent.BeginsToRead => new("reads", 11, "", "read?"),
            MemberEvent.Reads => new("reads done", 14, "", "reads"),
            MemberEvent.Dies => new("dies", Size, "", "killed"),
            MemberEvent.Starts => new("starts", 13, "", "starts"),
            MemberEvent.Pauses => new("pauses", 13, "", "pauses"),
            _ => new("goes-on", 13, "", "goes on"),
        };

    public string Draw(double x, double y)
    {
        var shape = Kind switch
        {
            "assigned" => Svg.Box(Kind, x - (Width / 2), y - (Size / 2), Width, Size, 3),
            "delivered" => Svg.Box(Kind, x - (Width / 2), y - (Size / 2), Width, Size, Size / 2),
            "dies" => Svg.Circle(Kind, x, y, Size / 2)
                + Svg.Path("dies-cross", $"M{Svg.Number(x - 4)} {Svg.Number(y - 4)}l8 8m0 -8l-8 8"),
            "pauses" => Svg.Circle(Kind, x, y, Width / 2)
                + Svg.Path("pauses-bars", $"M{Svg.Number(x - 2)} {Svg.Number(y - 3)}v6m4 0v-6"),
            _ => Svg.Circle(Kind, x, y, Width / 2),
        };
        return Text.Length == 0 ? shape : shape + Svg.Text($"{Kind}-text", x, y + 4, Text);
    }

    private static double WidthOf(string text) => Math.Max(Size, (text.Length * 6.6) + 8);
}
