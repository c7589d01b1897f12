using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace RotatingSequencer.Bench;

/// <summary>What one member saw of a run.</summary>
internal sealed record BenchReport(long Completed, double CpuMicroseconds, long DatagramsSent, long BytesSent, long Syncs, double[] Latencies);

/// <summary>What all of them saw.</summary>
internal sealed record BenchResult(double PerSecond, double P50, double P99, double Worst, double Cpu, double Datagrams, double Bytes, double Syncs)
{
    public static BenchResult Sum(IReadOnlyList<BenchReport> reports, TimeSpan length)
    {
        var completed = reports.Sum(r => r.Completed);
        var latencies = reports.SelectMany(r => r.Latencies).Order().ToArray();
        double At(double quantile) => latencies.Length == 0 ? double.NaN : latencies[(int)(quantile * (latencies.Length - 1))];
        return new BenchResult(
            completed / length.TotalSeconds, At(0.5), At(0.99), At(1),
            reports.Sum(r => r.CpuMicroseconds) / completed, reports.Sum(r => r.DatagramsSent) / (double)completed,
            reports.Sum(r => r.BytesSent) / (double)completed, reports.Sum(r => r.Syncs) / (double)completed);
    }
}

/// <summary>A member, or its client, in a process of its own, told what to do by lines on its standard input.</summary>
internal sealed class BenchProcess : IDisposable
{
    private readonly Process _process;

    private BenchProcess(Process process) => _process = process;

    public static BenchProcess Start(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = true;
        return new BenchProcess(Process.Start(start)!);
    }

    public async Task<BenchReport> RunAsync(int outstanding, int payload, TimeSpan length, CancellationToken cancellation)
    {
        await _process.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{outstanding} {payload} {length.TotalSeconds}"));
        await _process.StandardInput.FlushAsync(cancellation);
        var line = await _process.StandardOutput.ReadLineAsync(cancellation)
            ?? throw new InvalidOperationException("A member ended; its error output says why.");
        return JsonSerializer.Deserialize<BenchReport>(line)!;
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5_000))
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }
}
