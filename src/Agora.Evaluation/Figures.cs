using System.Runtime.InteropServices;

namespace Agora.Evaluation;

/// <summary>
/// The figures of many calls of one function. Times are those of successful calls, each kept to the microsecond, so
/// percentiles are exact. Refused and failed calls are counted apart and are no part of any mean.
/// </summary>
internal sealed class Figures
{
    private readonly List<long> _microseconds = [];
    private bool _sorted = true;
    private long _sum;

    public int Count => _microseconds.Count;

    public int Refused { get; private set; }

    public int Failed { get; private set; }

    public TimeSpan Mean => Count == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds((double)_sum / Count);

    public TimeSpan Worst => Percentile(100);

    /// <summary>The shortest time that this percentage of the calls did not exceed.</summary>
    public TimeSpan Percentile(double percent)
    {
        if (Count == 0)
        {
            return TimeSpan.Zero;
        }

        var rank = (int)Math.Ceiling(percent / 100 * Count);
        return TimeSpan.FromMicroseconds((double)Sorted()[Math.Clamp(rank, 1, Count) - 1]);
    }

    public void Add(in CallSample sample)
    {
        switch (sample.Outcome)
        {
            case Outcome.Success:
                var microseconds = (long)Math.Round(sample.Time.TotalMicroseconds);
                _microseconds.Add(microseconds);
                _sum += microseconds;
                _sorted = false;
                break;
            case Outcome.Refused:
                Refused++;
                break;
            default:
                Failed++;
                break;
        }
    }

    /// <summary>
    /// The raw histogram: pairs of a bucket's lower bound in microseconds and its count, without empty buckets. The
    /// width of a bucket is 1/32 of the power of two that it lies in, so a value is known to 3%.
    /// </summary>
    public IReadOnlyList<long[]> Histogram()
    {
        List<long[]> buckets = [];
        foreach (var value in Sorted())
        {
            var bucket = LowerBound(value);
            if (buckets is [.., var last] && last[0] == bucket)
            {
                last[1]++;
            }
            else
            {
                buckets.Add([bucket, 1]);
            }
        }

        return buckets;
    }

    internal static long LowerBound(long value)
    {
        var shift = Math.Max(0, (int)long.Log2(Math.Max(1, value)) - 5);
        return value >> shift << shift;
    }

    private Span<long> Sorted()
    {
        var span = CollectionsMarshal.AsSpan(_microseconds);
        if (!_sorted)
        {
            span.Sort();
            _sorted = true;
        }

        return span;
    }
}
