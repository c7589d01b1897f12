using System.Diagnostics.Metrics;
using Agora.Launcher;

namespace Agora.Telemetry;

/// <summary>What a supervisor knows of its processes without asking them.</summary>
internal sealed class SupervisorMetrics : IDisposable
{
    private readonly Meter _meter = new("Agora.Supervisor");

    /// <param name="views">The processes by name.</param>
    public SupervisorMetrics(Func<IReadOnlyDictionary<string, LocalView>> views)
    {
        _meter.CreateObservableGauge(
            "agora.process.up",
            () => views().Select(p => Of(p.Key, p.Value.IsUp ? 1L : 0)),
            description: "1 while the process exists, else 0."
        );
        _meter.CreateObservableCounter(
            "agora.process.restarts",
            () => views().Select(p => Of(p.Key, p.Value.Restarts)),
            "{restart}",
            "How often the supervisor has restarted the process."
        );
        _meter.CreateObservableGauge(
            "agora.process.memory",
            () =>
                views()
                    .Where(p => p.Value.MemoryBytes is not null)
                    .Select(p => Of(p.Key, p.Value.MemoryBytes.GetValueOrDefault())),
            "By",
            "Resident memory of the process."
        );
    }

    public void Dispose() => _meter.Dispose();

    private static Measurement<long> Of(string process, long value) =>
        new(value, new KeyValuePair<string, object?>("process", process));
}
