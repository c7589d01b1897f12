using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>Whether the marketplace is well, in words.</summary>
/// <param name="Style">The class of the sentence: <c>good</c>, <c>careful</c> or <c>bad</c>.</param>
/// <param name="Glyph">One character that says the same.</param>
/// <param name="Sentence">The answer.</param>
/// <param name="Details">What stands behind it.</param>
internal sealed record Wellness(string Style, string Glyph, string Sentence, string Details)
{
    private const int MaxNames = 4;

    public static Wellness Of(Picture picture, DateTime now)
    {
        var processes = picture.Status.Processes;
        ProcessStatus[] down = [.. processes.Where(p => p.State != ProcessState.Running)];

        // What the last try found missing counts only as long as nothing newer says otherwise.
        var missing =
            picture.Status.Missing.Count > 0 ? picture.Status.Missing
            : picture.Check is { IsReady: false } check ? check.Missing
            : [];
        var up = $"{processes.Count - down.Length} of {Words.Plural(processes.Count, "process", "processes")} run.";
        var checkedAgo = picture.Check is { IsReady: true, At: var at }
            ? $" A write and a read went through every part {Words.Span(now - at)} ago."
            : "";
        if (missing.Count > 0)
        {
            return new("bad", "✕", "Not everything is served: " + Words.List([.. missing]) + ".", up + Down(down, now));
        }

        return down.Length > 0
            ? new(
                "careful",
                "▲",
                $"Everything is served, with {Words.Plural(down.Length, "process", "processes")} down.",
                up + Down(down, now)
            )
            : new("good", "●", "All is well.", up + checkedAgo);
    }

    private static string Down(ProcessStatus[] down, DateTime now) =>
        string.Concat(down.Take(MaxNames).Select(p => $" {p.Name} {Since(p, now)}."))
        + (down.Length > MaxNames ? $" And {down.Length - MaxNames} more." : "");

    /// <summary>Since when a process is not up, and why, to follow its name.</summary>
    public static string Since(ProcessStatus process, DateTime now)
    {
        var word = Mark.Of(process).Word;
        return process is { State: not ProcessState.Starting, LastExit: { } exit }
            ? $"is down for {Words.Span(now - exit.At)} ({word}; it {exit})"
            : $"is not up ({word})";
    }
}
