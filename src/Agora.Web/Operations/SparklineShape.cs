using System.Text;

namespace Agora.Web.Operations;

/// <summary>The lines of a small chart, as paths of SVG. A value that is missing leaves a gap.</summary>
internal static class SparklineShape
{
    /// <summary>A path through the values, from left to right; the newest stands at the right edge.</summary>
    /// <param name="values">Oldest first.</param>
    /// <param name="max">The value at the top.</param>
    /// <param name="places">How many values have room.</param>
    /// <param name="width">In units of the drawing.</param>
    /// <param name="height">In units of the drawing.</param>
    public static string Line(IReadOnlyList<double?> values, double max, int places, double width, double height)
    {
        StringBuilder path = new();
        var step = width / Math.Max(1, places - 1);
        var isOpen = false;
        for (var i = Math.Max(0, values.Count - places); i < values.Count; i++)
        {
            if (values[i] is not { } value)
            {
                isOpen = false;
                continue;
            }

            var x = width - (step * (values.Count - 1 - i));
            var y = height - (max > 0 ? Math.Min(1, value / max) * height : 0);
            path.Append(isOpen ? 'L' : 'M').Append(Words.Svg(x)).Append(' ').Append(Words.Svg(y));

            // A single value between two gaps would be a line without length.
            if (!isOpen && (i + 1 == values.Count || values[i + 1] is null))
            {
                path.Append('h').Append(Words.Svg(-Math.Min(step, x)));
            }

            isOpen = true;
        }

        return path.ToString();
    }
}
