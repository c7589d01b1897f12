using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Agora.Cluster;

namespace Agora.Evaluation;

/// <summary>
/// Measures a marketplace at every scale, under every condition, in several runs, and audits its books after each run.
/// </summary>
public sealed class Evaluator(IMarketplace marketplace, IScreen screen, EvaluationOptions options, TimeProvider time)
{
    // The number of a run that is not measured.
    private const int WarmingUp = -1;

    // After a kill, long enough for a process to start and to catch up.
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    // Not from the seed: a second evaluation of the same marketplace needs names and categories of its own.
    private readonly string _tag = RandomNumberGenerator.GetHexString(6, lowercase: true);
    private readonly int _firstCategory = RandomNumberGenerator.GetInt32(1 << 10, 1 << 30);
    private int _loads;

    /// <summary>Measures everything.</summary>
    /// <param name="command">The command that asked for it, for the report.</param>
    /// <param name="save">Is called after each run with the report so far.</param>
    /// <param name="cancellationToken">Ends the evaluation; what was saved stays.</param>
    /// <exception cref="EvaluationException">The evaluation cannot go on.</exception>
    public async Task<EvaluationReport> RunAsync(
        string command,
        Action<EvaluationReport> save,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(save);
        var report = Begin(command);
        using Databases databases = new(marketplace.File, marketplace.Identity);
        using Auditor auditor = new(marketplace, databases, time);
        await auditor.BeginAsync(cancellationToken);
        List<ScaleResult> scales = [];
        if (options.FirstCalls > 0)
        {
            await WarmUpAsync(EvaluationOptions.FirstScale, options.FirstCalls);
        }

        foreach (var (index, scale) in options.Scales.Index())
        {
            var (runs, calls) = (options.RunsAt(index), options.CallsAt(index));
            List<ConditionResult> conditions = [];
            var warm = false;
            foreach (var condition in Condition.All.Where(c => options.Conditions.Contains(c.Number)))
            {
                Tally tally = new(condition);
                for (var run = 0; run < runs; run++)
                {
                    if (!warm)
                    {
                        await WarmUpAsync(scale, options.WarmUpCalls);
                    }

                    var part = condition.Part is { } p ? $" ({p})" : "";
                    var title = string.Create(
                        CultureInfo.InvariantCulture,
                        $"{scale}, condition {condition.Number}{part}, run {run + 1} of {runs}"
                    );
                    var (measured, result) = await InNetworkAsync(
                        condition,
                        () => RunAsync(databases, auditor, scale, condition, run, calls, title, cancellationToken),
                        cancellationToken
                    );
                    tally.Add(measured, result);
                    screen.Say($"{title}: {Summary(result)}");
                    ShowProblems(result);
                    warm = !condition.Kills;
                    // Saved after each run, so that a failure of the next one loses nothing.
                    report = report with
                    {
                        Scales = [.. scales, new(scale.Sellers, scale.Buyers, [.. conditions, tally.Result()])],
                    };
                    save(report);
                }

                conditions.Add(tally.Result());
            }

            scales.Add(new(scale.Sellers, scale.Buyers, conditions));
        }

        return report;

        async Task WarmUpAsync(Scale scale, int calls)
        {
            var (_, cold) = await RunAsync(
                databases,
                auditor,
                scale,
                Condition.All[0],
                WarmingUp,
                Math.Max(CallPlan.MinCalls, calls / scale.Clients),
                $"{scale}, warming up",
                cancellationToken
            );
            ShowProblems(cold);
            report = report with { WrongWhileWarmingUp = [.. report.WrongWhileWarmingUp, .. cold.Wrong] };
        }
    }

    private async Task<(MeasuredRun, RunResult)> InNetworkAsync(
        Condition condition,
        Func<Task<(MeasuredRun, RunResult)>> measure,
        CancellationToken cancellationToken
    )
    {
        if (condition.Network is not { } network)
        {
            return await measure();
        }

        await marketplace.SetNetworkAsync(network.Loss, network.Delay, cancellationToken);
        try
        {
            return await measure();
        }
        finally
        {
            // Also after a cancellation: a marketplace that was up before stays as it was.
            await marketplace.SetNetworkAsync(0, TimeSpan.Zero, CancellationToken.None);
        }
    }

    private async Task<(MeasuredRun, RunResult)> RunAsync(
        Databases databases,
        Auditor auditor,
        Scale scale,
        Condition condition,
        int run,
        int calls,
        string title,
        CancellationToken cancellationToken
    )
    {
        var number = _loads++;
        RunNames names = new(
            string.Create(CultureInfo.InvariantCulture, $"{_tag}-{number}"),
            _firstCategory + number * RunNames.Categories,
            marketplace.File.Https?.Authority
        );
        // Calls that warm up keep no rate: at a low rate they would take hours.
        using Load load = new(
            marketplace.File,
            scale,
            names,
            options.Seed,
            run,
            calls,
            run == WarmingUp ? null : options.Rate
        );
        await load.PrepareAsync(cancellationToken);
        // So that no collection of what preparing left behind falls into the measured time.
        GC.Collect();
        var processorsBefore = ProcessorTime.Now();
        var ownBefore = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var calling = load.RunAsync(stop.Token);
        var killing = KillAsync(condition, new(load, databases, marketplace.File, Math.Max(0, run)), calling, stop);
        await screen.ShowAsync(title, () => load.Progress, Task.WhenAll(calling, killing));
        var end = Stopwatch.GetTimestamp();
        var own = (Environment.CpuUsage.TotalTime - ownBefore).TotalSeconds;
        var processors = ProcessorTime.Now() - processorsBefore;
        var (killed, killedAt) = await killing;
        MeasuredRun measured = new(
            [.. load.Clients.SelectMany(c => c.Samples.ToArray())],
            start,
            end,
            killed,
            killedAt
        );
        await RestoreAsync(condition, killed, cancellationToken);
        var audit = auditor.AuditAsync(load, cancellationToken);
        await screen.ShowAsync($"{title}: the audit", () => 1, audit);
        return (
            measured,
            new()
            {
                Number = run + 1,
                Seconds = Math.Round(measured.Seconds, 3),
                Succeeded = measured.Count(Outcome.Success),
                Refused = measured.Count(Outcome.Refused),
                Failed = measured.Count(Outcome.Failed),
                Failures = [.. load.Clients.SelectMany(c => c.Failures).Select(f => f.ToString()).Take(10)],
                OperationsPerSecond = Math.Round(measured.OperationsPerSecond, 1),
                Failovers = load.Clients.Sum(c => c.Failovers),
                Kill = measured.Kill(condition.Affects),
                CpuBusy = Share(processors?.Busy, processors?.Total),
                CpuStolen = Share(processors?.Stolen, processors?.Total),
                CpuOfClients = Math.Round(own / (measured.Seconds * Environment.ProcessorCount), 3),
                Wrong = await audit,
            }
        );
    }

    /// <summary>Kills what the condition names, once clients have made a third of all calls.</summary>
    private async Task<(IReadOnlyList<string> Killed, long? At)> KillAsync(
        Condition condition,
        KillContext context,
        Task calling,
        CancellationTokenSource stop
    )
    {
        if (condition.Victims is null)
        {
            return ([], null);
        }

        try
        {
            while (context.Load.Progress < 1.0 / 3)
            {
                await Task.WhenAny(calling, Task.Delay(TimeSpan.FromMilliseconds(10), time, stop.Token));
                if (calling.IsCompleted)
                {
                    return ([], null);
                }
            }

            var victims = await condition.Victims(context, stop.Token);
            var at = Stopwatch.GetTimestamp();
            await Task.WhenAll(victims.Select(victim => marketplace.KillAsync(victim, condition.Restart, stop.Token)));
            return (victims, at);
        }
        catch
        {
            // Without the kill there is nothing to measure.
            await stop.CancelAsync();
            throw;
        }
    }

    private async Task RestoreAsync(
        Condition condition,
        IReadOnlyList<string> killed,
        CancellationToken cancellationToken
    )
    {
        if (!condition.Restart)
        {
            foreach (var process in killed)
            {
                await marketplace.StartAsync(process, cancellationToken);
            }
        }

        PollDeadline deadline = new(s_timeout, time);
        while (killed.Count > 0 && await marketplace.MissingAsync(cancellationToken) is { } missing)
        {
            if (deadline.HasPassed())
            {
                throw new EvaluationException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the marketplace is not whole again {deadline.Elapsed.TotalSeconds:0} s after "
                            + $"{string.Join(" and ", killed)} should have started: {missing}"
                    )
                );
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken);
        }
    }

    private EvaluationReport Begin(string command)
    {
        var file = marketplace.File;
        return new()
        {
            Version = ProgramBuild.Current,
            At = time.GetUtcNow(),
            Command = command,
            Machine = Machine.This(),
            Hosts = [.. file.Processes().Select(p => p.Host).Distinct(StringComparer.Ordinal)],
            Replicas = file.Processes()
                .Where(p => p.Component != Components.Web)
                .GroupBy(p => p.Component)
                .ToDictionary(g => g.Key, g => g.Count()),
            Engines = new Dictionary<string, string>
            {
                [Components.Customers] = Engine(file.Customers),
                [Components.Products] = Engine(file.Products),
            },
            Options = options,
            Lab = marketplace.HasLab ? options.Conditions : [],
            Mix = [.. Mix(seller: true), .. Mix(seller: false)],
            WrongWhileWarmingUp = [],
            Scales = [],
        };
    }

    /// <summary>How many of a thousand calls of a role call each function, at the first scale.</summary>
    private IEnumerable<MixLine> Mix(bool seller)
    {
        var (runs, calls) = (options.RunsAt(0), options.CallsAt(0));
        var clients = seller ? options.Scales[0].Sellers : options.Scales[0].Buyers;
        return Enumerable
            .Range(0, runs)
            .SelectMany(run =>
                Enumerable.Range(0, clients).SelectMany(client => CallPlan.Of(seller, options.Seed, run, client, calls))
            )
            .CountBy(call => call.Function)
            .OrderBy(f => f.Key)
            .Select(f => new MixLine(
                f.Key.Role(),
                f.Key.Name(),
                Math.Round(1000.0 * f.Value / (runs * clients * calls), 1)
            ));
    }

    private void ShowProblems(RunResult result)
    {
        foreach (var failure in result.Failures.Take(3))
        {
            screen.Say($"  failed: {failure}");
        }

        foreach (var wrong in result.Wrong.Take(20))
        {
            screen.Say($"  WRONG: {wrong}");
        }
    }

    private static string Summary(RunResult result)
    {
        var kill = result.Kill is { } k
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"; killed {string.Join(", ", k.Killed)}: pause {k.Pause / 1000:0.00} s, "
                    + $"worst call {k.Worst / 1000:0.00} s, {result.Failovers} failovers"
            )
            : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Succeeded + result.Refused + result.Failed} calls in {result.Seconds:0.0} s, "
                + $"{result.OperationsPerSecond:0} a second, {result.Failed} failed{kill}; "
                + $"books {(result.Wrong.Count == 0 ? "balance" : "DO NOT BALANCE")}"
        );
    }

    private static string Engine(DatabaseGroup group) =>
        group.Engine == ReplicationEngine.Raft ? "Raft" : "rotating sequencer";

    private static double? Share(long? part, long? total) =>
        part is { } p && total is { } t and > 0 ? Math.Round((double)p / t, 3) : null;
}
