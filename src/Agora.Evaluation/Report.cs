using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Evaluation;

/// <summary>
/// Writes and reads the files of an evaluation: report.json for programs, report.md and its plots for people.
/// </summary>
public static class Report
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes all files into a directory, which is made where it is missing.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="report">What was measured.</param>
    /// <param name="baseline">An earlier report to compare with.</param>
    public static void Write(string directory, EvaluationReport report, EvaluationReport? baseline)
    {
        Directory.CreateDirectory(directory);
        Write(directory, "report.json", JsonSerializer.Serialize(report, ReportJson.Default.EvaluationReport) + "\n");
        foreach (var scale in report.Scales)
        {
            var times = string.Create(CultureInfo.InvariantCulture, $"times-{scale.Sellers}-{scale.Buyers}.svg");
            Write(directory, times, Plots.Times(scale));
            foreach (var condition in scale.Conditions.Where(c => c.Timeline.Count > 0))
            {
                Write(directory, MarkdownReport.TimelineFile(scale, condition), Plots.Timeline(scale, condition));
            }
        }

        Write(directory, "report.md", MarkdownReport.Of(report, baseline));
    }

    /// <summary>Reads a report.json.</summary>
    /// <exception cref="EvaluationException">The file cannot be read.</exception>
    public static EvaluationReport Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ReportJson.Default.EvaluationReport)
                ?? throw new EvaluationException($"{path} holds nothing");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new EvaluationException($"{path} cannot be read as an evaluation's report.json: {e.Message}", e);
        }
    }

    /// <summary>
    /// The mean of every function under every condition, and operations a second: what fits on a screen.
    /// </summary>
    public static string Summary(ScaleResult scale)
    {
        ArgumentNullException.ThrowIfNull(scale);
        return MarkdownReport.Summary(scale);
    }

    private static void Write(string directory, string file, string text) =>
        File.WriteAllText(Path.Combine(directory, file), text, s_utf8);
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, IgnoreReadOnlyProperties = false)]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
