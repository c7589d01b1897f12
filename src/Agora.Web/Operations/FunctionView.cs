using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>How fast one function is answered, by all servers of a kind or by one of them.</summary>
/// <param name="Name">The function.</param>
/// <param name="Rates">Answers a second, oldest first.</param>
/// <param name="Slowest">The 99th percentile in milliseconds in each; null where nothing was called.</param>
/// <param name="Rate">Answers a second in the last stretches.</param>
/// <param name="Median">The median in the last stretches.</param>
/// <param name="NinetyNinth">The 99th percentile in the last stretches.</param>
/// <param name="Count">All answers in the picture's time.</param>
/// <param name="Failed">Those that could not be served.</param>
internal sealed record FunctionView(
    string Name,
    IReadOnlyList<double> Rates,
    IReadOnlyList<double?> Slowest,
    double Rate,
    TimeSpan? Median,
    TimeSpan? NinetyNinth,
    long Count,
    long Failed
)
{
    // What is called "now" in the page: long enough for a percentile, short enough to show a change.
    private const int Recent = 5;

    /// <summary>The functions of a component that were called in the picture's time, the busiest first.</summary>
    /// <param name="samples">Oldest first.</param>
    /// <param name="component">The servers.</param>
    /// <param name="process">One of them; null for all.</param>
    public static IReadOnlyList<FunctionView> All(
        IReadOnlyList<FunctionSample> samples,
        string component,
        string? process
    )
    {
        bool Counts(string name) =>
            process is null ? name.StartsWith(component + "/", StringComparison.Ordinal) : name == process;
        var names = samples
            .SelectMany(s => s.Answers.Keys)
            .Where(k => Counts(k.Process))
            .Select(k => k.Function)
            .Distinct();
        return
        [
            .. names
                .Select(name => Of(name, samples, s => Part(s, name)))
                .OrderByDescending(v => v.Count)
                .ThenBy(v => v.Name, StringComparer.Ordinal),
        ];

        FunctionAnswers? Part(FunctionSample sample, string name) =>
            FunctionAnswers.Sum([
                .. sample.Answers.Where(a => a.Key.Function == name && Counts(a.Key.Process)).Select(a => a.Value),
            ]);
    }

    private static FunctionView Of(
        string name,
        IReadOnlyList<FunctionSample> samples,
        Func<FunctionSample, FunctionAnswers?> part
    )
    {
        FunctionAnswers?[] parts = [.. samples.Select(part)];
        var seconds = samples.TakeLast(Recent).Sum(s => s.Length.TotalSeconds);
        var recent = FunctionAnswers.Sum([.. parts.TakeLast(Recent).OfType<FunctionAnswers>()]);
        return new FunctionView(
            name,
            [.. samples.Zip(parts, (s, p) => (p?.Count ?? 0) / s.Length.TotalSeconds)],
            [.. parts.Select(p => p?.Quantile(0.99) * 1000)],
            seconds > 0 ? (recent?.Count ?? 0) / seconds : 0,
            Time(recent?.Quantile(0.5)),
            Time(recent?.Quantile(0.99)),
            parts.Sum(p => p?.Count ?? 0),
            parts.Sum(p => p?.Failed ?? 0)
        );
    }

    private static TimeSpan? Time(double? seconds) => seconds is { } s ? TimeSpan.FromSeconds(s) : null;

    /// <summary>The components that have functions.</summary>
    public static IReadOnlyList<string> Servers { get; } = [Components.BuyerServer, Components.SellerServer];
}
