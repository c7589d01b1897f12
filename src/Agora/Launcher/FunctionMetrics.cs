using System.Globalization;
using Agora.Cluster;
using Agora.Rest;

namespace Agora.Launcher;

/// <summary>Reads from a server's <c>/metrics</c> what it has served, by function.</summary>
internal static class FunctionMetrics
{
    private const string Histogram = "agora_function_duration_seconds";
    private const string Bucket = Histogram + "_bucket{";

    // A server has some twenty functions. An answer with more is not one of ours.
    private const int MaxFunctions = 100;
    private const int MaxBounds = 50;

    /// <summary>
    /// Takes the text format of Prometheus. Lines that it does not know are skipped, so that other metrics may be there
    /// too; of a function with unusable lines the rest counts.
    /// </summary>
    public static IReadOnlyList<FunctionCounts> Parse(string text)
    {
        Dictionary<string, Sum> functions = [];
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (
                line.StartsWith(Bucket, StringComparison.Ordinal)
                && TryRead(line, out var function, out var outcome, out var bound, out var count)
                && (functions.ContainsKey(function) || functions.Count < MaxFunctions)
            )
            {
                if (!functions.TryGetValue(function, out var sum))
                {
                    functions[function] = sum = new Sum();
                }

                sum.Add(outcome, bound, count);
            }
        }

        return [.. functions.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => f.Value.Of(f.Key))];
    }

    private static bool TryRead(
        ReadOnlySpan<char> line,
        out string function,
        out string outcome,
        out double bound,
        out long count
    )
    {
        (function, outcome, bound, count) = ("", "", 0, 0);
        var end = line.LastIndexOf('}');
        if (end < 0)
        {
            return false;
        }

        var labels = line[Bucket.Length..end];
        var upper = Label(labels, "le");
        (function, outcome) = (Label(labels, "function"), Label(labels, "outcome"));
        bound = upper == "+Inf" ? double.PositiveInfinity : 0;

        // Behind the value there may be a time.
        var value = line[(end + 1)..].Trim();
        value = value.IndexOf(' ') is > 0 and var space ? value[..space] : value;
        return function.Length > 0
            && outcome.Length > 0
            && (
                double.IsPositiveInfinity(bound)
                || double.TryParse(upper, NumberStyles.Float, CultureInfo.InvariantCulture, out bound)
            )
            && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && (count = (long)number) >= 0;
    }

    // Names of functions, codes of errors and bounds have no character that would be escaped.
    private static string Label(ReadOnlySpan<char> labels, string name)
    {
        foreach (var part in labels.Split(','))
        {
            var label = labels[part];
            if (label.StartsWith(name, StringComparison.Ordinal) && label[name.Length..].StartsWith("=\""))
            {
                return label[(name.Length + 2)..].TrimEnd('"').ToString();
            }
        }

        return "";
    }

    /// <summary>
    /// The buckets of one function, of all outcomes together. In the text each bucket includes those below.
    /// </summary>
    private sealed class Sum
    {
        private readonly SortedDictionary<double, long> _atMost = [];
        private long _failed;

        public void Add(string outcome, double bound, long count)
        {
            if (_atMost.ContainsKey(bound) || _atMost.Count < MaxBounds)
            {
                _atMost[bound] = _atMost.GetValueOrDefault(bound) + count;
            }

            if (double.IsPositiveInfinity(bound) && outcome is (ErrorCodes.Unavailable or ErrorCodes.Internal))
            {
                _failed += count;
            }
        }

        public FunctionCounts Of(string name)
        {
            var below = 0L;
            List<long> buckets = [];
            foreach (var count in _atMost.Values)
            {
                buckets.Add(Math.Max(0, count - below));
                below = Math.Max(below, count);
            }

            return new FunctionCounts(
                name,
                below,
                _failed,
                [.. _atMost.Keys.Where(bound => !double.IsPositiveInfinity(bound))],
                buckets
            );
        }
    }
}
