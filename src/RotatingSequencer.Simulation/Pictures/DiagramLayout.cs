using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// Where things are in the picture of a play. Members stand side by side, time goes down. What is close in time is
/// drawn to scale; long waits are shortened, and two marks of one member never touch.
/// </summary>
internal sealed class DiagramLayout
{
    public const double Top = 74;
    private const double Left = 104;
    private const double Column = 72;
    private const double Right = 44;
    private const double MinWidth = 330;

    /// <summary>How far apart two moments are that one datagram's usual delay lies between.</summary>
    public const double HopHeight = 46;

    /// <summary>Up to this a wait is drawn to scale. More counts less.</summary>
    private const double ToScale = 30;

    /// <summary>A longer wait is shortened to this.</summary>
    private const double MaxGap = 58;

    /// <summary>The least distance of two marks of one member.</summary>
    private const double MarkHeight = 21;

    private readonly Play _play;
    private readonly double[] _y;
    private readonly bool[] _shortened;

    public DiagramLayout(Play play)
    {
        _play = play;
        var moments = play.Recording.Moments;
        _y = new double[moments.Count];
        _shortened = new bool[moments.Count];
        var scale = HopHeight / Math.Max(1, play.Setup.Hop);
        var lastMark = new double[play.Members];
        Array.Fill(lastMark, double.MinValue);
        var (y, at) = (Top, 0L);
        for (var i = 0; i < moments.Count; i++)
        {
            var moment = moments[i];
            var gap = (moment.At - at) * scale;
            _shortened[i] = gap > 3 * MaxGap;
            y += gap <= ToScale ? gap : Math.Min(MaxGap, ToScale + ((gap - ToScale) * 0.3));
            if (HasMark(moment))
            {
                y = Math.Max(y, lastMark[moment.Member] + MarkHeight);
                lastMark[moment.Member] = y;
            }

            _y[i] = y;
            at = moment.At;
        }
    }

    public double Width => Math.Max(MinWidth, Left + ((_play.Members - 1) * Column) + Right);

    public static double XOf(int member) => Left + (member * Column);

    /// <summary>Where a moment is.</summary>
    public double YOf(Moment moment) => moment.Index < 0 ? Top : _y[moment.Index];

    /// <summary>Whether the wait before a moment is drawn shorter than it was.</summary>
    public bool IsShortened(Moment moment) => _shortened[moment.Index];

    /// <summary>Where a time is, which may lie between two moments.</summary>
    public double YAt(long time)
    {
        var moments = _play.Recording.Moments;
        var (low, high) = (0, moments.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = moments[middle].At < time ? (middle + 1, high) : (low, middle);
        }

        // The first moment at or after this time is low.
        var (before, beforeAt) = low == 0 ? (Top, 0L) : (_y[low - 1], moments[low - 1].At);
        if (low == moments.Count)
        {
            return before + Math.Min(MaxGap, (time - beforeAt) * HopHeight / Math.Max(1, _play.Setup.Hop));
        }

        var span = Math.Max(1, moments[low].At - beforeAt);
        return before + ((_y[low] - before) * (time - beforeAt) / span);
    }

    /// <summary>Where the present is at a step: just above the next moment.</summary>
    public double Present(PlayStep step)
    {
        const double AtLeast = 13;
        var ended = YOf(_play.MomentOf(step));
        var next = step.End + 1;
        return next < _y.Length ? Math.Max(ended + AtLeast, _y[next] - 4) : ended + (HopHeight * 0.7);
    }

    private static bool HasMark(Moment moment) =>
        moment.Events.Count > 0 || moment.Delivered.Count > 0 || moment.Sent.Any(d => d.Messages.Count > 0);
}
