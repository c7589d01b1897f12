using System.Reflection;
using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Agora.Telemetry;

/// <summary>
/// The metrics and traces of one process, whichever component it is. What nobody asks for costs nothing: instruments
/// without a listener measure nothing, and the libraries that collect and send are loaded at the first question for
/// metrics, or at the start where an OTLP endpoint is named (<see cref="Exporting"/>).
/// </summary>
internal sealed class ProcessTelemetry : IDisposable
{
    /// <summary>The path of the metrics as Prometheus text.</summary>
    public const string MetricsPath = "/metrics";

    /// <summary>The component of the supervisor, as far as telemetry goes.</summary>
    public const string Supervisor = "supervisor";

    // Meters and sources of our own begin so; all of them are listened to.
    private const string Own = "Agora.*";

    // Enough for all functions by all outcomes. The library reserves memory for as many: with its own 2000 a process
    // would take some MiB more.
    private const int MaxSeriesOfAMetric = 300;

    private readonly string _component;
    private readonly string _instance;
    private readonly Lazy<MeterProvider> _metrics;
    private readonly TracerProvider? _traces;

    /// <param name="component">What <c>service.name</c> says, e.g. <c>products</c>.</param>
    /// <param name="instance">What <c>service.instance.id</c> says, e.g. <c>3</c>.</param>
    /// <param name="isBrief">It ends soon, so that it has no metrics worth sending.</param>
    public ProcessTelemetry(string component, string instance, bool isBrief = false)
    {
        (_component, _instance) = (component, instance);
        _metrics = new Lazy<MeterProvider>(BuildMetrics);
        if (Exporting.Metrics && !isBrief)
        {
            _ = _metrics.Value;
        }

        // A supervisor serves no calls.
        _traces = Exporting.Traces && component != Supervisor ? BuildTraces() : null;
    }

    /// <summary>The version of this program.</summary>
    public static string Version { get; } =
        typeof(ProcessTelemetry)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];

    /// <summary>Answers with the metrics; the first question begins to measure what is not counted anyway.</summary>
    public RequestDelegate Metrics(IApplicationBuilder app)
    {
        Lazy<RequestDelegate> answer = new(() =>
            app.New()
                .UseOpenTelemetryPrometheusScrapingEndpoint(
                    _metrics.Value,
                    predicate: null,
                    MetricsPath,
                    configureBranchedPipeline: null,
                    optionsName: null
                )
                .Build()
        );
        return http => answer.Value(http);
    }

    /// <summary>Sends what is left.</summary>
    public void Dispose()
    {
        _traces?.Dispose();
        if (_metrics.IsValueCreated)
        {
            _metrics.Value.Dispose();
        }
    }

    private MeterProvider BuildMetrics()
    {
        var builder = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Describe)
            .AddMeter(Own, "RotatingSequencer", "System.Runtime")
            .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
            .AddView("*", new MetricStreamConfiguration { CardinalityLimit = MaxSeriesOfAMetric })
            .AddPrometheusExporter();
        return (Exporting.Metrics ? builder.AddOtlpExporter() : builder).Build();
    }

    private TracerProvider BuildTraces() =>
        Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(Describe)
            .AddSource(Own, CallsOfNobody.Grpc, CallsOfNobody.Http)
            .AddAspNetCoreInstrumentation(options => options.Filter = IsOfUsers)
            .AddProcessor(new CallsOfNobody())
            .AddOtlpExporter()
            .Build();

    // Probes and scrapes come every few seconds, and say nothing about a call.
    private static bool IsOfUsers(HttpContext http) =>
        !http.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal)
        && !http.Request.Path.StartsWithSegments(MetricsPath, StringComparison.Ordinal)
        && http.Request.Path.Value?.StartsWith("/agora.replication.", StringComparison.Ordinal) is not true;

    private void Describe(ResourceBuilder resource) =>
        resource.AddService(_component, "agora", Version, autoGenerateServiceInstanceId: false, _instance);
}
