using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using Agora.Contracts.Cluster;

namespace Agora.Evaluation.Chaos;

/// <summary>
/// Chaos: rounds of trade under faults. In each, users of a fresh set of accounts call all functions, and what they are answered is compared with a model;
/// then everything is healed and the books are audited. The marketplace lives through all of them.
/// </summary>
public sealed class ChaosRun(IBreakableMarketplace marketplace, ChaosOptions options, Action<string> say)
{
    private static readonly TimeSpan s_progress = TimeSpan.FromSeconds(15);

    // For all processes to start on a busy machine, and for what waited to be settled.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    // Trade goes on for a moment after everything is healed: what waited is answered, and new calls must be served.
    private static readonly TimeSpan s_afterwards = TimeSpan.FromSeconds(3);

    // Not from the seed: a second run on the same data needs names and categories of its own.
    private readonly string _tag = RandomNumberGenerator.GetHexString(4, lowercase: true);
    private readonly int _firstCategory = RandomNumberGenerator.GetInt32(1 << 10, 1 << 30);
    private readonly Findings _findings = new(say);
    private readonly Excuses _excuses = new(options.Beyond);
    private readonly List<RoundResult> _rounds = [];
    private readonly List<FaultDone> _faults = [];

    /// <summary>The faults that a run will plan, round by round.</summary>
    public static IEnumerable<string> Timeline(ChaosOptions options, ClusterFile cluster)
    {
        ArgumentNullException.ThrowIfNull(options);
        var (count, length) = options.Rounds;
        for (var round = 0; round < count; round++)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"round {round + 1} of {count}, {length.TotalSeconds:0} s");
            foreach (var fault in FaultPlan.Of(options.Seed, round, length, options.Beyond, Cast.Of(cluster)))
            {
                yield return string.Create(CultureInfo.InvariantCulture, $"{fault.At.TotalSeconds,6:0.0} s  {fault}");
            }
        }
    }

    /// <summary>Does it all.</summary>
    /// <param name="command">The command that does the same again, for the report.</param>
    /// <param name="save">Called with what has been found so far, after each round.</param>
    /// <param name="cancel">Ends it; what was saved stays.</param>
    public async Task<ChaosReport> RunAsync(string command, Action<ChaosReport> save, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(save);
        var (count, length) = options.Rounds;
        var machine = Machine.This();
        var at = TimeProvider.System.GetUtcNow();
        using Databases databases = new(marketplace.File, marketplace.Identity);
        using Auditor auditor = new(marketplace, databases);
        await auditor.BeginAsync(cancel);
        using CancellationTokenSource watching = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var watch = _excuses.WatchAsync(watching.Token);
        ChaosReport? report = null;
        for (var round = 0; round < count; round++)
        {
            var goesOn = await RoundAsync(round, length, count, auditor, cancel);
            report = new()
            {
                Version = typeof(ChaosRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
                At = at,
                Command = command,
                Machine = machine,
                Options = options,
                Rounds = [.. _rounds],
                Functions = _findings.Counts,
                Checks = _findings.Checks,
                Faults = [.. _faults],
                LongestPauseSeconds = Math.Round(_findings.LongestSilence.TotalSeconds, 1),
                Standstills = _excuses.Standstills,
                Violations = _findings.AllViolations,
                Unexpected = _findings.AllUnexpected,
            };
            save(report);
            if (!goesOn)
            {
                break;
            }
        }
        await watching.CancelAsync();
        await watch.ContinueWith(_ => { }, TaskScheduler.Default);
        return report!;
    }

    /// <summary>One round; false where the marketplace did not come back, and there is no sense in another.</summary>
    private async Task<bool> RoundAsync(int number, TimeSpan length, int count, Auditor auditor, CancellationToken cancel)
    {
        say(string.Create(CultureInfo.InvariantCulture, $"round {number + 1} of {count}: {length.TotalSeconds:0} s, {options.Sellers} sellers and {options.Buyers} buyers"));
        var cast = Cast.Of(marketplace.File);
        var plan = FaultPlan.Of(options.Seed, number, length, options.Beyond, cast);
        Saboteur saboteur = new(marketplace, number + 1, options.Beyond, _excuses, cast, say);
        await using Shop shop = new(_findings);
        using CancellationTokenSource closing = new();
        Stall stall = new(string.Create(CultureInfo.InvariantCulture, $"{_tag}{number}"), _firstCategory + (number * 1000));
        Round round = new(options, marketplace, stall, shop, _findings, _excuses, closing.Token);
        List<SellersAnswers> sellers = [];
        List<BuyersAnswers> buyers = [];
        var callsBefore = _findings.Calls;
        _findings.Begins();
        var start = Stopwatch.GetTimestamp();
        var users = UsersAsync(round, number, sellers, buyers, cancel);
        var faults = saboteur.RunAsync(plan, length, cancel);
        try
        {
            var shown = start;
            while (!faults.IsCompleted && !users.IsCompleted)
            {
                await Task.WhenAny(faults, users, Task.Delay(s_progress, cancel));
                var calls = _findings.Calls;
                say(string.Create(CultureInfo.InvariantCulture,
                    $"{Stopwatch.GetElapsedTime(start).TotalSeconds,6:0.0} s  {(calls - callsBefore) / Stopwatch.GetElapsedTime(start).TotalSeconds:0} calls/s, {calls:N0} in all, {_findings.Violations} violations, {_findings.Unexpected} unexpected failures; {saboteur.Now}"));
                cancel.ThrowIfCancellationRequested();
            }
            await faults;
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var healed = Stopwatch.GetTimestamp();
            await WholeAsync(cancel);
            var whole = Stopwatch.GetElapsedTime(healed).TotalSeconds;
            await Task.WhenAny(users, Task.Delay(s_afterwards, cancel));
            await closing.CancelAsync();
            await users;
            await shop.CloseAllAsync(cancel);
            say(string.Create(CultureInfo.InvariantCulture, $"round {number + 1}: healed, whole again after {whole:0.0} s; the audit of {sellers.Count + buyers.Count} accounts"));
            var (customersBefore, productsBefore) = (auditor.RepeatsOf(Components.Customers), auditor.RepeatsOf(Components.Products));
            var wrong = await auditor.AuditAsync(sellers, buyers, cancel);
            foreach (var line in wrong.Take(30))
            {
                say($"WRONG BOOKS: {line}");
            }
            var processes = await marketplace.ProcessesAsync(cancel);
            _rounds.Add(new(
                number + 1, Math.Round(seconds, 1), _findings.Calls - callsBefore, sellers.Count + buyers.Count, wrong, Math.Round(whole, 1),
                Math.Round(processes.Sum(p => p.MemoryBytes ?? 0) / 1048576.0), Math.Round(Environment.WorkingSet / 1048576.0),
                auditor.RepeatsOf(Components.Customers) - customersBefore, auditor.RepeatsOf(Components.Products) - productsBefore));
            say(string.Create(CultureInfo.InvariantCulture, $"round {number + 1}: {_findings.Calls - callsBefore:N0} calls, the books {(wrong.Count == 0 ? "balance" : "DO NOT BALANCE")}"));
            return true;
        }
        catch (EvaluationException e)
        {
            _findings.Violation(e.Message);
            return false;
        }
        finally
        {
            _faults.AddRange(saboteur.Done);
            await closing.CancelAsync();
            // Where it was given up, their calls are cancelled with it.
            await users.ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task UsersAsync(Round round, int number, List<SellersAnswers> sellers, List<BuyersAnswers> buyers, CancellationToken cancel)
    {
        var file = marketplace.File;
        var card = Load.Card(TimeProvider.System.GetUtcNow());
        IReadOnlyList<Uri> sellerServers = file.AddressesOf(file.SellerServers), buyerServers = file.AddressesOf(file.BuyerServers);
        List<ChaosClient> clients =
        [
            .. Enumerable.Range(0, options.Sellers).Select(i => new ChaosSeller(round, i, sellerServers, Keep(sellers))),
            .. Enumerable.Range(0, options.Buyers).Select(i => new ChaosBuyer(round, i, buyerServers, card, Keep(buyers))),
        ];
        await Task.WhenAll(clients.Select(client => Task.Run(() => client.RunAsync(unchecked((options.Seed * 1_000_003) + number), cancel), cancel)));

        static Action<T> Keep<T>(List<T> list) => answers =>
        {
            lock (list)
            {
                list.Add(answers);
            }
        };
    }

    private async Task WholeAsync(CancellationToken cancel)
    {
        Patience patience = new(s_patience);
        while (await marketplace.LacksAsync(cancel) is { } lacks)
        {
            if (patience.IsOver())
            {
                throw new EvaluationException(string.Create(CultureInfo.InvariantCulture,
                    $"the marketplace is not whole again {patience.Elapsed.TotalSeconds:0} s after everything was healed: {lacks}"));
            }
            await Task.Delay(TimeSpan.FromMilliseconds(250), cancel);
        }
    }
}
