using System.Diagnostics;

namespace Agora.Replication.Telemetry;

/// <summary>Measures and traces one transaction. While nobody listens it reads no clock.</summary>
internal readonly struct AppliedCommands
{
    private readonly long _started;
    private readonly DateTime _began;

    private AppliedCommands(long started, DateTime began) => (_started, _began) = (started, began);

    /// <param name="isTraced">The commands are applied for the first time, as far as is known.</param>
    public static AppliedCommands Begin(bool isTraced) =>
        new(
            CommandMetrics.IsApplyMeasured ? Stopwatch.GetTimestamp() : 0,
            isTraced && Tracing.IsOn ? TimeProvider.System.GetUtcNow().UtcDateTime : default
        );

    public void End(long position, ReadOnlySpan<Command> commands)
    {
        if (_started != 0)
        {
            CommandMetrics.Applied(_started, commands.Length);
        }

        if (_began != default)
        {
            Tracing.Applied(commands, position, _began, TimeProvider.System.GetUtcNow().UtcDateTime);
        }
    }
}
