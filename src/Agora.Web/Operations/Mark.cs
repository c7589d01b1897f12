using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>A state as a glyph and a word; the colour only repeats what they say.</summary>
/// <param name="Glyph">One character.</param>
/// <param name="Word">The word beside it.</param>
/// <param name="Style">The class that colours it: <c>up</c>, <c>between</c>, <c>off</c> or <c>down</c>.</param>
public readonly record struct Mark(string Glyph, string Word, string Style)
{
    /// <summary>A replica that is further behind is shown as behind.</summary>
    public const long MaxLag = 1000;

    /// <summary>The mark of a process.</summary>
    public static Mark Of(ProcessStatus process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.State switch
        {
            ProcessState.Running when process.Database?.Joining is { } joining => new("◐", Joins(joining), "between"),
            ProcessState.Running when process.Lag > MaxLag => new("▲", "behind", "between"),
            ProcessState.Running => new("●", "up", "up"),
            ProcessState.Unresponsive => new("▲", "does not answer", "down"),
            ProcessState.Stopped => new("○", "stopped", "off"),
            ProcessState.Killed => new("✕", "killed", "down"),
            ProcessState.Restarting => new("✕", "died, starts again", "down"),
            ProcessState.Unreachable => new("✕", "does not answer", "down"),
            var between => new("◐", between, "between"),
        };
    }

    private static string Joins(JoiningProgress joining) =>
        joining.TotalBytes is > 0 and var total ? $"joins, {100 * joining.FetchedBytes / total}%" : "joins";
}
