using System.Diagnostics;
using Agora.Client;
using Agora.Web.Operations;

namespace Agora.Operations;

/// <summary>The calls of one client of a demonstration, which makes one at a time.</summary>
internal sealed class DemonstrationCalls(string name)
{
    private readonly List<(long Start, long End, bool Failed)> _calls = [];

    /// <summary>Makes a call and notes how long it took.</summary>
    public async Task MakeAsync(Func<Task> call)
    {
        var start = Stopwatch.GetTimestamp();
        var failed = false;
        try
        {
            await call();
        }
        catch (AgoraException)
        {
            // The client has tried all servers until its deadline: this is what its user sees.
            failed = true;
        }

        _calls.Add((start, Stopwatch.GetTimestamp(), failed));
    }

    /// <summary>What was measured.</summary>
    /// <param name="actedAt">The timestamp of what was done meanwhile.</param>
    /// <param name="found">How many of the writes are there; null for reads.</param>
    public DemonstrationLoad Measure(long actedAt, long? found)
    {
        double[] before =
        [
            .. _calls
                .Where(c => c.End < actedAt)
                .Select(c => Stopwatch.GetElapsedTime(c.Start, c.End).TotalMilliseconds)
                .Order(),
        ];

        // A client that makes one call at a time waits for no longer than its longest call. Of a call that was under
        // way, only what came after the act counts.
        var pause = _calls
            .Where(c => c.End >= actedAt)
            .Select(c => Stopwatch.GetElapsedTime(Math.Max(c.Start, actedAt), c.End).TotalMilliseconds)
            .DefaultIfEmpty()
            .Max();
        var failed = _calls.Count(c => c.Failed);
        return new DemonstrationLoad(
            name,
            _calls.Count,
            failed,
            before.Length == 0 ? 0 : before[before.Length / 2],
            pause,
            found is null ? null : _calls.Count - failed,
            found
        );
    }
}
