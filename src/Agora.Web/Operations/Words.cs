using System.Globalization;

namespace Agora.Web.Operations;

/// <summary>Numbers and times as people read them; every number says its unit.</summary>
internal static class Words
{
    private static readonly CultureInfo s_culture = CultureInfo.InvariantCulture;

    /// <summary>E.g. <c>120,331</c>.</summary>
    public static string Count(long number) => number.ToString("N0", s_culture);

    /// <summary>E.g. <c>12.4</c>, <c>120</c>, <c>1,203</c>.</summary>
    public static string Rate(double rate) => rate.ToString(rate is > 0 and < 100 ? "0.0" : "N0", s_culture);

    /// <summary>E.g. <c>0.3 ms</c>, <c>12 ms</c>, <c>1.2 s</c>.</summary>
    public static string Duration(TimeSpan time) =>
        time.TotalMilliseconds switch
        {
            < 10 => time.TotalMilliseconds.ToString("0.0", s_culture) + " ms",
            < 1000 => time.TotalMilliseconds.ToString("0", s_culture) + " ms",
            < 10_000 => time.TotalSeconds.ToString("0.0", s_culture) + " s",
            _ => Span(time),
        };

    /// <summary>A stretch of time in whole units, e.g. <c>12 s</c>, <c>5 min</c>, <c>3 h</c>, <c>2 days</c>.</summary>
    public static string Span(TimeSpan time) =>
        time.TotalSeconds < 120 ? Math.Max(0, time.TotalSeconds).ToString("0", s_culture) + " s"
        : time.TotalMinutes < 120 ? time.TotalMinutes.ToString("0", s_culture) + " min"
        : time.TotalHours < 48 ? time.TotalHours.ToString("0", s_culture) + " h"
        : time.TotalDays.ToString("0", s_culture) + " days";

    /// <summary>E.g. <c>93 MiB</c>.</summary>
    public static string Memory(long bytes) => (bytes / 1048576.0).ToString("N0", s_culture) + " MiB";

    /// <summary>E.g. <c>5%</c>, <c>0.4%</c>.</summary>
    public static string Share(double share) =>
        (share * 100).ToString(share is > 0 and < 0.01 ? "0.0" : "0", s_culture) + "%";

    /// <summary>E.g. <c>07:31:02</c>, always UTC.</summary>
    public static string Clock(DateTime at) => at.ToString("HH:mm:ss", s_culture);

    /// <summary>A number for an attribute of SVG.</summary>
    public static string Svg(double number) =>
        // Without the addition, a small negative number would be "-0".
        (Math.Round(number, 2) + 0.0).ToString("0.##", s_culture);

    /// <summary>E.g. <c>1 process</c>, <c>3 processes</c>.</summary>
    public static string Plural(int count, string one, string many) =>
        count.ToString(s_culture) + " " + (count == 1 ? one : many);

    /// <summary>E.g. <c>a</c>, <c>a and b</c>, <c>a, b and c</c>.</summary>
    public static string List(IReadOnlyList<string> names) =>
        names.Count < 2 ? string.Concat(names) : string.Join(", ", names.Take(names.Count - 1)) + " and " + names[^1];
}
