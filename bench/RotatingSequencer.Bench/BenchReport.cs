namespace RotatingSequencer.Bench;

/// <summary>What one member measured in a run.</summary>
internal sealed record BenchReport(
    long Completed,
    double CpuMicroseconds,
    long DatagramsSent,
    long BytesSent,
    long Syncs,
    double[] Latencies
);
