using System.Diagnostics.Metrics;
using Agora.Cluster;

namespace Agora.Telemetry;

/// <summary>What every process measures of itself, beside what the runtime does (<c>dotnet.*</c>).</summary>
internal sealed class ProcessMetrics : IDisposable
{
    private readonly Meter _meter = new("Agora.Process");

    /// <param name="directory">Its directory; the disk under it is measured.</param>
    /// <param name="identity">Its certificate; null without one.</param>
    /// <param name="time">The clock.</param>
    public ProcessMetrics(string directory, ComponentIdentity? identity, TimeProvider time)
    {
        var started = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        _meter.CreateObservableGauge(
            "agora.disk.free",
            () => Measure(DiskSpace.Of(directory)?.Free),
            "By",
            "Bytes that the file system under the process's directory has left."
        );
        _meter.CreateObservableGauge(
            "agora.disk.size",
            () => Measure(DiskSpace.Of(directory)?.Size),
            "By",
            "Bytes of that file system."
        );
        _meter.CreateObservableGauge(
            "agora.process.start_time",
            () => started,
            "s",
            "When the process started, in seconds since 1970 in UTC."
        );
        if (identity is not null)
        {
            _meter.CreateObservableGauge(
                "agora.certificate.expiry",
                () => new DateTimeOffset(identity.Expiry).ToUnixTimeSeconds(),
                "s",
                "When the process's certificate or that of its authority ends, in seconds since 1970 in UTC."
            );
        }
    }

    public void Dispose() => _meter.Dispose();

    // Nothing where it is not known.
    private static IEnumerable<Measurement<long>> Measure(long? value) => value is { } number ? [new(number)] : [];
}
