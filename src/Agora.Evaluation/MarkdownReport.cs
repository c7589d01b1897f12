using System.Globalization;
using System.Text;

namespace Agora.Evaluation;

/// <summary>The report of an evaluation for people, in Markdown.</summary>
internal static class MarkdownReport
{
    /// <summary>
    /// The mean of every function under every condition, and operations a second: what fits on a screen.
    /// </summary>
    public static string Summary(ScaleResult scale)
    {
        MarkdownTable grid = new(["role", "function", .. scale.Conditions.Select(c => c.Label)], leftColumns: 2);
        foreach (
            var function in scale.Conditions.SelectMany(c => c.Functions).Select(f => (f.Role, f.Function)).Distinct()
        )
        {
            grid.Add([
                function.Role,
                function.Function,
                .. scale.Conditions.Select(c => Find(c, function) is { } f ? Spread(f.MeanOfRuns, c, "0.0") : ""),
            ]);
        }

        grid.Add(["", "operations a second", .. scale.Conditions.Select(c => Spread(c.OperationsPerSecond, c, "0"))]);
        grid.Add(["", "failed calls", .. scale.Conditions.Select(c => Number(c.Runs.Sum(r => r.Failed)))]);
        return grid.ToString();
    }

    public static string Of(EvaluationReport report, EvaluationReport? baseline)
    {
        StringBuilder text = new();
        var options = report.Options;
        text.AppendLine("# Evaluation").AppendLine();
        text.AppendLine(
                CultureInfo.InvariantCulture,
                $"Made with `{report.Command}`, version {report.Version}, begun {report.At:yyyy-MM-dd HH:mm} UTC."
            )
            .AppendLine();
        text.AppendLine(
                report.BooksBalance
                    ? "After every run the books balance."
                    : "**THE BOOKS DO NOT BALANCE**, see the runs below."
            )
            .AppendLine();
        foreach (var wrong in report.WrongWhileWarmingUp)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- while warming up: {wrong}");
        }

        MarkdownTable setting = new(["", ""], leftColumns: 2);
        var machine = report.Machine;
        var place =
            report.Hosts.Count > 1
                ? $"clients run on it, servers and databases on {string.Join(", ", report.Hosts)}"
                : "all servers, databases and clients run on it";
        setting.Add(
            "machine",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{machine.Processor}, {machine.Cores} cores, {machine.MemoryGiB:0.#} GiB; {place}"
            )
        );
        setting.Add("system", $"{machine.System}; {machine.Runtime}");
        setting.Add(
            "load before",
            machine.LoadBefore is { } load
                ? string.Create(CultureInfo.InvariantCulture, $"{load:0.0} runnable tasks in the minute before")
                : "not known"
        );
        setting.Add(
            "replicas",
            string.Join(
                ", ",
                report.Replicas.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Value} {r.Key}"))
            )
        );
        setting.Add("ordered by", string.Join(", ", report.Engines.Select(e => $"{e.Key}: {e.Value}")));
        if (report.Lab.Count > 0)
        {
            setting.Add(
                "network",
                $"under {(report.Lab.Count == 1 ? "condition" : "conditions")} {string.Join(", ", report.Lab)} "
                    + "everything between processes, and from and to the clients, passes the lab's relays, on a "
                    + "marketplace of its own; a lost segment of a stream comes late by the time of its repair"
            );
        }

        var scaleByScale = options.Runs.Count + options.Calls.Count > 2 ? " (scale by scale)" : "";
        setting.Add(
            "runs",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{string.Join(", ", options.Runs)} of each condition, {string.Join(", ", options.Calls)} calls "
                    + $"a client each{scaleByScale}"
            )
        );
        setting.Add(
            "not counted",
            string.Create(
                CultureInfo.InvariantCulture,
                $"calls that warm up: {options.FirstCalls:N0} before everything else, about {options.WarmUpCalls:N0} "
                    + $"before each scale and after each run with a kill"
            )
        );
        setting.Add(
            "pace",
            options.Rate is { } rate
                ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.##} calls a second of all clients together")
                : "each client calls again as soon as it has its answer"
        );
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
        text.AppendLine(
                CultureInfo.InvariantCulture,
                $"## {Count(scale.Sellers, "seller")} and {Count(scale.Buyers, "buyer")}"
            )
            .AppendLine();
        text.AppendLine("Mean response time in ms (± standard deviation over the runs' means):").AppendLine();
        text.Append(Summary(scale)).AppendLine();
        foreach (var condition in scale.Conditions)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- {condition.Label}: {condition.Name}");
        }

        text.AppendLine()
            .AppendLine(
                CultureInfo.InvariantCulture,
                $"![Response time of each function under each condition](times-{scale.Sellers}-{scale.Buyers}.svg)"
            )
            .AppendLine();
        foreach (var condition in scale.Conditions)
        {
            Condition(text, scale, condition);
        }
    }

    private static void Condition(StringBuilder text, ScaleResult scale, ConditionResult condition)
    {
        text.AppendLine(
                CultureInfo.InvariantCulture,
                $"### {scale.Sellers} + {scale.Buyers}, {condition.Label}: {condition.Name}"
            )
            .AppendLine();
        var kills = condition.Runs.Any(r => r.Kill is not null);
        MarkdownTable runs = new(
            [
                "run",
                "seconds",
                "succeeded",
                "refused",
                "failed",
                "ops/s",
                "books",
                .. kills ? (string[])["killed", "at s", "pause ms", "worst ms", "in", "failed after", "failovers"] : [],
                "CPU busy",
                "stolen",
                "clients'",
            ],
            leftColumns: 0
        );
        foreach (var run in condition.Runs)
        {
            runs.Add([
                Number(run.Number),
                Decimal(run.Seconds),
                Number(run.Succeeded),
                Number(run.Refused),
                Number(run.Failed),
                Decimal(run.OperationsPerSecond),
                run.Wrong.Count == 0 ? "balance" : "**WRONG**",
                .. !kills ? (string[])[]
                : run.Kill is { } kill
                    ?
                    [
                        string.Join(", ", kill.Killed),
                        Decimal(kill.AtSeconds),
                        Decimal(kill.Pause),
                        Decimal(kill.Worst),
                        kill.WorstFunction,
                        Number(kill.Failed),
                        Number(run.Failovers),
                    ]
                : ["", "", "", "", "", "", ""],
                Percent(run.CpuBusy),
                Percent(run.CpuStolen),
                Percent(run.CpuOfClients),
            ]);
        }

        text.Append(runs).AppendLine();
        foreach (var run in condition.Runs)
        {
            foreach (
                var line in run
                    .Wrong.Select(wrong => $"**wrong:** {wrong}")
                    .Concat(run.Failures.Select(failure => $"failed: {failure}"))
            )
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"- run {run.Number}: {line}");
            }
        }

        text.AppendLine(
                condition.Runs.Any(r => r.Wrong.Count > 0 || r.Failures.Count > 0)
                    ? "\nResponse times in ms, whole runs:"
                    : "Response times in ms, whole runs:"
            )
            .AppendLine();
        text.Append(Times(condition, f => f.All)).AppendLine();
        if (kills)
        {
            text.AppendLine("From the kill on:").AppendLine();
            text.Append(Times(condition, f => f.AfterKill!)).AppendLine();
            text.AppendLine(
                    CultureInfo.InvariantCulture,
                    $"![Operations a second around the kill]({TimelineFile(scale, condition)})"
                )
                .AppendLine();
        }
    }

    private static MarkdownTable Times(ConditionResult condition, Func<FunctionResult, FigureSet> figures)
    {
        MarkdownTable grid = new(
            ["role", "function", "mean", "p50", "p95", "p99", "worst", "count", "refused", "failed"],
            leftColumns: 2
        );
        foreach (var function in condition.Functions)
        {
            var f = figures(function);
            string[] times =
                f.Count == 0
                    ? ["", "", "", "", ""]
                    : [Decimal(f.Mean), Decimal(f.P50), Decimal(f.P95), Decimal(f.P99), Decimal(f.Worst)];
            grid.Add([
                function.Role,
                function.Function,
                .. times,
                Number(f.Count),
                Number(f.Refused),
                Number(f.Failed),
            ]);
        }

        return grid;
    }

    private static void Comparison(StringBuilder text, EvaluationReport report, EvaluationReport baseline)
    {
        text.AppendLine("## Compared with an earlier evaluation").AppendLine();
        text.AppendLine(
                CultureInfo.InvariantCulture,
                $"There: `{baseline.Command}`, version {baseline.Version}, {baseline.At:yyyy-MM-dd HH:mm} UTC, "
                    + $"on {baseline.Machine.Processor} with {baseline.Machine.Cores} cores, "
                    + $"with {string.Join(", ", baseline.Replicas.Select(r => $"{r.Value} {r.Key}"))}. "
                    + $"Condition 1, mean response time in ms:"
            )
            .AppendLine();
        foreach (var scale in report.Scales)
        {
            if (
                baseline
                    .Scales.FirstOrDefault(s => s.Sellers == scale.Sellers && s.Buyers == scale.Buyers)
                    ?.Conditions.FirstOrDefault(c => c.Number == 1)
                    is not { } there
                || scale.Conditions.FirstOrDefault(c => c.Number == 1) is not { } here
            )
            {
                continue;
            }

            MarkdownTable grid = new(
                ["role", $"function, {scale.Sellers} + {scale.Buyers}", "here", "there", "here / there"],
                leftColumns: 2
            );
            void Add(string role, string name, double one, double other) =>
                grid.Add(
                    role,
                    name,
                    Decimal(one),
                    Decimal(other),
                    other > 0 ? (one / other).ToString("0.00", CultureInfo.InvariantCulture) : ""
                );
            foreach (var function in here.Functions)
            {
                Add(
                    function.Role,
                    function.Function,
                    function.All.Mean,
                    Find(there, (function.Role, function.Function))?.All.Mean ?? 0
                );
            }

            Add("", "operations a second", here.OperationsPerSecond.Mean, there.OperationsPerSecond.Mean);
            text.Append(grid).AppendLine();
        }
    }

    private static void Mix(StringBuilder text, EvaluationReport report)
    {
        text.AppendLine("## The mix").AppendLine();
        text.AppendLine("Calls of each function in a thousand calls of its role:").AppendLine();
        MarkdownTable grid = new(["role", "function", "calls of 1,000"], leftColumns: 2);
        foreach (var line in report.Mix)
        {
            grid.Add(line.Role, line.Function, Decimal(line.PerThousand));
        }

        text.Append(grid).AppendLine();
    }

    private static void Reading(StringBuilder text, EvaluationOptions options)
    {
        text.AppendLine("## How to read it").AppendLine();
        text.AppendLine(
            """
            - A response time is what a user of the client library waits: from the call until the answer is there,
              failover to another server included.
            - Times are those of successful calls. Calls that were refused, as they had to be (a declined card, too
              few units), and failed calls are counted apart and are no part of any mean.
            - The pause is the longest time after the kill in which calls that need what was killed were waiting, and
              none of them was answered.
            - What was killed stays dead until the run has ended, unless the condition says otherwise. It has to
              catch up before the audit.
            - The audit after each run: units registered = on sale + withdrawn + sold; every completed purchase has
              one approved charge of its amount, and every approved charge one purchase; every answered write is
              there, read from all replicas in turn; all replicas of a database have the same digest at the same
              position; itemsSold, itemsPurchased and votes agree with the histories; no session outlives its logout.
            """
        );
        text.AppendLine(
            options.Rate is null
                ? """
                - Each client waits for an answer before it calls again. So a slow answer also delays the calls
                  behind it, and their times do not show that (coordinated omission): these are the times of users
                  who call again after each answer. The worst call and the pause show what the means hide. With
                  `--rate`, calls are timed from when they were due.
                """
                : """
                - Each call is timed from when it was due by the rate, not from when it was sent. So a slow answer
                  counts for all calls that had to wait behind it (no coordinated omission).
                """
        );
    }

    private static FunctionResult? Find(ConditionResult condition, (string Role, string Function) function) =>
        condition.Functions.FirstOrDefault(f => f.Role == function.Role && f.Function == function.Function);

    /// <summary>The name of the file that holds the timeline of a condition.</summary>
    public static string TimelineFile(ScaleResult scale, ConditionResult condition) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"timeline-{scale.Sellers}-{scale.Buyers}-condition-{condition.Number}.svg"
        );

    private static string Spread(Spread spread, ConditionResult condition, string format)
    {
        return condition.Runs.Count > 1 ? $"{Text(spread.Mean)} ± {Text(spread.Deviation)}" : Text(spread.Mean);

        string Text(double value) => value.ToString(format, CultureInfo.InvariantCulture);
    }

    private static string Count(int count, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    private static string Number(int number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Decimal(double number) => number.ToString("#,0.0", CultureInfo.InvariantCulture);

    private static string Percent(double? share) =>
        share is { } s ? s.ToString("0%", CultureInfo.InvariantCulture) : "";
}
