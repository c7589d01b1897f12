using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Agora.Evaluation;

namespace Agora.Chaos;

/// <summary>The result of a run of <c>agora chaos</c>.</summary>
public sealed record ChaosReport
{
    /// <summary>The product's version.</summary>
    public required string Version { get; init; }

    /// <summary>When the run began.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The command that does the same again.</summary>
    public required string Command { get; init; }

    /// <summary>The machine that it ran on.</summary>
    public required Machine Machine { get; init; }

    /// <summary>What was asked for.</summary>
    public required ChaosOptions Options { get; init; }

    /// <summary>All rounds.</summary>
    public required IReadOnlyList<RoundResult> Rounds { get; init; }

    /// <summary>All functions.</summary>
    public required IReadOnlyList<FunctionCount> Functions { get; init; }

    /// <summary>How often each kind of check was made.</summary>
    public required IReadOnlyDictionary<string, long> Checks { get; init; }

    /// <summary>Every fault.</summary>
    public required IReadOnlyList<FaultDone> Faults { get; init; }

    /// <summary>
    /// Kinds of faults that a round did not plan although it had to: within the promises every round of two minutes or
    /// more has each kind.
    /// </summary>
    public required IReadOnlyList<string> MissingKinds { get; init; }

    /// <summary>The longest time in which no call at all was answered.</summary>
    public required double LongestPauseSeconds { get; init; }

    /// <summary>How often chaos itself was stopped from outside. Calls that failed meanwhile do not count.</summary>
    public required int Standstills { get; init; }

    /// <summary>Answers that were wrong.</summary>
    public required IReadOnlyList<Finding> Violations { get; init; }

    /// <summary>Calls that failed and should not have.</summary>
    public required IReadOnlyList<Finding> Unexpected { get; init; }

    /// <summary>
    /// Nothing was wrong, nothing failed that should not have, all books balance, and no kind of fault is missing.
    /// </summary>
    public bool IsGood =>
        Violations.Count == 0
        && Unexpected.Count == 0
        && MissingKinds.Count == 0
        && Rounds.All(r => r.Wrong.Count == 0);

    /// <summary>Writes <c>report.md</c> and <c>report.json</c>.</summary>
    public void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "report.md"), ToMarkdown());
        File.WriteAllText(Path.Combine(directory, "report.json"), ToJson());
    }

    /// <summary>The report for programs.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ChaosJson.Default.ChaosReport) + "\n";

    /// <summary>The short report that ends the run.</summary>
    public string Summary()
    {
        StringBuilder text = new();
        text.AppendLine("| function | succeeded | refused | failed | of these never known | longest, s |");
        text.AppendLine("|---|--:|--:|--:|--:|--:|");
        foreach (var f in Functions)
        {
            Row($"{f.Role}'s {f.Function}", f.Succeeded, f.Refused, f.Failed, f.Unknown, f.LongestSeconds);
        }

        Row(
            "all",
            Functions.Sum(f => f.Succeeded),
            Functions.Sum(f => f.Refused),
            Functions.Sum(f => f.Failed),
            Functions.Sum(f => f.Unknown),
            Functions.Max(f => f.LongestSeconds)
        );
        text.AppendLine();
        var done = Faults.Where(f => f.Skipped is null).ToList();
        var kinds = Enum.GetValues<ChaosFaultKind>()
            .Select(kind => FormattableString.Invariant($"{done.Count(f => f.Kind == kind.Text())} {kind.Text()}"));
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Faults: {done.Count:N0} done, {Faults.Count - done.Count:N0} left out because something was not "
                + $"well again in time. The longest time without any answer: {LongestPauseSeconds:0.0} s."
        );
        text.AppendLine(CultureInfo.InvariantCulture, $"Faults by kind: {string.Join(", ", kinds)}.");
        if (
            done.Where(f => f.ServesAfterSeconds is not null)
                .Select(f => f.ServesAfterSeconds!.Value)
                .Order()
                .ToList() is
            { Count: > 0 } returns
        )
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"Replicas that started with another disk than they had: {returns.Count:N0} served again, after "
                    + $"{returns[returns.Count / 2]:0.0} s in the median and {returns[^1]:0.0} s at most."
            );
        }

        if (MissingKinds.Count > 0)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"KINDS OF FAULTS ARE MISSING IN THE PLAN: {string.Join(", ", MissingKinds)}."
            );
        }

        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Compared with the model: {string.Join(", ", Checks.Select(c => $"{c.Value:N0} {c.Key}"))}."
        );
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Commands that came to a database again, under their request id, after it had applied them: "
                + $"{Rounds.Sum(r => r.CustomersRepeats):N0} to customers, "
                + $"{Rounds.Sum(r => r.ProductsRepeats):N0} to products."
        );
        if (Standstills > 0)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"This process itself was stopped from outside {Standstills:N0} times; "
                    + $"calls that failed because of that do not count."
            );
        }

        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Wrong answers: {Violations.Count:N0}. Calls that failed and should not have: {Unexpected.Count:N0}. "
                + $"Books: {(Rounds.All(r => r.Wrong.Count == 0) ? "balance" : "DO NOT BALANCE")} "
                + $"({Rounds.Count} audits)."
        );
        return text.ToString();

        void Row(string name, long succeeded, long refused, long failed, long unknown, double longest) =>
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {name} | {succeeded:N0} | {refused:N0} | {failed:N0} | {unknown:N0} | {longest:0.00} |"
            );
    }

    private string ToMarkdown()
    {
        StringBuilder text = new();
        text.AppendLine("# Chaos").AppendLine();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{(IsGood ? "Nothing was wrong." : "**Something was wrong; see below.**")} "
                + $"{(Options.Beyond ? "Beyond what is promised" : "Within what is promised")}, "
                + $"{Options.Length.TotalMinutes:0.##} minutes, seed {Options.Seed}, "
                + $"{Options.Sellers} sellers and {Options.Buyers} buyers at once."
        );
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"    {Command}").AppendLine();
        text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{At:yyyy-MM-dd HH:mm} UTC, version {Version}; {Machine.Processor}, {Machine.Cores} cores, "
                    + $"{Machine.MemoryGiB} GiB, {Machine.System}, {Machine.Runtime}; "
                    + $"load before: {Machine.LoadBefore}."
            )
            .AppendLine();
        text.AppendLine(Summary());
        Findings(text, "Wrong answers", Violations);
        Findings(text, "Calls that failed and should not have", Unexpected);
        text.AppendLine("## Rounds").AppendLine();
        text.AppendLine(
            "| round | seconds | calls | accounts | whole again after, s | memory of all processes, MiB "
                + "| of chaos itself, MiB | audit |"
        );
        text.AppendLine("|--:|--:|--:|--:|--:|--:|--:|---|");
        foreach (var r in Rounds)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {r.Number} | {r.Seconds:0} | {r.Calls:N0} | {r.Accounts:N0} | {r.WholeAfterSeconds:0.0} "
                    + $"| {r.MarketplaceMiB:N0} | {r.OwnMiB:N0} "
                    + $"| {(r.Wrong.Count == 0 ? "balances" : string.Join("<br>", r.Wrong))} |"
            );
        }

        text.AppendLine().AppendLine("## Faults").AppendLine();
        text.AppendLine("| round | from, s | to, s | what |");
        text.AppendLine("|--:|--:|--:|---|");
        foreach (var f in Faults)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {f.Round} | {f.Seconds:0.0} | {f.Until:0.0} "
                    + $"| {f.What}{(f.Skipped is null ? "" : $" (left out: {f.Skipped})")} |"
            );
        }

        return text.ToString();
    }

    private static void Findings(StringBuilder text, string title, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0)
        {
            return;
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"## {title}").AppendLine();
        foreach (var finding in findings)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- at {finding.Seconds:0.0} s: {finding.What}");
            if (finding.Proof is { } proof)
            {
                text.AppendLine().AppendLine("```").AppendLine(proof).AppendLine("```").AppendLine();
            }
        }

        text.AppendLine();
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(ChaosReport))]
internal sealed partial class ChaosJson : JsonSerializerContext;
