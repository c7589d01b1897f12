using HdrHistogram;

namespace Agora.Evaluation;

/// <summary>
/// What many calls of one function come to: exact mean and worst, percentiles from a histogram that is right to 0.1%.
/// Times are those of successful calls; refused and failed ones are counted apart and never averaged in.
/// </summary>
internal sealed class Figures
{
    // Microseconds, up to an hour: where a rate is given, waiting may add up.
    private const long Longest = 3_600_000_000;

    private readonly LongHistogram _histogram = new(1, Longest, 3);
    private double _sum;
    private TimeSpan _worst;

    public long Count => _histogram.TotalCount;

    public int Refused { get; private set; }

    public int Failed { get; private set; }

    public TimeSpan Mean => Count == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(_sum / Count);

    public TimeSpan Worst => _worst;

    public LongHistogram Histogram => _histogram;

    public TimeSpan Percentile(double percent) =>
        Count == 0 ? TimeSpan.Zero : Min(TimeSpan.FromMicroseconds(_histogram.GetValueAtPercentile(percent)), _worst);

    public void Add(in Sample sample)
    {
        switch (sample.Outcome)
        {
            case Outcome.Success:
                var time = sample.Time;
                _histogram.RecordValue(Math.Clamp((long)Math.Round(time.TotalMicroseconds), 1, Longest));
                _sum += time.TotalMicroseconds;
                _worst = time > _worst ? time : _worst;
                break;
            case Outcome.Refused:
                Refused++;
                break;
            default:
                Failed++;
                break;
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}

/// <summary>A mean over runs and how far they differ.</summary>
/// <param name="Mean">The mean of the runs' values.</param>
/// <param name="Deviation">Their standard deviation (of a sample); 0 where there is only one.</param>
internal readonly record struct Spread(double Mean, double Deviation)
{
    public static Spread Of(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0)
        {
            return default;
        }
        var mean = values.Average();
        return new(mean, values.Count == 1 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1)));
    }
}
