using System.Diagnostics;
using OpenTelemetry;

namespace Agora.Telemetry;

/// <summary>
/// Leaves out what a process asks of others on its own: probes, and loops that look for work. No call of a user's is
/// behind it, and its traces would hide the others. It must stand before the processor that sends.
/// </summary>
internal sealed class CallsOfNobody : BaseProcessor<Activity>
{
    /// <summary>The source of spans of HTTP calls.</summary>
    public const string Http = "System.Net.Http";

    /// <summary>The source of spans of gRPC calls, above those of HTTP.</summary>
    public const string Grpc = "Grpc.Net.Client";

    /// <inheritdoc/>
    public override void OnStart(Activity data)
    {
        if (data is { Source.Name: Http or Grpc, ParentId: null })
        {
            data.IsAllDataRequested = false;
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }
}
