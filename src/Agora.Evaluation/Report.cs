using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Evaluation;

/// <summary>Writes an evaluation down: report.json for programs, report.md and its plots for people.</summary>
public static class Report
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes all files into a directory, made if missing.</summary>
    /// <param name="directory">Where to.</param>
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
                Write(directory, TimelineFile(scale, condition), Plots.Timeline(scale, condition));
            }
        }
        Write(directory, "report.md", Markdown(report, baseline));
    }

    /// <summary>Reads a report.json.</summary>
    /// <exception cref="EvaluationException">It cannot be read.</exception>
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

    /// <summary>The mean of every function under every condition, and operations a second: what fits on a screen.</summary>
    public static string Summary(ScaleResult scale)
    {
        ArgumentNullException.ThrowIfNull(scale);
        Grid grid = new(["role", "function", .. scale.Conditions.Select(c => c.Label)], leftColumns: 2);
        foreach (var function in scale.Conditions.SelectMany(c => c.Functions).Select(f => (f.Role, f.Function)).Distinct())
        {
            grid.Add([function.Role, function.Function, .. scale.Conditions.Select(c => Find(c, function) is { } f ? Spread(f.MeanOfRuns, c, "0.0") : "")]);
        }
        grid.Add(["", "operations a second", .. scale.Conditions.Select(c => Spread(c.OperationsPerSecond, c, "0"))]);
        grid.Add(["", "failed calls", .. scale.Conditions.Select(c => Number(c.Runs.Sum(r => r.Failed)))]);
        return grid.ToString();
    }

    internal static string Markdown(EvaluationReport report, EvaluationReport? baseline)
    {
        StringBuilder text = new();
        var options = report.Options;
        text.AppendLine("# Evaluation").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"Made with `{report.Command}`, version {report.Version}, begun {report.At:yyyy-MM-dd HH:mm} UTC.").AppendLine();
        text.AppendLine(report.BooksBalance ? "After every run the books balance." : "**THE BOOKS DO NOT BALANCE**, see the runs below.").AppendLine();
        foreach (var wrong in report.WrongWhileWarmingUp)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- while warming up: {wrong}");
        }
        Grid setting = new(["", ""], leftColumns: 2);
        var machine = report.Machine;
        setting.Add("machine", string.Create(CultureInfo.InvariantCulture, $"{machine.Processor}, {machine.Cores} cores, {machine.MemoryGiB:0.#} GiB; servers, databases and clients all on it"));
        setting.Add("system", $"{machine.System}; {machine.Runtime}");
        setting.Add("load before", machine.LoadBefore is { } load ? string.Create(CultureInfo.InvariantCulture, $"{load:0.0} runnable tasks in the minute before") : "not known");
        setting.Add("replicas", string.Join(", ", report.Replicas.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Value} {r.Key}"))));
        setting.Add("ordered by", string.Join(", ", report.Engines.Select(e => $"{e.Key}: {e.Value}")));
        if (report.Lab.Count > 0)
        {
            setting.Add("network", $"under {(report.Lab.Count == 1 ? "condition" : "conditions")} {string.Join(", ", report.Lab)} everything between processes, and from and to the clients, passes the lab's relays, on one marketplace of its own; a lost segment of a stream comes late by the time of its repair");
        }
        var scaleByScale = options.Runs.Count + options.Calls.Count > 2 ? " (scale by scale)" : "";
        setting.Add("runs", string.Create(CultureInfo.InvariantCulture,
            $"{string.Join(", ", options.Runs)} of each condition, {string.Join(", ", options.Calls)} calls a client each{scaleByScale}"));
        setting.Add("not counted", string.Create(CultureInfo.InvariantCulture,
            $"calls that warm up: {options.FirstCalls:N0} before all else, some {options.WarmUpCalls:N0} before each scale and after each run with a kill"));
        setting.Add("pace", options.Rate is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.##} calls a second of all clients together") : "each client calls again as soon as it has its answer");
        setting.Add("seed", string.Create(CultureInfo.InvariantCulture, $"{options.Seed}"));
        text.Append(setting).AppendLine();

        foreach (var scale in report.Scales)
        {
            Scale(text, scale);
        }
        if (baseline is not null)
        {
            Comparison(text, report, baseline);
        }
        Mix(text, report);
        Reading(text, options);
        return text.ToString();
    }

    private static void Scale(StringBuilder text, ScaleResult scale)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"## {Count(scale.Sellers, "seller")} and {Count(scale.Buyers, "buyer")}").AppendLine();
        text.AppendLine("Mean response time in ms (± standard deviation over the runs' means):").AppendLine();
        text.Append(Summary(scale)).AppendLine();
        foreach (var condition in scale.Conditions)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- {condition.Label}: {condition.Name}");
        }
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"![Response time of each function under each condition](times-{scale.Sellers}-{scale.Buyers}.svg)").AppendLine();
        foreach (var condition in scale.Conditions)
        {
            Condition(text, scale, condition);
        }
    }

    private static void Condition(StringBuilder text, ScaleResult scale, ConditionResult condition)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"### {scale.Sellers} + {scale.Buyers}, {condition.Label}: {condition.Name}").AppendLine();
        var kills = condition.Runs.Any(r => r.Kill is not null);
        Grid runs = new([
            "run", "seconds", "succeeded", "refused", "failed", "ops/s", "books",
            .. kills ? (string[])["killed", "at s", "pause ms", "worst ms", "in", "failed after", "failovers"] : [], "CPU busy", "stolen", "clients'"], leftColumns: 0);
        foreach (var run in condition.Runs)
        {
            runs.Add([
                Number(run.Number), Decimal(run.Seconds), Number(run.Succeeded), Number(run.Refused), Number(run.Failed), Decimal(run.OperationsPerSecond),
                run.Wrong.Count == 0 ? "balance" : "**WRONG**",
                .. !kills ? (string[])[] : run.Kill is { } kill
                    ? [string.Join(", ", kill.Killed), Decimal(kill.AtSeconds), Decimal(kill.Pause), Decimal(kill.Worst), kill.WorstFunction, Number(kill.Failed), Number(run.Failovers)]
                    : ["", "", "", "", "", "", ""],
                Percent(run.CpuBusy), Percent(run.CpuStolen), Percent(run.CpuOfClients)]);
        }
        text.Append(runs).AppendLine();
        foreach (var run in condition.Runs)
        {
            foreach (var line in run.Wrong.Select(wrong => $"**wrong:** {wrong}").Concat(run.Failures.Select(failure => $"failed: {failure}")))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"- run {run.Number}: {line}");
            }
        }
        text.AppendLine(condition.Runs.Any(r => r.Wrong.Count > 0 || r.Failures.Count > 0) ? "\nResponse times in ms, whole runs:" : "Response times in ms, whole runs:").AppendLine();
        text.Append(Times(condition, f => f.All)).AppendLine();
        if (kills)
        {
            text.AppendLine("From the kill on:").AppendLine();
            text.Append(Times(condition, f => f.AfterKill!)).AppendLine();
            text.AppendLine(CultureInfo.InvariantCulture, $"![Operations a second around the kill]({TimelineFile(scale, condition)})").AppendLine();
        }
    }

    private static Grid Times(ConditionResult condition, Func<FunctionResult, FigureSet> figures)
    {
        Grid grid = new(["role", "function", "mean", "p50", "p95", "p99", "worst", "count", "refused", "failed"], leftColumns: 2);
        foreach (var function in condition.Functions)
        {
            var f = figures(function);
            string[] times = f.Count == 0 ? ["", "", "", "", ""] : [Decimal(f.Mean), Decimal(f.P50), Decimal(f.P95), Decimal(f.P99), Decimal(f.Worst)];
            grid.Add([function.Role, function.Function, .. times, Number(f.Count), Number(f.Refused), Number(f.Failed)]);
        }
        return grid;
    }

    private static void Comparison(StringBuilder text, EvaluationReport report, EvaluationReport baseline)
    {
        text.AppendLine("## Compared with an earlier evaluation").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"There: `{baseline.Command}`, version {baseline.Version}, {baseline.At:yyyy-MM-dd HH:mm} UTC, on {baseline.Machine.Processor} with {baseline.Machine.Cores} cores, with {string.Join(", ", baseline.Replicas.Select(r => $"{r.Value} {r.Key}"))}. Condition 1, mean response time in ms:").AppendLine();
        foreach (var scale in report.Scales)
        {
            if (baseline.Scales.FirstOrDefault(s => s.Sellers == scale.Sellers && s.Buyers == scale.Buyers)?.Conditions.FirstOrDefault(c => c.Number == 1) is not { } there
                || scale.Conditions.FirstOrDefault(c => c.Number == 1) is not { } here)
            {
                continue;
            }
            Grid grid = new(["role", $"function, {scale.Sellers} + {scale.Buyers}", "here", "there", "here / there"], leftColumns: 2);
            void Add(string role, string name, double one, double other) =>
                grid.Add(role, name, Decimal(one), Decimal(other), other > 0 ? (one / other).ToString("0.00", CultureInfo.InvariantCulture) : "");
            foreach (var function in here.Functions)
            {
                Add(function.Role, function.Function, function.All.Mean, Find(there, (function.Role, function.Function))?.All.Mean ?? 0);
            }
            Add("", "operations a second", here.OperationsPerSecond.Mean, there.OperationsPerSecond.Mean);
            text.Append(grid).AppendLine();
        }
    }

    private static void Mix(StringBuilder text, EvaluationReport report)
    {
        text.AppendLine("## The mix").AppendLine();
        text.AppendLine("Calls of each function in a thousand calls of its role:").AppendLine();
        Grid grid = new(["role", "function", "calls of 1,000"], leftColumns: 2);
        foreach (var line in report.Mix)
        {
            grid.Add(line.Role, line.Function, Decimal(line.PerThousand));
        }
        text.Append(grid).AppendLine();
    }

    private static void Reading(StringBuilder text, EvaluationOptions options)
    {
        text.AppendLine("## How to read it").AppendLine();
        text.AppendLine("""
            - A response time is what a user of the client library waits: from the call until the answer is there, going on with another server included.
            - Figures are those of successful calls. Rightly refused ones (a declined card, too few units) and failed ones are counted apart and never averaged in.
            - The pause is the longest stretch from the kill on in which calls that need what was killed were waiting, and none of them was answered.
            - Who was killed stays dead until the run has ended, where the condition does not say otherwise, and has to catch up before the audit.
            - The audit after each run: units registered = on sale + withdrawn + sold; every completed purchase has one approved charge of its amount, and every approved
              charge one purchase; every answered write is there, read from all replicas in turn; all replicas of a database have the same digest at the same position;
              itemsSold, itemsPurchased and votes agree with the histories; no session outlives its logout.
            """);
        text.AppendLine(options.Rate is null
            ? "- Each client waits for an answer before it calls again, so a slow answer also delays the calls behind it, and they do not show it (coordinated omission): "
              + "these are the times of users who come back after each answer. The worst call and the pause show what the means hide. With `--rate`, calls are timed from when they were due."
            : "- Each call is timed from when it was due by the rate, not from when it was sent: a slow answer counts for all calls that had to wait behind it (no coordinated omission).");
    }

    private static FunctionResult? Find(ConditionResult condition, (string Role, string Function) function) =>
        condition.Functions.FirstOrDefault(f => f.Role == function.Role && f.Function == function.Function);

    private static string TimelineFile(ScaleResult scale, ConditionResult condition) =>
        string.Create(CultureInfo.InvariantCulture, $"timeline-{scale.Sellers}-{scale.Buyers}-condition-{condition.Number}.svg");

    private static string Spread(Spread spread, ConditionResult condition, string format) => condition.Runs.Count > 1
        ? $"{spread.Mean.ToString(format, CultureInfo.InvariantCulture)} ± {spread.Deviation.ToString(format, CultureInfo.InvariantCulture)}"
        : spread.Mean.ToString(format, CultureInfo.InvariantCulture);

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    private static string Number(int number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Decimal(double number) => number.ToString("#,0.0", CultureInfo.InvariantCulture);

    private static string Percent(double? share) => share is { } s ? s.ToString("0%", CultureInfo.InvariantCulture) : "";

    private static void Write(string directory, string file, string text) => File.WriteAllText(Path.Combine(directory, file), text, s_utf8);
}

/// <summary>A table in Markdown, padded so that it is readable as it is.</summary>
internal sealed class Grid(string[] head, int leftColumns)
{
    private readonly List<string[]> _rows = [head];

    public void Add(params string[] row) => _rows.Add(row);

    public override string ToString()
    {
        int[] widths = [.. Enumerable.Range(0, head.Length).Select(i => Math.Max(3, _rows.Max(row => row[i].Length)))];
        StringBuilder text = new();
        foreach (var row in _rows)
        {
            text.Append('|');
            for (var i = 0; i < row.Length; i++)
            {
                text.Append(' ').Append(i < leftColumns ? row[i].PadRight(widths[i]) : row[i].PadLeft(widths[i])).Append(" |");
            }
            text.AppendLine();
            if (ReferenceEquals(row, head))
            {
                text.Append('|').AppendJoin('|', widths.Select((width, i) => i < leftColumns ? new string('-', width + 2) : new string('-', width + 1) + ":")).AppendLine("|");
            }
        }
        return text.ToString();
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, IgnoreReadOnlyProperties = false)]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
