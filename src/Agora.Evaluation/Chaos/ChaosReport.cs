using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Evaluation.Chaos;

/// <summary>One round of chaos.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Seconds">How long it was traded under faults.</param>
/// <param name="Calls">Calls, those that failed included.</param>
/// <param name="Accounts">Accounts that were opened, each by a user of its own.</param>
/// <param name="Wrong">What the audit found wrong.</param>
/// <param name="WholeAfterSeconds">How long it took, after everything was healed, until every process served again.</param>
/// <param name="MarketplaceMiB">Resident memory of all processes at its end.</param>
/// <param name="OwnMiB">Resident memory of chaos itself: clients, relays, model.</param>
/// <param name="CustomersRepeats">Commands that came to the customers database again after it had applied them.</param>
/// <param name="ProductsRepeats">The same of the products database.</param>
public sealed record RoundResult(
    int Number, double Seconds, long Calls, int Accounts, IReadOnlyList<string> Wrong, double WholeAfterSeconds, double MarketplaceMiB, double OwnMiB,
    long CustomersRepeats, long ProductsRepeats);

/// <summary>What came of chaos.</summary>
public sealed record ChaosReport
{
    /// <summary>The product's version.</summary>
    public required string Version { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The command that does the same again.</summary>
    public required string Command { get; init; }

    /// <summary>Where it ran.</summary>
    public required Machine Machine { get; init; }

    /// <summary>What was asked for.</summary>
    public required ChaosOptions Options { get; init; }

    /// <summary>All rounds.</summary>
    public required IReadOnlyList<RoundResult> Rounds { get; init; }

    /// <summary>All functions.</summary>
    public required IReadOnlyList<FunctionCount> Functions { get; init; }

    /// <summary>How often what was compared with the model.</summary>
    public required IReadOnlyDictionary<string, long> Checks { get; init; }

    /// <summary>Every fault.</summary>
    public required IReadOnlyList<FaultDone> Faults { get; init; }

    /// <summary>The longest time in which no call at all was answered.</summary>
    public required double LongestPauseSeconds { get; init; }

    /// <summary>How often chaos itself was stopped from outside, and calls were excused for it.</summary>
    public required int Standstills { get; init; }

    /// <summary>Answers that were wrong.</summary>
    public required IReadOnlyList<Finding> Violations { get; init; }

    /// <summary>Calls that failed and should not have.</summary>
    public required IReadOnlyList<Finding> Unexpected { get; init; }

    /// <summary>Nothing was wrong, nothing failed that should not have, and all books balance.</summary>
    public bool IsGood => Violations.Count == 0 && Unexpected.Count == 0 && Rounds.All(r => r.Wrong.Count == 0);

    /// <summary>Writes <c>report.md</c> and <c>report.json</c>.</summary>
    public void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "report.md"), ToMarkdown());
        File.WriteAllText(Path.Combine(directory, "report.json"), ToJson());
    }

    /// <summary>For programs.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ChaosJson.Default.ChaosReport) + "\n";

    /// <summary>What a person wants to know at the end.</summary>
    public string Summary()
    {
        StringBuilder text = new();
        text.AppendLine("| function | succeeded | refused | failed | of these never known | longest, s |");
        text.AppendLine("|---|--:|--:|--:|--:|--:|");
        foreach (var f in Functions)
        {
            Line(text, $"| {f.Role}'s {f.Function} | {f.Succeeded:N0} | {f.Refused:N0} | {f.Failed:N0} | {f.Unknown:N0} | {f.LongestSeconds:0.00} |");
        }
        Line(text, $"| all | {Functions.Sum(f => f.Succeeded):N0} | {Functions.Sum(f => f.Refused):N0} | {Functions.Sum(f => f.Failed):N0} | {Functions.Sum(f => f.Unknown):N0} | {Functions.Max(f => f.LongestSeconds):0.00} |");
        text.AppendLine();
        var done = Faults.Where(f => f.Skipped is null).ToList();
        Line(text, $"Faults: {done.Count:N0} done, {Faults.Count - done.Count:N0} left out because something was not well again in time. The longest time without any answer: {LongestPauseSeconds:0.0} s.");
        Line(text, $"Compared with the model: {string.Join(", ", Checks.Select(c => $"{c.Value:N0} {c.Key}"))}.");
        Line(text, $"Commands that came to a database again, under their request id, after it had applied them: {Rounds.Sum(r => r.CustomersRepeats):N0} to customers, {Rounds.Sum(r => r.ProductsRepeats):N0} to products.");
        if (Standstills > 0)
        {
            Line(text, $"This process itself was stopped from outside {Standstills:N0} times; calls that failed over that are excused.");
        }
        Line(text, $"Wrong answers: {Violations.Count:N0}. Calls that failed and should not have: {Unexpected.Count:N0}. Books: {(Rounds.All(r => r.Wrong.Count == 0) ? "balance" : "DO NOT BALANCE")} ({Rounds.Count} audits).");
        return text.ToString();
    }

    private string ToMarkdown()
    {
        StringBuilder text = new();
        text.AppendLine("# Chaos").AppendLine();
        Line(text, $"{(IsGood ? "Nothing was wrong." : "**Something was wrong; see below.**")} {(Options.Beyond ? "Beyond what is promised" : "Within what is promised")}, {Options.Length.TotalMinutes:0.##} minutes, seed {Options.Seed}, {Options.Sellers} sellers and {Options.Buyers} buyers at once.");
        text.AppendLine();
        Line(text, $"    {Command}").AppendLine();
        Line(text, $"{At:yyyy-MM-dd HH:mm} UTC, version {Version}; {Machine.Processor}, {Machine.Cores} cores, {Machine.MemoryGiB} GiB, {Machine.System}, {Machine.Runtime}; load before: {Machine.LoadBefore}.").AppendLine();
        text.AppendLine(Summary());
        Findings(text, "Wrong answers", Violations);
        Findings(text, "Calls that failed and should not have", Unexpected);
        text.AppendLine("## Rounds").AppendLine();
        text.AppendLine("| round | seconds | calls | accounts | whole again after, s | memory of all processes, MiB | of chaos itself, MiB | audit |");
        text.AppendLine("|--:|--:|--:|--:|--:|--:|--:|---|");
        foreach (var r in Rounds)
        {
            Line(text, $"| {r.Number} | {r.Seconds:0} | {r.Calls:N0} | {r.Accounts:N0} | {r.WholeAfterSeconds:0.0} | {r.MarketplaceMiB:N0} | {r.OwnMiB:N0} | {(r.Wrong.Count == 0 ? "balances" : string.Join("<br>", r.Wrong))} |");
        }
        text.AppendLine().AppendLine("## Faults").AppendLine();
        text.AppendLine("| round | from, s | to, s | what |");
        text.AppendLine("|--:|--:|--:|---|");
        foreach (var f in Faults)
        {
            Line(text, $"| {f.Round} | {f.Seconds:0.0} | {f.Until:0.0} | {f.What}{(f.Skipped is null ? "" : $" (left out: {f.Skipped})")} |");
        }
        return text.ToString();
    }

    private static void Findings(StringBuilder text, string title, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0)
        {
            return;
        }
        Line(text, $"## {title}").AppendLine();
        foreach (var finding in findings)
        {
            Line(text, $"- at {finding.Seconds:0.0} s: {finding.What}");
            if (finding.Proof is { } proof)
            {
                text.AppendLine().AppendLine("```").AppendLine(proof).AppendLine("```").AppendLine();
            }
        }
        text.AppendLine();
    }

    private static StringBuilder Line(StringBuilder text, FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(ChaosReport))]
internal sealed partial class ChaosJson : JsonSerializerContext;
