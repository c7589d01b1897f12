using Agora.Cluster;
using Xunit;

namespace Agora.Telemetry.Tests;

/// <summary>Nothing is traced or sent unless the environment says where to.</summary>
public sealed class ExportingTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317")]
    [InlineData(true, false, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:4317")]
    [InlineData(false, true, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4317")]
    [InlineData(false, false, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "OTEL_SDK_DISABLED=true")]
    [InlineData(true, false, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "OTEL_TRACES_SAMPLER=always_off")]
    [InlineData(false, true, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "OTEL_METRICS_EXPORTER=none")]
    public void It_is_on_where_an_endpoint_is_named(bool metrics, bool traces, params string[] variables)
    {
        var set = variables.Select(v => v.Split('=', 2)).ToArray();
        try
        {
            Array.ForEach(set, v => Environment.SetEnvironmentVariable(v[0], v[1]));

            Assert.Equal((metrics, traces), (Exporting.Metrics, Exporting.Traces));
        }
        finally
        {
            Array.ForEach(set, v => Environment.SetEnvironmentVariable(v[0], null));
        }
    }
}
