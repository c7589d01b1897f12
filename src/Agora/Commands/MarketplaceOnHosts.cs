using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Agora.Evaluation;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// Measures a marketplace that runs on hosts of its own, each with its own service manager. The operator's commands
/// kill and start processes there; they find in <c>$HOST</c>, <c>$COMPONENT</c> and <c>$REPLICA</c> which one.
/// </summary>
/// <param name="cluster">Where it runs, and the operator's keys.</param>
/// <param name="kill">Kills a process, which then stays dead; null where no condition kills.</param>
/// <param name="start">Starts a process that is dead; null where no condition kills.</param>
internal sealed class MarketplaceOnHosts(OperatedCluster cluster, string? kill, string? start)
    : IMarketplace,
        IDisposable
{
    // Longer than a shell at a far host needs, also when the host is busy.
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly ClusterProcess[] _processes = [.. cluster.File.Processes().Where(ComponentHost.CanRun)];
    private readonly ClusterProbe _probe = new(cluster.Identity);

    public ClusterFile File => cluster.File;

    public ComponentIdentity Identity => cluster.Identity;

    public MerchantSecret? Merchant => cluster.Merchant;

    public bool HasLab => false;

    public Task SetNetworkAsync(double loss, TimeSpan delay, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("The network between hosts is not ours to change.");

    public async Task<string?> MissingAsync(CancellationToken cancellationToken) =>
        (await _probe.StatusAsync(_processes, _ => null, brief: false, cancellationToken)).NotReadyReason;

    public async Task KillAsync(string process, bool restart, CancellationToken cancellationToken)
    {
        await RunAsync("--kill", kill, process, cancellationToken);
        if (restart)
        {
            await StartAsync(process, cancellationToken);
        }
    }

    public Task StartAsync(string process, CancellationToken cancellationToken) =>
        RunAsync("--start", start, process, cancellationToken);

    public void Dispose()
    {
        _probe.Dispose();
        cluster.Dispose();
    }

    private async Task RunAsync(string option, string? command, string process, CancellationToken cancellationToken)
    {
        var victim = _processes.Single(p => p.Name == process);
        ProcessStartInfo shell = new(
            HostLimits.Shell,
            ["-c", command ?? throw new InvalidOperationException($"There is no {option}.")]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        shell.Environment["HOST"] = victim.Host;
        shell.Environment["COMPONENT"] = victim.Component;
        shell.Environment["REPLICA"] = victim.Replica.ToString(CultureInfo.InvariantCulture);
        using var running =
            Process.Start(shell) ?? throw new EvaluationException($"{HostLimits.Shell} cannot be started");
        running.StandardInput.Close();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_deadline);
        try
        {
            Task<string> output = running.StandardOutput.ReadToEndAsync(deadline.Token),
                error = running.StandardError.ReadToEndAsync(deadline.Token);
            await running.WaitForExitAsync(deadline.Token);
            var said = (await error + await output).Trim();
            if (running.ExitCode != 0)
            {
                throw new EvaluationException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the command of {option} ended with {running.ExitCode} for {process} on {victim.Host}: {said}"
                    )
                );
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            running.Kill(entireProcessTree: true);
            throw new EvaluationException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the command of {option} did not end within {s_deadline.TotalSeconds:0} s for {process} on "
                        + $"{victim.Host}"
                )
            );
        }
    }
}
