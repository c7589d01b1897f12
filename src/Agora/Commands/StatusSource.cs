using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// Reads the status from the supervisor, or, without one here, from the processes of the cluster file.
/// </summary>
internal sealed class StatusSource(DataDirectory data, string? clusterPath, string? secrets, TextWriter notices)
    : IDisposable
{
    // A supervisor answers in a fraction of this time, unless a process that it asks hangs.
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan s_shortDeadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(0.5);

    private readonly ControlClient _control = new(data);
    private ComponentIdentity? _identity;
    private ClusterProbe? _probe;
    private bool _hasReportedSilence;

    public async Task<ClusterStatus> ReadAsync(CancellationToken cancellationToken)
    {
        if (clusterPath is not null)
        {
            return await ProbeAsync(deadline: null, isSilent: false, cancellationToken);
        }

        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answer = _control.StatusAsync(bound.Token);
        if (await Task.WhenAny(answer, Task.Delay(s_timeout, cancellationToken)) == answer)
        {
            return await answer ?? await ProbeAsync(deadline: null, isSilent: false, cancellationToken);
        }

        // The supervisor may only be late, because a process that it asks is. Its answer is the best one, but this
        // command waits for it no longer than for the processes themselves.
        var own = await ProbeAsync(s_shortDeadline, isSilent: true, cancellationToken);
        if (await Task.WhenAny(answer, Task.Delay(s_grace, cancellationToken)) == answer && await answer is { } late)
        {
            return late;
        }

        await bound.CancelAsync();
        await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        if (!_hasReportedSilence)
        {
            _hasReportedSilence = true;
            notices.WriteLine(
                $"{LogFiles.ErrorPrefix}{_control.Silent().Message}. What follows is what the processes answer"
            );
        }

        return own;
    }

    private async Task<ClusterStatus> ProbeAsync(TimeSpan? deadline, bool isSilent, CancellationToken cancellationToken)
    {
        // Processes that systemd or a container engine has started answer too. The processes of a data directory are
        // those that were last started from it, not those at the default ports.
        var isNamed =
            clusterPath is not null
            || Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is { Length: > 0 };
        var cluster =
            !isNamed && File.Exists(data.ClusterFile)
                ? ClusterFile.Load(data.ClusterFile)
                : ClusterFile.Resolve(clusterPath);
        ClusterProcess[] processes = [.. cluster.Processes().Where(ComponentHost.CanRun)];
        if (!isNamed && !isSilent && _probe is null)
        {
            notices.WriteLine(
                LogFiles.ErrorPrefix
                    + (
                        File.Exists(data.ClusterFile)
                            ? $"nothing is up from {data.Root}; this is what answers at the addresses of its last start"
                            : $"nothing was started from {data.Root}; this is what answers at the addresses "
                                + "of the built-in default. --data DIR shows a marketplace that was started elsewhere"
                    )
            );
        }

        var keys = ClusterSecrets.Find(secrets, clusterPath, data.Root);
        _identity ??=
            CommandSecrets.LoadWatcher(keys, processes)
            ?? (isNamed ? null : CommandSecrets.LoadWatcher(data.SecretsInUse, processes));
        if (_identity is null && _probe is null)
        {
            notices.WriteLine(LogFiles.ErrorPrefix + CommandSecrets.NoOperatorMessage(keys));
        }

        _probe ??= new ClusterProbe(_identity, deadline);
        var status = await _probe.StatusAsync(processes, _ => null, brief: false, cancellationToken);
        return isNamed
            ? status
            : status with
            {
                Processes =
                [
                    .. status.Processes.Zip(
                        processes,
                        (row, process) => row with { LastExit = ExitFile.Read(data.ExitFileOf(process)) }
                    ),
                ],
            };
    }

    public void Dispose()
    {
        _control.Dispose();
        _probe?.Dispose();
        _identity?.Dispose();
    }
}
