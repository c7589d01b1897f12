using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>How long the marketplace kept its users waiting after a kill.</summary>
internal static class ServicePause
{
    /// <summary>
    /// The longest time after a moment in which calls were waiting and none of them was answered. With one client that
    /// is its longest call. With many it is how long the marketplace served none of them.
    /// </summary>
    /// <param name="samples">The calls that need what was killed.</param>
    /// <param name="from">The moment of the kill.</param>
    public static TimeSpan Longest(IEnumerable<CallSample> samples, long from)
    {
        CallSample[] calls = [.. samples.Where(s => s.End >= from).OrderBy(s => s.End)];
        var waitingSince = new long[calls.Length];
        var earliest = long.MaxValue;
        for (var i = calls.Length - 1; i >= 0; i--)
        {
            // Of this call and all that were answered later, the one that began first has waited longest.
            earliest = Math.Min(earliest, calls[i].Start);
            waitingSince[i] = earliest;
        }

        var longest = TimeSpan.Zero;
        var previous = from;
        for (var i = 0; i < calls.Length; i++)
        {
            var stretch = Stopwatch.GetElapsedTime(Math.Max(previous, waitingSince[i]), calls[i].End);
            longest = stretch > longest ? stretch : longest;
            // A failed call ended without service, so its client still waits.
            previous = calls[i].Outcome == Outcome.Failed ? previous : calls[i].End;
        }

        return longest;
    }
}
