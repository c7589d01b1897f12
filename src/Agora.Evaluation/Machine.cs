using System.Globalization;
using System.Runtime.InteropServices;

namespace Agora.Evaluation;

/// <summary>The machine that everything ran on.</summary>
/// <param name="Processor">Its model.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="MemoryGiB">Its memory.</param>
/// <param name="System">Operating system.</param>
/// <param name="Runtime">.NET.</param>
/// <param name="LoadBefore">Mean number of runnable tasks in the minute before: what else was going on.</param>
public sealed record Machine(string Processor, int Cores, double MemoryGiB, string System, string Runtime, double? LoadBefore)
{
    internal static Machine This() => new(
        Line("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        Environment.ProcessorCount,
        Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30), 1),
        string.Create(CultureInfo.InvariantCulture, $"{RuntimeInformation.OSDescription}, kernel {Environment.OSVersion.Version}"),
        RuntimeInformation.FrameworkDescription,
        File.Exists("/proc/loadavg") ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : null);

    private static string? Line(string file, string key) => !File.Exists(file)
        ? null
        : File.ReadLines(file).Select(line => line.Split(':', 2)).FirstOrDefault(parts => parts.Length == 2 && parts[0].Trim() == key)?[1].Trim();
}

/// <summary>The processors' time so far, as Linux counts it.</summary>
/// <param name="Total">All of it.</param>
/// <param name="Busy">In use on this machine.</param>
/// <param name="Stolen">Given to other machines by the host.</param>
internal readonly record struct ProcessorTime(long Total, long Busy, long Stolen)
{
    public static ProcessorTime operator -(ProcessorTime a, ProcessorTime b) => new(a.Total - b.Total, a.Busy - b.Busy, a.Stolen - b.Stolen);

    /// <summary>Null where the system does not tell.</summary>
    public static ProcessorTime? Now() => File.Exists("/proc/stat") ? Of(File.ReadLines("/proc/stat").First()) : null;

    // cpu user nice system idle iowait irq softirq steal guest guest_nice; guests are part of user and nice.
    internal static ProcessorTime Of(string line)
    {
        long[] ticks = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8).Select(t => long.Parse(t, CultureInfo.InvariantCulture))];
        var total = ticks.Sum();
        return new(total, total - ticks[3] - ticks[4] - ticks[7], ticks[7]);
    }
}
