using System.Globalization;

namespace Agora.Evaluation;

/// <summary>The report's plots, as SVG.</summary>
internal static class Plots
{
    private const int Width = 960;

    // The colours of Okabe and Ito, which colour-blind people can distinguish.
    private static readonly string[] s_colours = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"];

    /// <summary>
    /// One row for each function, on a logarithmic axis. Each condition has a dot at the median, a line to p99 and a
    /// tick at the worst call.
    /// </summary>
    public static string Times(ScaleResult scale)
    {
        const int left = 190,
            right = 20,
            top = 70,
            lane = 7;
        (string Role, string Function)[] functions =
        [
            .. scale.Conditions.SelectMany(c => c.Functions).Select(f => (f.Role, f.Function)).Distinct(),
        ];
        var row = Math.Max(20, lane * scale.Conditions.Count + 8);
        var height = top + row * functions.Length + 40;
        double[] values =
        [
            .. scale
                .Conditions.SelectMany(c => c.Functions)
                .Where(f => f.All.Count > 0)
                .SelectMany(f => new[] { f.All.P50, f.All.Worst })
                .DefaultIfEmpty(1),
        ];
        var low = Math.Floor(Math.Log10(Math.Max(0.01, values.Min())));
        var high = Math.Max(low + 1, Math.Ceiling(Math.Log10(values.Max())));
        double X(double ms) =>
            left + (Math.Log10(Math.Max(ms, Math.Pow(10, low))) - low) / (high - low) * (Width - left - right);

        SvgDrawing drawing = new(Width, height);
        drawing.Text(
            left,
            22,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Response time, {scale.Sellers} + {scale.Buyers} clients: dot median, line to p99, tick worst"
            ),
            size: 15
        );
        Legend(drawing, scale.Conditions, left, 44);
        for (var power = low; power <= high; power++)
        {
            var x = X(Math.Pow(10, power));
            drawing.Line(x, top - 6, x, height - 34, "#dddddd");
            drawing.Text(x, height - 18, Label(Math.Pow(10, power)), anchor: "middle");
        }

        for (var i = 0; i < functions.Length; i++)
        {
            var y = top + i * row;
            drawing.Line(left, y - 3, Width - right, y - 3, "#eeeeee");
            drawing.Text(left - 8, y + row / 2.0 + 1, $"{functions[i].Function} ({functions[i].Role})", anchor: "end");
            for (var c = 0; c < scale.Conditions.Count; c++)
            {
                if (
                    scale.Conditions[c].Functions.FirstOrDefault(f => (f.Role, f.Function) == functions[i])?.All is
                    { Count: > 0 } figures
                )
                {
                    var at = y + 4 + lane * (c + 0.5);
                    drawing.Line(X(figures.P50), at, X(figures.P99), at, Colour(c), 2);
                    drawing.Dot(X(figures.P50), at, Colour(c));
                    drawing.Line(X(figures.Worst), at - 3, X(figures.Worst), at + 3, Colour(c), 1.5);
                }
            }
        }

        return drawing.ToString();
    }

    /// <summary>
    /// Operations a second around the kill: the mean of the runs, and the band between the slowest and the fastest run.
    /// </summary>
    public static string Timeline(ScaleResult scale, ConditionResult condition)
    {
        const int left = 60,
            right = 20,
            top = 50,
            bottom = 40,
            height = 320;
        var points = condition.Timeline;
        var maxRate = Nice(points.Max(p => p.Most));
        double first = Math.Floor(points[0].Seconds),
            last = Math.Ceiling(points[^1].Seconds);
        double X(double seconds) => left + (seconds - first) / (last - first) * (Width - left - right);
        double Y(double rate) => top + (1 - rate / maxRate) * (height - top - bottom);

        SvgDrawing drawing = new(Width, height);
        drawing.Text(
            left,
            22,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Operations a second around the kill, {scale.Sellers} + {scale.Buyers} clients, "
                    + $"condition {condition.Number}"
            ),
            size: 15
        );
        drawing.Text(left, 40, $"{condition.Name}; mean of {condition.Runs.Count} run(s), slowest to fastest shaded");
        for (var i = 0; i <= 4; i++)
        {
            var rate = maxRate * i / 4;
            drawing.Line(left, Y(rate), Width - right, Y(rate), "#dddddd");
            drawing.Text(left - 6, Y(rate) + 4, rate.ToString("0.##", CultureInfo.InvariantCulture), anchor: "end");
        }

        for (var second = first; second <= last; second += last - first > 15 ? 5 : 1)
        {
            drawing.Text(
                X(second),
                height - 18,
                string.Create(CultureInfo.InvariantCulture, $"{second:0} s"),
                anchor: "middle"
            );
        }

        drawing.Line(X(0), top - 4, X(0), height - bottom, "#D55E00", 1.5, dashed: true);
        drawing.Area(
            [
                .. points.Select(p => (X(p.Seconds), Y(p.Most))),
                .. points.Reverse().Select(p => (X(p.Seconds), Y(p.Least))),
            ],
            Colour(0)
        );
        drawing.Path([.. points.Select(p => (X(p.Seconds), Y(p.OperationsPerSecond)))], Colour(0));
        return drawing.ToString();
    }

    private static void Legend(SvgDrawing drawing, IReadOnlyList<ConditionResult> conditions, double x, double y)
    {
        for (var c = 0; c < conditions.Count; c++)
        {
            drawing.Dot(x + c * 110 + 5, y - 4, Colour(c));
            drawing.Text(x + c * 110 + 14, y, conditions[c].Label);
        }
    }

    /// <summary>The smallest of 1, 2, 5, 10, 20, … that is not below the value.</summary>
    internal static double Nice(double value)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(value, 1))));
        return power
            * (
                value <= power ? 1
                : value <= 2 * power ? 2
                : value <= 5 * power ? 5
                : 10
            );
    }

    private static string Label(double ms) =>
        ms >= 1000
            ? string.Create(CultureInfo.InvariantCulture, $"{ms / 1000:0.##} s")
            : string.Create(CultureInfo.InvariantCulture, $"{ms:0.##} ms");

    private static string Colour(int index) => s_colours[index % s_colours.Length];
}
