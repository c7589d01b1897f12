using System.Diagnostics;
using Agora.Contracts.Cluster;
using Agora.Lab;

namespace Agora.Evaluation.Chaos;

/// <summary>A fault as it was done.</summary>
/// <param name="Round">The round's number.</param>
/// <param name="Seconds">When it began, from the beginning of the round.</param>
/// <param name="Until">When it was ended.</param>
/// <param name="What">What was done to whom.</param>
/// <param name="Skipped">Why it was left out; null where it was done.</param>
public sealed record FaultDone(int Round, double Seconds, double? Until, string What, string? Skipped);

/// <summary>Carries out a plan of faults, and undoes each at its end.</summary>
internal sealed class Saboteur(IBreakableMarketplace marketplace, int round, bool beyond, Excuses excuses, Cast cast, Action<string> say)
{
    // Replicas that lag no more than this have caught up, as far as can be told while writes go on.
    private const long CaughtUp = 500;

    private readonly List<(Fault Fault, IReadOnlyList<string> Targets, TimeSpan Ends, int Record)> _active = [];
    private readonly List<FaultDone> _done = [];
    private readonly Lock _gate = new();

    /// <summary>Every fault so far.</summary>
    public IReadOnlyList<FaultDone> Done
    {
        get
        {
            lock (_gate)
            {
                return [.. _done];
            }
        }
    }

    /// <summary>What is bad at the moment, in a line.</summary>
    public string Now
    {
        get
        {
            lock (_gate)
            {
                return _active.Count == 0 ? "all well" : string.Join("; ", _active.Select(a => _done[a.Record].What));
            }
        }
    }

    /// <summary>From the first fault to the end of the last.</summary>
    public async Task RunAsync(IReadOnlyList<Fault> plan, TimeSpan length, CancellationToken cancel)
    {
        var start = Stopwatch.GetTimestamp();
        Queue<Fault> left = new(plan.OrderBy(f => f.At));
        while (Stopwatch.GetElapsedTime(start) is var now && now < length)
        {
            var due = _active.Where(a => a.Ends <= now).ToList();
            foreach (var ended in due)
            {
                await EndAsync(ended.Fault, ended.Targets, ended.Record, now, cancel);
            }
            if (left.TryPeek(out var next) && next.At <= now)
            {
                left.Dequeue();
                await BeginAsync(next, now, cancel);
                continue;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancel);
        }
        await HealAsync(Stopwatch.GetElapsedTime(start), cancel);
    }

    /// <summary>Undoes everything, also what another hand may have done.</summary>
    public async Task HealAsync(TimeSpan now, CancellationToken cancel)
    {
        foreach (var (fault, targets, _, record) in _active.ToList())
        {
            await EndAsync(fault, targets, record, now, cancel);
        }
        await marketplace.MendAsync(null, cancel);
        await marketplace.SetNetworkAsync(LinkConditions.Perfect, [], cancel);
        foreach (var process in await marketplace.ProcessesAsync(cancel))
        {
            if (!process.Runs)
            {
                await marketplace.FreezeAsync(process.Name, frozen: false, cancel);
                await marketplace.TryStartAsync(process.Name, cancel);
            }
        }
    }

    private async Task BeginAsync(Fault fault, TimeSpan now, CancellationToken cancel)
    {
        IReadOnlyList<string> targets = fault.Targets;
        string? skipped = null;
        if (fault.Kind != FaultKind.Weather)
        {
            var processes = await marketplace.ProcessesAsync(cancel);
            var leader = processes.FirstOrDefault(p => p is { Component: Components.Products, Role: "leader", Runs: true })?.Name;
            targets = fault.IsEverything ? [.. processes.Select(p => p.Name)] : [.. fault.Targets.Select(t => t == Fault.Leader ? leader ?? t : t).Distinct()];
            skipped = Reason(fault, targets, processes);
        }
        var what = fault.IsEverything ? $"{fault}" : $"{fault with { Targets = targets }}";
        if (fault.Targets.Contains(Fault.Leader) && skipped is null)
        {
            what += $" ({targets[0]} led)";
        }
        int record;
        lock (_gate)
        {
            record = _done.Count;
            _done.Add(new(round, Math.Round(now.TotalSeconds, 1), null, what, skipped));
        }
        say(FormattableString.Invariant($"{now.TotalSeconds,6:0.0} s  {what}{(skipped is null ? "" : $": left out, {skipped}")}"));
        if (skipped is not null)
        {
            return;
        }
        if (HitsPayments(targets))
        {
            excuses.Payments(bad: true);
        }
        lock (_gate)
        {
            _active.Add((fault, targets, now + fault.Length, record));
        }
        await DoAsync(fault, targets, cancel);
    }

    /// <summary>
    /// Why a fault cannot be done as it was planned. What is planned counts processes as well again some time after they were hit; on a busy machine that may
    /// take longer, and more than was promised would then be bad.
    /// </summary>
    private string? Reason(Fault fault, IReadOnlyList<string> targets, IReadOnlyList<ProcessView> processes)
    {
        if (targets.Contains(Fault.Leader))
        {
            return "nobody leads";
        }
        var hit = _active.Where(a => a.Fault.Kind != FaultKind.Weather).SelectMany(a => a.Targets).ToHashSet();
        if (targets.FirstOrDefault(hit.Contains) is { } twice)
        {
            return $"{twice} is bad already";
        }
        if (beyond)
        {
            return null;
        }
        string[] bad = [.. processes.Where(p => !p.Runs || p.Lag > CaughtUp).Select(p => p.Name).Union(hit)];
        if (fault.IsEverything && bad.Length > 0)
        {
            return $"{string.Join(", ", bad)} not well yet";
        }
        var most = targets.GroupBy(Fault.ComponentOf).FirstOrDefault(g =>
            !fault.IsEverything && bad.Where(b => Fault.ComponentOf(b) == g.Key).Union(g).Count() > cast.MostBad(g.Key));
        return most is null ? null : $"{string.Join(", ", bad.Where(b => Fault.ComponentOf(b) == most.Key))} not well yet";
    }

    private async Task DoAsync(Fault fault, IReadOnlyList<string> targets, CancellationToken cancel)
    {
        switch (fault.Kind)
        {
            case FaultKind.Kill or FaultKind.Down:
                await Task.WhenAll(targets.Select(t => marketplace.TryKillAsync(t, fault.Kind == FaultKind.Kill, cancel)));
                break;
            case FaultKind.Freeze:
                await Task.WhenAll(targets.Select(t => marketplace.FreezeAsync(t, frozen: true, cancel)));
                break;
            case FaultKind.Cut or FaultKind.CutFrom or FaultKind.Mute:
                await marketplace.CutAsync(targets, fault.From, fault.Kind == FaultKind.Mute, cancel);
                break;
            case FaultKind.Weather:
                await marketplace.SetNetworkAsync(fault.Weather!, targets, cancel);
                break;
        }
    }

    private async Task EndAsync(Fault fault, IReadOnlyList<string> targets, int record, TimeSpan now, CancellationToken cancel)
    {
        lock (_gate)
        {
            _active.RemoveAll(a => a.Record == record);
            _done[record] = _done[record] with { Until = Math.Round(now.TotalSeconds, 1) };
        }
        switch (fault.Kind)
        {
            case FaultKind.Down:
                await Task.WhenAll(targets.Select(t => marketplace.TryStartAsync(t, cancel)));
                break;
            case FaultKind.Freeze:
                await Task.WhenAll(targets.Select(t => marketplace.FreezeAsync(t, frozen: false, cancel)));
                break;
            case FaultKind.Cut or FaultKind.CutFrom or FaultKind.Mute:
                await marketplace.MendAsync(targets, cancel);
                // Links that another fault has cut as well were mended with them.
                foreach (var (other, others, _, _) in _active.Where(a => a.Fault.Kind is FaultKind.Cut or FaultKind.CutFrom or FaultKind.Mute).ToList())
                {
                    await DoAsync(other, others, cancel);
                }
                break;
            case FaultKind.Weather:
                await marketplace.SetNetworkAsync(LinkConditions.Perfect, [], cancel);
                break;
        }
        if (HitsPayments(targets) && !_active.Any(a => HitsPayments(a.Targets)))
        {
            excuses.Payments(bad: false);
        }
    }

    // A server that cannot reach it is another matter: the others can.
    private static bool HitsPayments(IReadOnlyList<string> targets) => targets.Any(t => Fault.ComponentOf(t) == Components.Payments);
}
