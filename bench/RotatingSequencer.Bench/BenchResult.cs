namespace RotatingSequencer.Bench;

/// <summary>What all members together measured.</summary>
internal sealed record BenchResult(
    double PerSecond,
    double P50,
    double P99,
    double Worst,
    double Cpu,
    double Datagrams,
    double Bytes,
    double Syncs
)
{
    public static BenchResult Sum(IReadOnlyList<BenchReport> reports, TimeSpan length)
    {
        var completed = reports.Sum(r => r.Completed);
        var latencies = reports.SelectMany(r => r.Latencies).Order().ToArray();
        double At(double quantile) =>
            latencies.Length == 0 ? double.NaN : latencies[(int)(quantile * (latencies.Length - 1))];
        return new BenchResult(
            completed / length.TotalSeconds,
            At(0.5),
            At(0.99),
            At(1),
            reports.Sum(r => r.CpuMicroseconds) / completed,
            reports.Sum(r => r.DatagramsSent) / (double)completed,
            reports.Sum(r => r.BytesSent) / (double)completed,
            reports.Sum(r => r.Syncs) / (double)completed
        );
    }
}
