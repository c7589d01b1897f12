using System.Diagnostics;

namespace Agora.Replication.Telemetry;

/// <summary>
/// The spans of a replica: one where a command is ordered (<c>order</c>), one at each replica where it is applied
/// (<c>apply</c>), one where a read asks the group (<c>read barrier</c>).
/// </summary>
/// <remarks>
/// A sampled command carries its trace in its payload, as <see cref="TraceField"/>: so it stays with the command in
/// both engines, through retransmissions and in the log. No state machine reads it: no state, digest or reply depends
/// on it. What is not sampled carries nothing.
/// </remarks>
internal static class Tracing
{
    private static readonly ActivitySource s_source = new("Agora.Replica");

    /// <summary>Somebody listens to spans.</summary>
    public static bool IsOn => s_source.HasListeners();

    /// <summary>
    /// Begins the span of a command's way through the group. If it is sampled, the command carries it.
    /// </summary>
    public static Activity? Order(ref Command command)
    {
        // Without a caller's trace there is none: what a replica does on its own is not traced.
        if (Activity.Current is null || s_source.StartActivity("order", ActivityKind.Producer) is not { } span)
        {
            return null;
        }

        if (span.Recorded && !command.IsScrub && command.Payload.Length + TraceField.Size <= Command.MaxPayload)
        {
            command = command with { Payload = TraceField.Append(command.Payload.Span, span.Context) };
        }

        return span;
    }

    public static Activity? Barrier() => Activity.Current is null ? null : s_source.StartActivity("read barrier");

    /// <summary>Tells that commands were applied here in one transaction.</summary>
    /// <param name="commands">The commands.</param>
    /// <param name="position">The position that the transaction reached.</param>
    /// <param name="began">When the transaction began.</param>
    /// <param name="ended">When it had committed.</param>
    public static void Applied(ReadOnlySpan<Command> commands, long position, DateTime began, DateTime ended)
    {
        foreach (ref readonly var command in commands)
        {
            if (
                TraceField.Read(command.Payload.Span) is { } parent
                && s_source.CreateActivity("apply", ActivityKind.Consumer, parent) is { } span
            )
            {
                span.SetStartTime(began);
                span.SetTag("agora.position", position);
                span.SetTag("agora.batch", commands.Length);
                span.Start();
                span.SetEndTime(ended);
                span.Stop();
            }
        }
    }
}
