namespace Agora.Cluster;

/// <summary>
/// Where telemetry goes, by the standard variables of OpenTelemetry. Without an endpoint nothing is traced, no trace
/// context is sent, and no exporter is loaded.
/// </summary>
public static class Exporting
{
    /// <summary>Metrics are sent to an OTLP endpoint.</summary>
    public static bool Metrics => IsOn("METRICS");

    /// <summary>Calls may be traced, and the traces are sent to an OTLP endpoint.</summary>
    public static bool Traces => IsOn("TRACES") && Read("OTEL_TRACES_SAMPLER") is not "always_off";

    private static bool IsOn(string signal) =>
        Read($"OTEL_{signal}_EXPORTER") is null or "otlp"
        && !string.Equals(Read("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)
        && (Read("OTEL_EXPORTER_OTLP_ENDPOINT") ?? Read($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")) is not null;

    private static string? Read(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
}
