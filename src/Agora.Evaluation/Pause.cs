using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>How long the marketplace kept its users waiting after a kill.</summary>
internal static class Pause
{
    /// <summary>
    /// The longest stretch from a moment on in which calls were waiting and none of them was answered. With one client that is its longest
    /// call; with many it is how long the marketplace stood still for all of them.
    /// </summary>
    /// <param name="samples">The calls that need what was killed.</param>
    /// <param name="from">The moment of the kill.</param>
    public static TimeSpan Longest(IEnumerable<Sample> samples, long from)
    {
        Sample[] calls = [.. samples.Where(s => s.End >= from).OrderBy(s => s.End)];
        var waitingSince = new long[calls.Length];
        var earliest = long.MaxValue;
        for (var i = calls.Length - 1; i >= 0; i--)
        {
            // Of this call and all that were answered after it: the first to begin has waited longest.
            earliest = Math.Min(earliest, calls[i].Start);
            waitingSince[i] = earliest;
        }
        var longest = TimeSpan.Zero;
        var previous = from;
        for (var i = 0; i < calls.Length; i++)
        {
            var stretch = Stopwatch.GetElapsedTime(Math.Max(previous, waitingSince[i]), calls[i].End);
            longest = stretch > longest ? stretch : longest;
            // A failed call was ended, but not served: whoever waits still waits.
            previous = calls[i].Outcome == Outcome.Failed ? previous : calls[i].End;
        }
        return longest;
    }
}
