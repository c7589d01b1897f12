using System.Diagnostics;
using Agora.Client;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Web.Operations;
using Microsoft.Extensions.Logging;

namespace Agora.Operations;

/// <summary>
/// Runs demonstrations, one at a time: trades a little, does something to the marketplace, and measures what its users
/// noticed. What it does to the network, it undoes.
/// </summary>
internal sealed class Demonstrations(ClusterFile cluster, ControlClient control, TimeProvider time, ILogger logger)
{
    private const double Loss = 0.05;

    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_undoBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_before = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_afterKill = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan s_loss = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan s_cut = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_after = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private Task _running = Task.CompletedTask;
    private readonly Dictionary<DemonstrationKind, DemonstrationPicture> _last = [];

    /// <summary>Of each demonstration the run that goes on, or the last one.</summary>
    public IReadOnlyList<DemonstrationPicture> Last()
    {
        lock (_gate)
        {
            return [.. _last.Values];
        }
    }

    /// <summary>Begins one; false if one runs.</summary>
    public bool Begin(DemonstrationKind kind, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_running.IsCompleted)
            {
                return false;
            }

            var began = time.GetUtcNow().UtcDateTime;
            Show(kind, began, "Accounts are made for it.");
            _running = Task.Run(() => RunAsync(kind, began, cancellationToken), CancellationToken.None);
            return true;
        }
    }

    /// <summary>Completes when none runs.</summary>
    public Task EndedAsync()
    {
        lock (_gate)
        {
            return _running;
        }
    }

    private async Task RunAsync(DemonstrationKind kind, DateTime began, CancellationToken cancellationToken)
    {
        var isMeasured = false;
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(s_bound);
        try
        {
            if (kind != DemonstrationKind.KillLeader && await control.LabStatusAsync(bound.Token) is not { Good: true })
            {
                throw new CommandFailedException(
                    "the network has faults already; heal it first, then what is measured " + "is what this does"
                );
            }

            await NoteAsync($"demonstration: {Name(kind)}", bound.Token);
            using DemonstrationTrade trade = new(cluster);
            await trade.PrepareAsync(bound.Token);
            var (what, actedAt) = await TradeAsync(kind, began, trade, bound.Token);
            DemonstrationResult result = new(what, await trade.MeasureAsync(actedAt, bound.Token));
            var summary = Summary(result);
            Show(new DemonstrationPicture(kind, began, summary, result, IsRunning: false));
            isMeasured = true;
            await NoteAsync($"demonstration over: {summary}", bound.Token);
            await trade.LeaveAsync(bound.Token);
        }
        catch (Exception e)
            when (e is CommandFailedException or AgoraException or CallCanceledException or OperationCanceledException)
        {
            // What comes after the measurement only tidies up.
            if (!isMeasured)
            {
                var why = e is OperationCanceledException ? "it took too long" : e.Message.TrimEnd('.');
                Show(new DemonstrationPicture(kind, began, $"It was broken off: {why}.", null, IsRunning: false));
            }

            logger.LogWarning(e, "A demonstration was broken off");
        }
        catch (Exception e)
        {
            Show(
                new DemonstrationPicture(
                    kind,
                    began,
                    "It was broken off by a fault of this program; the web server's log has it.",
                    null,
                    IsRunning: false
                )
            );
            logger.LogError(e, "A demonstration failed");
        }
    }

    private async Task<(string What, long ActedAt)> TradeAsync(
        DemonstrationKind kind,
        DateTime began,
        DemonstrationTrade trade,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenSource end = new();
        var trading = trade.RunAsync(end.Token, cancellationToken);
        try
        {
            Show(kind, began, "Four clients trade.");
            await DelayAsync(s_before);
            var actedAt = Stopwatch.GetTimestamp();
            string what;
            switch (kind)
            {
                case DemonstrationKind.KillLeader:
                    what = await DoAsync(
                        control.CommandAsync("kill", "products/leader", restart: true, cancellationToken)
                    );
                    Show(kind, began, $"{Sentence(what)}. The others elect a leader.");
                    await DelayAsync(s_afterKill);
                    break;
                case DemonstrationKind.LosePackets:
                    what = await WithNetworkAsync(
                        kind,
                        began,
                        control.SetLabAsync(LabChanges.Of(Loss, null), cancellationToken),
                        s_loss,
                        undo => control.SetLabAsync(LabChanges.Of(0, null), undo),
                        cancellationToken
                    );
                    break;
                default:
                    string[] last =
                    [
                        FormattableString.Invariant($"{Components.Customers}/{cluster.Customers.Replicas.Count - 1}"),
                    ];
                    what = await WithNetworkAsync(
                        kind,
                        began,
                        control.CutLabAsync(new LabCut(last, null, false, false), cancellationToken),
                        s_cut,
                        undo => control.HealLabAsync(new LabCut(last, null, false, false), undo),
                        cancellationToken
                    );
                    break;
            }

            await end.CancelAsync();
            Show(kind, began, "What was confirmed is counted.");
            await trading;
            return (what, actedAt);
        }
        finally
        {
            // No call is left running, whatever happened.
            await end.CancelAsync();
            await trading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Task DelayAsync(TimeSpan length) => Task.Delay(length, time, cancellationToken);
    }

    private async Task<string> WithNetworkAsync(
        DemonstrationKind kind,
        DateTime began,
        Task<ControlAnswer?> act,
        TimeSpan length,
        Func<CancellationToken, Task<ControlAnswer?>> undo,
        CancellationToken cancellationToken
    )
    {
        var what = await DoAsync(act);
        try
        {
            Show(kind, began, $"{Sentence(what)}.");
            await Task.Delay(length, time, cancellationToken);
        }
        finally
        {
            using CancellationTokenSource bound = new(s_undoBound);
            await DoAsync(undo(bound.Token));
        }

        Show(kind, began, "The network is as before.");
        await Task.Delay(s_after, time, cancellationToken);
        return what;
    }

    private void Show(DemonstrationKind kind, DateTime began, string step) =>
        Show(new DemonstrationPicture(kind, began, step, null, IsRunning: true));

    private void Show(DemonstrationPicture picture)
    {
        lock (_gate)
        {
            _last[picture.Kind] = picture;
        }
    }

    private async Task NoteAsync(string text, CancellationToken cancellationToken) =>
        await control.NoteAsync(EventKinds.Demonstration, text, cancellationToken);

    private static async Task<string> DoAsync(Task<ControlAnswer?> command)
    {
        var answer = await command ?? throw new CommandFailedException("the supervisor is gone");
        return answer.Done ? answer.Message : throw new CommandFailedException(answer.Message);
    }

    private static string Summary(DemonstrationResult result)
    {
        var failed = result.Loads.Sum(l => l.Failed);
        var confirmed = result.Loads.Sum(l => l.Confirmed ?? 0);
        var worst = result.Loads.MaxBy(l => l.PauseMilliseconds)!;
        return (
                failed == 0
                    ? "No call failed. "
                    : FormattableString.Invariant($"{failed} of {result.Loads.Sum(l => l.Calls)} calls failed. ")
            )
            + (
                result.IsWhole
                    ? FormattableString.Invariant($"All {confirmed} confirmed writes are there, none twice. ")
                    : "What was confirmed is not what is there: this is a fault. "
            )
            + FormattableString.Invariant($"The longest pause was {worst.PauseMilliseconds / 1000:0.00} s ")
            + $"({char.ToLowerInvariant(worst.Name[0])}{worst.Name[1..]}).";
    }

    private static string Name(DemonstrationKind kind) =>
        kind switch
        {
            DemonstrationKind.KillLeader => "the products leader is killed under a small load",
            DemonstrationKind.LosePackets => "the network loses 5% of everything under a small load",
            _ => "a customers replica is cut off under a small load",
        };

    private static string Sentence(string message) => char.ToUpperInvariant(message[0]) + message[1..];
}
