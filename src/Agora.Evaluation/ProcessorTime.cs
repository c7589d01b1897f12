using System.Globalization;

namespace Agora.Evaluation;

/// <summary>The processors' time so far, as Linux counts it.</summary>
/// <param name="Total">All time.</param>
/// <param name="Busy">What this machine used.</param>
/// <param name="Stolen">What the host gave to other machines.</param>
internal readonly record struct ProcessorTime(long Total, long Busy, long Stolen)
{
    public static ProcessorTime operator -(ProcessorTime a, ProcessorTime b) =>
        new(a.Total - b.Total, a.Busy - b.Busy, a.Stolen - b.Stolen);

    /// <summary>Null where the system does not say.</summary>
    public static ProcessorTime? Now() => File.Exists("/proc/stat") ? Of(File.ReadLines("/proc/stat").First()) : null;

    // cpu user nice system idle iowait irq softirq steal guest guest_nice; guests are part of user and nice.
    internal static ProcessorTime Of(string line)
    {
        long[] ticks =
        [
            .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Skip(1)
                .Take(8)
                .Select(t => long.Parse(t, CultureInfo.InvariantCulture)),
        ];
        var total = ticks.Sum();
        return new(total, total - ticks[3] - ticks[4] - ticks[7], ticks[7]);
    }
}
