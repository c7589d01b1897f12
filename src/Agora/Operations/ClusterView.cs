using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Operations;

/// <summary>
/// Asks for the status of the cluster: the supervisor of this data directory, which also knows its processes from the
/// outside; without one, or if it does not answer, the processes themselves.
/// </summary>
/// <param name="data">The data directory.</param>
/// <param name="cluster">Names the processes.</param>
/// <param name="identity">The identity that asks processes; it may ask for a status and nothing else.</param>
internal sealed class ClusterView(DataDirectory data, ClusterFile cluster, ComponentIdentity? identity) : IDisposable
{
    // Together below the age at which a role is no fact any more.
    private static readonly TimeSpan s_deadline = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan s_supervisorDeadline = TimeSpan.FromMilliseconds(1200);
    private static readonly TimeSpan s_connectDeadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_checkDeadline = TimeSpan.FromSeconds(10);

    private readonly ClusterProbe _probe = new(identity, s_deadline);

    /// <summary>The supervisor, which also carries out commands.</summary>
    public ControlClient Control { get; } = new(data);

    /// <summary>The processes of the cluster.</summary>
    public IReadOnlyList<ClusterProcess> Processes { get; } = [.. cluster.Processes().Where(ComponentHost.CanRun)];

    /// <summary>The present status, and whether the supervisor gave it.</summary>
    public async Task<(ClusterStatus Status, bool IsSupervised)> LookAsync(
        bool functions,
        CancellationToken cancellationToken
    )
    {
        StatusQuestion question = new(Brief: true, functions, s_deadline);
        return
            await SuperviseAsync((control, bound) => control.StatusAsync(question, bound), cancellationToken)
                is { } status
            ? (status, true)
            : (await _probe.StatusAsync(Processes, _ => null, question, cancellationToken), false);
    }

    /// <summary>
    /// Connects again to everything after a pause in which nobody looked: connections that nobody used are closed, and
    /// a handshake may take longer than an answer.
    /// </summary>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        StatusQuestion question = new(Brief: true, Functions: false, s_connectDeadline);
        if (
            await SuperviseAsync(
                (control, bound) => control.StatusAsync(question, bound),
                2 * s_connectDeadline,
                cancellationToken
            )
            is null
        )
        {
            await _probe.StatusAsync(Processes, _ => null, question, cancellationToken);
        }
    }

    /// <summary>The status with whether every function is served, which writes and reads to find out.</summary>
    public async Task<ClusterStatus> CheckAsync(CancellationToken cancellationToken)
    {
        StatusQuestion question = new(Brief: false);
        return await SuperviseAsync(
                (control, bound) => control.StatusAsync(question, bound),
                s_checkDeadline,
                cancellationToken
            ) ?? await _probe.StatusAsync(Processes, _ => null, question, cancellationToken);
    }

    /// <summary>Asks the supervisor; null if it does not answer within a second or so.</summary>
    public Task<T?> SuperviseAsync<T>(
        Func<ControlClient, CancellationToken, Task<T?>> ask,
        CancellationToken cancellationToken
    )
        where T : class => SuperviseAsync(ask, s_supervisorDeadline, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        Control.Dispose();
        _probe.Dispose();
    }

    private async Task<T?> SuperviseAsync<T>(
        Func<ControlClient, CancellationToken, Task<T?>> ask,
        TimeSpan deadline,
        CancellationToken cancellationToken
    )
        where T : class
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(deadline);
        try
        {
            return await ask(Control, bound.Token);
        }
        catch (Exception e)
            when (e is CommandFailedException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            // It is stopped, too busy, or of another version: the processes say what they can.
            return null;
        }
    }
}
