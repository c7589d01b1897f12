using Agora.Cluster;
using Agora.Evaluation;
using Agora.Lab;

namespace Agora.Chaos;

/// <summary>Carries out a plan of faults, and ends each in time.</summary>
internal sealed class FaultInjector(
    IBreakableMarketplace marketplace,
    DiskFaults disks,
    int round,
    bool beyond,
    AllowedFailures allowed,
    Findings findings,
    ReplicaCounts counts,
    Action<string> say,
    TimeProvider time
)
{
    // A replica that lags no more than this has caught up, as far as one can see while writes go on.
    private const long MaxLag = 500;

    // spec: a replica whose disk is lost, damaged, old or another's serves again within a minute.
    private static readonly TimeSpan s_maxReturn = TimeSpan.FromMinutes(1);

    private readonly List<ActiveFault> _active = [];
    private readonly List<FaultDone> _done = [];
    private readonly Lock _gate = new();

    private Task<IReadOnlyList<ProcessView>>? _look;
    private TimeSpan _lookBegan;

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
            foreach (var ended in _active.Where(a => a.StartedAt is null && a.Ends <= now).ToList())
            {
                await EndAsync(ended, now, cancellationToken);
            }

            await LookForReturnsAsync(now, cancellationToken);
            if (left.TryPeek(out var next) && next.At <= now)
            {
                left.Dequeue();
                await BeginAsync(next, now, cancellationToken);
                continue;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
        }

        await HealAsync(time.GetElapsedTime(start), cancellationToken);
        while (_active.Count > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
            await LookForReturnsAsync(time.GetElapsedTime(start), cancellationToken);
        }
    }

    /// <summary>Heals everything, also what no fault of this plan has done.</summary>
    private async Task HealAsync(TimeSpan now, CancellationToken cancellationToken)
    {
        foreach (var fault in _active.Where(a => a.StartedAt is null).ToList())
        {
            await EndAsync(fault, now, cancellationToken);
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
            _active.Add(new(fault, targets, now + fault.Length, record));
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

        if (
            fault.Kind.IsOfDisk()
            && _active.FirstOrDefault(a =>
                a.Fault.Kind.IsOfDisk() && Fault.ComponentOf(a.Targets[0]) == Fault.ComponentOf(targets[0])
            )
                is { } returning
        )
        {
            return $"{returning.Targets[0]} has not come back yet";
        }

        if (beyond)
        {
            return null;
        }

        string[] bad = [.. processes.Where(p => !p.Runs || p.Joins || p.Lag > MaxLag).Select(p => p.Name).Union(hit)];
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
            default:
                await disks.BeginAsync(fault, targets[0], cancellationToken);
                break;
        }
    }

    private async Task EndAsync(ActiveFault ended, TimeSpan now, CancellationToken cancellationToken)
    {
        var (fault, targets, _, record) = ended;
        lock (_gate)
        {
            _active.Remove(ended);
            _done[record] = _done[record] with { Until = Math.Round(now.TotalSeconds, 1) };
            if (fault.Kind.IsOfDisk())
            {
                _active.Add(ended with { StartedAt = now });
            }
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
            case var kind when kind.IsOfDisk():
                if (await disks.EndAsync(fault, targets[0], cancellationToken) is { } detail)
                {
                    lock (_gate)
                    {
                        _done[record] = _done[record] with { What = $"{_done[record].What} ({detail})" };
                    }
                }

                say(FormattableString.Invariant($"{now.TotalSeconds, 6:0.0} s  {_done[record].What}: started"));
                break;
        }

        if (HitsPayments(targets) && !_active.Any(a => HitsPayments(a.Targets)))
        {
            allowed.SetPaymentsBad(bad: false);
        }
    }

    /// <summary>
    /// Looks whether replicas that were started with another disk serve. One of them counts as bad until it does.
    /// </summary>
    private async Task LookForReturnsAsync(TimeSpan now, CancellationToken cancellationToken)
    {
        if (!_active.Any(a => a.StartedAt is not null))
        {
            return;
        }

        // A process that is frozen makes the answer late, and no other fault may wait for that.
        if (_look is null)
        {
            (_look, _lookBegan) = (marketplace.ProcessesAsync(cancellationToken), now);
        }

        if (!_look.IsCompleted)
        {
            return;
        }

        var processes = await _look;
        _look = null;
        foreach (var fault in _active.Where(a => a.StartedAt < _lookBegan).ToList())
        {
            var took = now - fault.StartedAt!.Value;
            var serves = processes.Any(p => p.Name == fault.Targets[0] && p.Serves);
            if (!serves && took < s_maxReturn)
            {
                continue;
            }

            lock (_gate)
            {
                _active.Remove(fault);
                if (serves)
                {
                    _done[fault.Record] = _done[fault.Record] with
                    {
                        ServesAfterSeconds = Math.Round(took.TotalSeconds, 1),
                    };
                }
            }

            say(
                FormattableString.Invariant(
                    $"{now.TotalSeconds, 6:0.0} s  {fault.Targets[0]} {(serves ? "serves" : "does not serve")} "
                ) + FormattableString.Invariant($"{took.TotalSeconds:0.0} s after its start")
            );
            if (!serves && !allowed.MayFail(MarketplaceFunction.GetItem, time.GetTimestamp() - Ticks(took)))
            {
                findings.UnexpectedFailure(
                    FormattableString.Invariant($"{fault.Targets[0]} does not serve {took.TotalSeconds:0} s after its ")
                        + $"start: {_done[fault.Record].What}"
                );
            }
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);

    // This leaves out servers that cannot reach the payment service: the other servers can.
    private static bool HitsPayments(IReadOnlyList<string> targets) =>
        targets.Any(t => Fault.ComponentOf(t) == Components.Payments);

    /// <summary>A fault that is being made, or a replica that has not come back from one.</summary>
    /// <param name="Fault">What was planned.</param>
    /// <param name="Targets">The processes that it hits.</param>
    /// <param name="Ends">When it ends.</param>
    /// <param name="Record">Its place in the list of what was done.</param>
    private sealed record ActiveFault(Fault Fault, IReadOnlyList<string> Targets, TimeSpan Ends, int Record)
    {
        /// <summary>When its replica was started with another disk; null before that, and for other faults.</summary>
        public TimeSpan? StartedAt { get; init; }
    }
}
