using System.Diagnostics;
using OpenTelemetry;

namespace Agora.Telemetry;

/// <summary>
/// Leaves out what a process asks of others on its own: probes, and loops that look for work. No call of a user's is
/// behind it, and its traces would hide the others. It must stand before the processor that sends.
/// </summary>
internal sealed class CallsOfNobody : BaseProcessor<Activity>
{
    private const string Http = "System.Net.Http";

    /// <inheritdoc/>
    public override void OnStart(Activity data)
    {
        if (data is { Source.Name: Http, ParentId: null })
        {
            data.IsAllDataRequested = false;
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }
}
