namespace Agora.Evaluation;

/// <summary>A mean over runs, and how much they differ.</summary>
/// <param name="Mean">The mean of the runs' values.</param>
/// <param name="Deviation">Their standard deviation (of a sample); 0 where there is only one run.</param>
public readonly record struct Spread(double Mean, double Deviation)
{
    internal static Spread Of(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0)
        {
            return default;
        }

        var mean = values.Average();
        return new(
            mean,
            values.Count == 1 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1))
        );
    }
}
