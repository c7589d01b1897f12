using System.Globalization;
using System.Text;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>At the foot of each member: what it holds of the last numbers, and its watermarks.</summary>
internal sealed class FootShapes(Play play, StepRange steps)
{
    private const double BoxSize = 19;
    private const double RowHeight = 18;
    private static readonly string[] s_rows =
    [
        "numbers",
        "no number",
        "holds to",
        "majority to",
        "delivered to",
        "dropped to",
    ];

    public void AddTo(List<Shape> shapes)
    {
        for (var member = 0; member < play.Members; member++)
        {
            for (var row = 0; row < s_rows.Length; row++)
            {
                AddCell(shapes, member, row);
            }
        }
    }

    /// <summary>The names of the rows, which never change.</summary>
    public static void AddRowNames(StringBuilder svg)
    {
        for (var row = 0; row < s_rows.Length; row++)
        {
            svg.Append(Svg.Text("row", 6, RowOf(row) + 4, s_rows[row]));
        }
    }

    /// <summary>One shape for each step that changes the cell, and one for all steps in a row that do not.</summary>
    private void AddCell(List<Shape> shapes, int member, int row)
    {
        for (var i = steps.First; i <= steps.Last; i++)
        {
            var (now, before) = (MomentAt(i), MomentAt(Math.Max(0, i - 1)));
            var cell = CellOf(now, member, row);
            var from = i;
            var isNew = steps.ShowsNew && cell != CellOf(before, member, row);
            while (!isNew && i < steps.Last && CellOf(MomentAt(i + 1), member, row) == cell)
            {
                i++;
            }

            var (x, y) = (DiagramLayout.XOf(member), RowOf(row));
            var content =
                row == 0 ? Boxes(now, steps.ShowsNew ? before : now, member, x, y)
                : isNew ? Svg.Box("changed", x - 26, y - 9, 52, 17, 4) + Svg.Text("value new", x, y + 4, cell)
                : Svg.Text("value", x, y + 4, cell);
            shapes.Add(new(Layer.Feet, from, i, content));
        }
    }

    private Moment MomentAt(int step) => play.MomentOf(play.Steps[step]);

    private static double RowOf(int row) => 22 + (row * RowHeight) + (row > 0 ? 6 : 0);

    private static string CellOf(Moment moment, int member, int row)
    {
        var state = moment.States[member];
        return row switch
        {
            0 => string.Join(' ', state.Numbers.Select(number => StyleOf(number, state) + number.Number)),
            1 => state.Waiting.Count switch
            {
                0 => "–",
                1 => Sentences.Id(state.Waiting[0]),
                var count => $"{Sentences.Id(state.Waiting[0])} +{PlayViews.Text(count - 1)}",
            },
            2 => PlayViews.Text(state.Held),
            3 => PlayViews.Text(state.Stable),
            4 => PlayViews.Text(state.Delivered),
            _ => PlayViews.Text(state.Dropped),
        };
    }

    private static string Boxes(Moment now, Moment before, int member, double x, double y)
    {
        var (state, old) = (now.States[member], before.States[member]);
        var content = new StringBuilder();
        var left = x - (state.Numbers.Count * BoxSize / 2);
        foreach (var number in state.Numbers)
        {
            var style = StyleOf(number, state);
            var was = old
                .Numbers.Where(n => n.Number == number.Number)
                .Select(n => StyleOf(n, old))
                .FirstOrDefault("none");
            content.Append(
                Svg.Box($"box {style}{(was != style ? " new" : "")}", left + 1, y - 8, BoxSize - 2, BoxSize - 2, 3)
            );
            content.Append(
                Svg.Text(
                    $"box-text {style}",
                    left + (BoxSize / 2),
                    y + 4,
                    number.Number.ToString(CultureInfo.InvariantCulture)
                )
            );
            left += BoxSize;
        }

        return content.ToString();
    }

    private static string StyleOf(NumberHolding number, MemberState state) =>
        number.Number <= state.Dropped ? "dropped"
        : number.Number <= state.Delivered ? "done"
        : number is { Sequence: true, Request: true } ? "held"
        : number.Sequence ? "sequence-only"
        : number.Request ? "request-only"
        : "none";
}
