namespace Agora.Web.Operations;

/// <summary>What the servers have answered in a stretch of time.</summary>
/// <param name="At">Its end, in UTC.</param>
/// <param name="Length">How long it was.</param>
/// <param name="Answers">What was answered, by process and function; nothing for those that were not called.</param>
public sealed record FunctionSample(
    DateTime At,
    TimeSpan Length,
    IReadOnlyDictionary<(string Process, string Function), FunctionAnswers> Answers
);

/// <summary>The answers of one process to the calls of one function, in a stretch of time.</summary>
/// <param name="Count">All of them.</param>
/// <param name="Failed">Those that could not be served.</param>
/// <param name="Bounds">The upper bounds of the buckets, in seconds.</param>
/// <param name="Buckets">How many took that long; the last bucket is beyond all bounds.</param>
public sealed record FunctionAnswers(long Count, long Failed, IReadOnlyList<double> Bounds, IReadOnlyList<long> Buckets)
{
    /// <summary>The sum of several; their buckets are the same.</summary>
    public static FunctionAnswers? Sum(IReadOnlyCollection<FunctionAnswers> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0)
        {
            return null;
        }

        var first = parts.First();
        return new FunctionAnswers(
            parts.Sum(p => p.Count),
            parts.Sum(p => p.Failed),
            first.Bounds,
            [.. first.Buckets.Select((_, i) => parts.Sum(p => i < p.Buckets.Count ? p.Buckets[i] : 0))]
        );
    }

    /// <summary>
    /// About how long the given share of the answers took at most, in seconds: the place in its bucket, as if the
    /// bucket's answers were spread evenly. Null if there are none.
    /// </summary>
    public double? Quantile(double share)
    {
        var rank = share * Buckets.Sum();
        var below = 0L;
        for (var i = 0; i < Buckets.Count; i++)
        {
            if (Buckets[i] > 0 && below + Buckets[i] >= rank)
            {
                var from = i == 0 ? 0 : Bounds[Math.Min(i, Bounds.Count) - 1];
                var to = i < Bounds.Count ? Bounds[i] : from;
                return from + ((to - from) * Math.Clamp((rank - below) / Buckets[i], 0, 1));
            }

            below += Buckets[i];
        }

        return null;
    }
}
