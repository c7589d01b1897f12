using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;

namespace Agora.Launcher;

/// <summary>
/// Keeps the processes of one host up. Starts them tier by tier, databases first since everything needs them; restarts what
/// dies; stops them in the opposite order, so that what is under way can still be finished by those below.
/// </summary>
internal sealed class Supervisor : IAsyncDisposable
{
    private static readonly TimeSpan s_logCheck = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<ClusterProcess> _all;
    private readonly DataDirectory _data;
    private readonly Dictionary<string, SupervisedProcess> _own;
    private readonly ClusterProbe _probe;
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _loops = [];

    /// <param name="all">Every process of the cluster, for status.</param>
    /// <param name="local">Those that belong on this host.</param>
    /// <param name="data">Where they keep what is theirs; taken by the caller.</param>
    /// <param name="identity">As whom it asks them how they are.</param>
    /// <param name="howToStart">The command of each.</param>
    /// <param name="time">For how long they ran.</param>
    /// <param name="announce">Told what happens to them, one line each.</param>
    public Supervisor(
        IReadOnlyList<ClusterProcess> all, IReadOnlyList<ClusterProcess> local, DataDirectory data, ComponentIdentity? identity,
        Func<ClusterProcess, ProcessStartInfo> howToStart, TimeProvider time, Action<string> announce)
    {
        _all = all;
        _data = data;
        _probe = new ClusterProbe(identity);
        _own = local.ToDictionary(p => p.Name, p => new SupervisedProcess(p, data, howToStart, time, announce));
    }

    /// <summary>Somebody asked over the control channel that all be stopped.</summary>
    public TaskCompletionSource DownRequested { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends what an earlier supervisor that was killed left behind. Its processes end by themselves; this waits for it, and helps.</summary>
    public Task<int> EndLeftoversAsync(CancellationToken cancellationToken) =>
        ProcessNote.EndLeftoversAsync(_all.Select(_data.PidFileOf), SupervisedProcess.DefaultStopBound, cancellationToken);

    /// <summary>Ends only if the supervisor itself breaks; never in order.</summary>
    public async Task BrokenAsync() => await await Task.WhenAny(_loops);

    /// <summary>Starts everything; that all have been started does not mean that they serve.</summary>
    public void Start()
    {
        foreach (SupervisedProcess process in _own.Values.OrderBy(p => Tier(p.Process)))
        {
            process.Start();
            _loops.Add(process.RunAsync(_end.Token));
        }
        _loops.Add(KeepLogsSmallAsync(_end.Token));
    }

    /// <summary>Stops everything in order: servers, then payments, then databases; parallel inside a tier.</summary>
    public async Task StopAsync()
    {
        foreach (IGrouping<int, SupervisedProcess> tier in _own.Values.GroupBy(p => Tier(p.Process)).OrderByDescending(g => g.Key))
        {
            await Task.WhenAll(tier.Select(p => p.StopAsync()));
        }
    }

    /// <summary>How all processes of the cluster are, now.</summary>
    public Task<ClusterStatus> StatusAsync(CancellationToken cancellationToken) => StatusAsync(brief: false, cancellationToken);

    /// <summary>The same; where it is brief, without whether every function is served.</summary>
    public async Task<ClusterStatus> StatusAsync(bool brief, CancellationToken cancellationToken)
    {
        // The supervisor's own view first: a process that dies in between then shows as not answering, never as up without an id.
        Dictionary<string, LocalView> views = _own.ToDictionary(p => p.Key, p => p.Value.Look());
        ClusterStatus status = await _probe.StatusAsync(_all, p => views.TryGetValue(p.Name, out LocalView view) ? view : null, brief, cancellationToken);
        foreach (ProcessStatus process in status.Processes.Where(p => p is { State: ProcessState.Running, Pid: not null }))
        {
            _own[process.Name].Answered(process.Pid!.Value);
        }
        return status;
    }

    /// <summary>Kills everything at once: somebody does not want to wait for the order.</summary>
    public void KillAll()
    {
        foreach (SupervisedProcess process in _own.Values)
        {
            _ = process.KillAsync(restart: false);
        }
    }

    /// <summary>Carries out <c>stop</c>, <c>kill</c>, <c>start</c>, <c>freeze</c> or <c>thaw</c>; the answer says what was done, or why not.</summary>
    public async Task<ControlAnswer> CommandAsync(string command, string component, string which, bool restart, CancellationToken cancellationToken)
    {
        if (await FindAsync(component, which, cancellationToken) is not { } name)
        {
            return new ControlAnswer(false, $"there is no process {component}/{which}; there are {string.Join(", ", _own.Keys)}, and products/leader, products/follower, customers/sequencer while they are up");
        }
        if (!_own.TryGetValue(name, out SupervisedProcess? process))
        {
            return new ControlAnswer(false, $"{name} belongs on another host; ask its supervisor there");
        }
        return command switch
        {
            "stop" => await process.StopAsync() ? new(true, $"{name} is stopped") : new(true, $"{name} was not up"),
            "kill" => await process.KillAsync(restart)
                ? new(true, restart ? $"{name} is killed and will be brought back" : $"{name} is killed")
                : new(false, $"{name} is not up"),
            "start" => process.Start() ? new(true, $"{name} is started") : new(true, $"{name} is up already"),
            "freeze" or "thaw" => process.Freeze(command == "freeze") ? new(true, $"{name} {(command == "freeze" ? "stands still" : "goes on")}") : new(false, $"{name} is not up"),
            _ => new(false, $"there is no command {command}"),
        };
    }

    /// <summary>By number, or by role: the first process of the component that says it has that role; null for none.</summary>
    public async Task<string?> FindAsync(string component, string which, CancellationToken cancellationToken)
    {
        if (int.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out int replica))
        {
            return _all.FirstOrDefault(p => p.Component == component && p.Replica == replica)?.Name;
        }
        ClusterStatus status = await StatusAsync(cancellationToken);
        return status.Processes.FirstOrDefault(p => p.Component == component && p.Role == which)?.Name;
    }

    private async Task KeepLogsSmallAsync(CancellationToken cancellationToken)
    {
        using PeriodicTimer timer = new(s_logCheck);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            foreach (SupervisedProcess process in _own.Values)
            {
                try
                {
                    LogFiles.KeepSmall(_data.LogOf(process.Process));
                }
                catch (IOException)
                {
                    // A full disk: the copy could not be made, and cutting without it would lose what explains the rest. Tried again at the next tick.
                }
            }
        }
    }

    private static int Tier(ClusterProcess process) => process.Component switch
    {
        Components.Customers or Components.Products => 0,
        Components.Payments => 1,
        _ => 2,
    };

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_loops).ContinueWith(_ => { }, TaskScheduler.Default);
        foreach (SupervisedProcess process in _own.Values)
        {
            process.Dispose();
        }
        _probe.Dispose();
        _end.Dispose();
    }
}
