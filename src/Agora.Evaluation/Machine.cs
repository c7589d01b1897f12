using System.Globalization;
using System.Runtime.InteropServices;

namespace Agora.Evaluation;

/// <summary>The machine that everything ran on.</summary>
/// <param name="Processor">Its model.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="MemoryGiB">Its memory.</param>
/// <param name="System">The operating system.</param>
/// <param name="Runtime">The .NET runtime.</param>
/// <param name="LoadBefore">The mean number of runnable tasks in the minute before: the load of other work.</param>
public sealed record Machine(
    string Processor,
    int Cores,
    double MemoryGiB,
    string System,
    string Runtime,
    double? LoadBefore
)
{
    internal static Machine This() =>
        new(
            Line("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount,
            Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30), 1),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{RuntimeInformation.OSDescription}, kernel {Environment.OSVersion.Version}"
            ),
            RuntimeInformation.FrameworkDescription,
            File.Exists("/proc/loadavg")
                ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture)
                : null
        );

    private static string? Line(string file, string key) =>
        !File.Exists(file)
            ? null
            : File.ReadLines(file)
                .Select(line => line.Split(':', 2))
                .FirstOrDefault(parts => parts.Length == 2 && parts[0].Trim() == key)
                ?[1].Trim();
}
