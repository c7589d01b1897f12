using Agora.Cluster;
using Agora.Lab;

namespace Agora.Chaos;

/// <summary>Carries out a plan of faults, and ends each in time.</summary>
internal sealed class FaultInjector(
    IBreakableMarketplace marketplace,
    int round,
    bool beyond,
    AllowedFailures allowed,
    ReplicaCounts counts,
    Action<string> say,
    TimeProvider time
)
{
    // A replica that lags no more than this has caught up, as far as one can see while writes go on.
    private const long MaxLag = 500;

    private readonly List<(Fault Fault, IReadOnlyList<string> Targets, TimeSpan Ends, int Record)> _active = [];
    private readonly List<FaultDone> _done = [];
    private readonly Lock _gate = new();

    /// <summary>Every fault so far, done or left out.</summary>
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

    /// <summary>What is bad at the moment, in one line.</summary>
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

    /// <summary>Runs from the first fault to the end of the last.</summary>
    public async Task RunAsync(IReadOnlyList<Fault> plan, TimeSpan length, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        Queue<Fault> left = new(plan.OrderBy(f => f.At));
        while (time.GetElapsedTime(start) is var now && now < length)
        {
            var due = _active.Where(a => a.Ends <= now).ToList();
            foreach (var ended in due)
            {
                await EndAsync(ended.Fault, ended.Targets, ended.Record, now, cancellationToken);
            }

            if (left.TryPeek(out var next) && next.At <= now)
            {
                left.Dequeue();
                await BeginAsync(next, now, cancellationToken);
                continue;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
        }

        await HealAsync(time.GetElapsedTime(start), cancellationToken);
    }

    /// <summary>Heals everything, also what no fault of this plan has done.</summary>
    public async Task HealAsync(TimeSpan now, CancellationToken cancellationToken)
    {
        foreach (var (fault, targets, _, record) in _active.ToList())
        {
            await EndAsync(fault, targets, record, now, cancellationToken);
        }

        await marketplace.HealLinksAsync(null, cancellationToken);
        await marketplace.SetNetworkAsync(LinkConditions.Perfect, [], cancellationToken);
        foreach (var process in await marketplace.ProcessesAsync(cancellationToken))
        {
            await marketplace.SetClockAsync(process.Name, TimeSpan.Zero, cancellationToken);
            if (!process.Runs)
            {
                await marketplace.FreezeAsync(process.Name, frozen: false, cancellationToken);
                await marketplace.TryStartAsync(process.Name, cancellationToken);
            }
        }
    }

    private async Task BeginAsync(Fault fault, TimeSpan now, CancellationToken cancellationToken)
    {
        var targets = fault.Targets;
        string? skipped = null;
        if (fault.Kind != ChaosFaultKind.BadNetwork)
        {
            var processes = await marketplace.ProcessesAsync(cancellationToken);
            var leader = processes
                .FirstOrDefault(p => p is { Component: Components.Products, Role: "leader", Runs: true })
                ?.Name;
            targets = fault.HitsEverything
                ? [.. processes.Select(p => p.Name)]
                : [.. fault.Targets.Select(t => t == Fault.Leader ? leader ?? t : t).Distinct()];
            skipped = ReasonToSkip(fault, targets, processes);
        }

        var what = fault.HitsEverything ? $"{fault}" : $"{fault with { Targets = targets }}";
        if (fault.Targets.Contains(Fault.Leader) && skipped is null)
        {
            what += $" ({targets[0]} led)";
        }

        int record;
        lock (_gate)
        {
            record = _done.Count;
            _done.Add(new(round, Math.Round(now.TotalSeconds, 1), null, fault.Kind.Text(), what, skipped));
        }

        say(
            FormattableString.Invariant(
                $"{now.TotalSeconds, 6:0.0} s  {what}{(skipped is null ? "" : $": left out, {skipped}")}"
            )
        );
        if (skipped is not null)
        {
            return;
        }

        if (HitsPayments(targets))
        {
            allowed.SetPaymentsBad(bad: true);
        }

        lock (_gate)
        {
            _active.Add((fault, targets, now + fault.Length, record));
        }

        await DoAsync(fault, targets, cancellationToken);
    }

    /// <summary>
    /// Why a fault cannot be done as it was planned. The plan assumes that processes are well again some time after
    /// they were hit. On a busy machine that may take longer, and more than the promises allow would be bad.
    /// </summary>
    private string? ReasonToSkip(Fault fault, IReadOnlyList<string> targets, IReadOnlyList<ProcessView> processes)
    {
        if (targets.Contains(Fault.Leader))
        {
            return "no replica leads";
        }

        var hit = _active.Where(a => a.Fault.Kind != ChaosFaultKind.BadNetwork).SelectMany(a => a.Targets).ToHashSet();
        if (targets.FirstOrDefault(hit.Contains) is { } twice)
        {
            return $"{twice} is bad already";
        }

        if (beyond)
        {
            return null;
        }

        string[] bad = [.. processes.Where(p => !p.Runs || p.Lag > MaxLag).Select(p => p.Name).Union(hit)];
        if (fault.HitsEverything && bad.Length > 0)
        {
            return $"{string.Join(", ", bad)} not well yet";
        }

        var tooMany = targets
            .GroupBy(Fault.ComponentOf)
            .FirstOrDefault(g =>
                !fault.HitsEverything
                && bad.Where(b => Fault.ComponentOf(b) == g.Key).Union(g).Count() > counts.MaxBad(g.Key)
            );
        return tooMany is null
            ? null
            : $"{string.Join(", ", bad.Where(b => Fault.ComponentOf(b) == tooMany.Key))} not well yet";
    }

    private async Task DoAsync(Fault fault, IReadOnlyList<string> targets, CancellationToken cancellationToken)
    {
        switch (fault.Kind)
        {
            case ChaosFaultKind.Kill or ChaosFaultKind.KillAndHold or ChaosFaultKind.KillEverything:
                var restart = fault.Kind != ChaosFaultKind.KillAndHold;
                await Task.WhenAll(targets.Select(t => marketplace.TryKillAsync(t, restart, cancellationToken)));
                break;
            case ChaosFaultKind.Freeze:
                await Task.WhenAll(targets.Select(t => marketplace.FreezeAsync(t, frozen: true, cancellationToken)));
                break;
            case ChaosFaultKind.Cut or ChaosFaultKind.CutFrom or ChaosFaultKind.BlockOutgoing:
                await marketplace.CutAsync(
                    targets,
                    fault.From,
                    fault.Kind == ChaosFaultKind.BlockOutgoing,
                    cancellationToken
                );
                break;
            case ChaosFaultKind.Clock:
                await marketplace.SetClockAsync(targets[0], fault.Ahead, cancellationToken);
                break;
            case ChaosFaultKind.BadNetwork:
                await marketplace.SetNetworkAsync(fault.Network!, targets, cancellationToken);
                break;
        }
    }

    private async Task EndAsync(
        Fault fault,
        IReadOnlyList<string> targets,
        int record,
        TimeSpan now,
        CancellationToken cancellationToken
    )
    {
        lock (_gate)
        {
            _active.RemoveAll(a => a.Record == record);
            _done[record] = _done[record] with { Until = Math.Round(now.TotalSeconds, 1) };
        }

        switch (fault.Kind)
        {
            case ChaosFaultKind.KillAndHold:
                await Task.WhenAll(targets.Select(t => marketplace.TryStartAsync(t, cancellationToken)));
                break;
            case ChaosFaultKind.Freeze:
                await Task.WhenAll(targets.Select(t => marketplace.FreezeAsync(t, frozen: false, cancellationToken)));
                break;
            case ChaosFaultKind.Cut or ChaosFaultKind.CutFrom or ChaosFaultKind.BlockOutgoing:
                await marketplace.HealLinksAsync(targets, cancellationToken);
                // This also healed links that another fault has cut; cut them again.
                foreach (
                    var (other, others, _, _) in _active
                        .Where(a =>
                            a.Fault.Kind is ChaosFaultKind.Cut or ChaosFaultKind.CutFrom or ChaosFaultKind.BlockOutgoing
                        )
                        .ToList()
                )
                {
                    await DoAsync(other, others, cancellationToken);
                }

                break;
            case ChaosFaultKind.Clock:
                await marketplace.SetClockAsync(targets[0], TimeSpan.Zero, cancellationToken);
                break;
            case ChaosFaultKind.BadNetwork:
                await marketplace.SetNetworkAsync(LinkConditions.Perfect, [], cancellationToken);
                break;
        }

        if (HitsPayments(targets) && !_active.Any(a => HitsPayments(a.Targets)))
        {
            allowed.SetPaymentsBad(bad: false);
        }
    }

    // This leaves out servers that cannot reach the payment service: the other servers can.
    private static bool HitsPayments(IReadOnlyList<string> targets) =>
        targets.Any(t => Fault.ComponentOf(t) == Components.Payments);
}
