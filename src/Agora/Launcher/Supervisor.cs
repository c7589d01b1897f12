using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Agora.Replication.Hosting;

namespace Agora.Launcher;

/// <summary>
/// Keeps the processes of one host up, and restarts those that die. It starts the databases first, because all others
/// need them, and stops in the opposite order, so that calls under way can still finish.
/// </summary>
internal sealed class Supervisor : IAsyncDisposable
{
    private static readonly TimeSpan s_logCheck = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_watchInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_watchTime = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<ClusterProcess> _all;
    private readonly DataDirectory _data;
    private readonly Dictionary<string, SupervisedProcess> _own;
    private readonly ClusterProbe _probe;
    private readonly LeaderChanges _leaders = new();
    private readonly HostGround _ground;
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _loops = [];
    private readonly SemaphoreSlim _somethingHappened = new(0, 1);
    private readonly Lock _noting = new();
    private readonly TimeProvider _time;
    private readonly DateTime _began;

    /// <param name="all">Every process of the cluster, for status.</param>
    /// <param name="local">The processes of this host.</param>
    /// <param name="data">Their data directory, which the caller has locked.</param>
    /// <param name="identity">The identity under which it asks for their status.</param>
    /// <param name="howToStart">The command of each process.</param>
    /// <param name="time">The clock.</param>
    /// <param name="announce">Receives a line for each event.</param>
    public Supervisor(
        IReadOnlyList<ClusterProcess> all,
        IReadOnlyList<ClusterProcess> local,
        DataDirectory data,
        ComponentIdentity? identity,
        Func<ClusterProcess, ProcessStartInfo> howToStart,
        TimeProvider time,
        Action<string> announce
    )
    {
        _all = all;
        _data = data;
        _time = time;
        _began = time.GetUtcNow().UtcDateTime;
        _probe = new ClusterProbe(identity);
        _ground = new HostGround(data, local, time);
        Events = new EventLog(data.EventLog, time);
        _own = local.ToDictionary(
            p => p.Name,
            p => new SupervisedProcess(
                p,
                data,
                howToStart,
                time,
                what =>
                {
                    announce(what);
                    Note(EventKinds.Down, what);
                }
            )
        );
    }

    /// <summary>What has happened, for the operations page.</summary>
    public EventLog Events { get; }

    /// <summary>Completes when a command asks to stop everything.</summary>
    public TaskCompletionSource DownRequested { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes only if the supervisor itself fails, with the reason as its exception.</summary>
    public async Task BrokenAsync() => await await Task.WhenAny(_loops);

    /// <summary>Starts everything, without waiting until it serves.</summary>
    public void Start()
    {
        foreach (var process in _own.Values.OrderBy(p => Tier(p.Process)))
        {
            process.Start();
            _loops.Add(process.RunAsync(_end.Token));
        }

        _loops.Add(KeepLogsSmallAsync(_end.Token));
        _loops.Add(WatchAsync(_end.Token));
        Events.Add(EventKinds.Act, string.Create(CultureInfo.InvariantCulture, $"{_own.Count} processes are started"));
    }

    /// <summary>
    /// Notes an event. What follows from it is watched for a while, so that a new leader is noted when it leads, and
    /// not when somebody looks.
    /// </summary>
    public void Note(string kind, string text)
    {
        Events.Add(kind, text);
        lock (_noting)
        {
            if (_somethingHappened.CurrentCount == 0)
            {
                _somethingHappened.Release();
            }
        }
    }

    /// <summary>Stops everything in order: servers, then payments, then databases; parallel inside a tier.</summary>
    public async Task StopAsync()
    {
        foreach (var tier in _own.Values.GroupBy(p => Tier(p.Process)).OrderByDescending(g => g.Key))
        {
            await Task.WhenAll(tier.Select(p => p.StopAsync()));
        }
    }

    /// <summary>The present status of all processes of the cluster.</summary>
    public Task<ClusterStatus> StatusAsync(CancellationToken cancellationToken) =>
        StatusAsync(brief: false, cancellationToken);

    /// <summary>The same; a brief status leaves out whether every function is served.</summary>
    public Task<ClusterStatus> StatusAsync(bool brief, CancellationToken cancellationToken) =>
        StatusAsync(new StatusQuestion(brief), cancellationToken);

    /// <summary>The same, with what is asked.</summary>
    public async Task<ClusterStatus> StatusAsync(StatusQuestion question, CancellationToken cancellationToken)
    {
        // The supervisor's own view comes first. A process that dies in between then shows as not answering, never as
        // up without an id.
        var ground = _ground.Now();
        var views = _own.ToDictionary(
            p => p.Key,
            p =>
                p.Value.View() with
                {
                    Disk = ground.Disk,
                    CertificateUntil = ground.Certificates.GetValueOrDefault(p.Key),
                }
        );
        var status = await _probe.StatusAsync(
            _all,
            p => views.TryGetValue(p.Name, out var view) ? view : null,
            question,
            cancellationToken
        );
        foreach (var process in status.Processes.Where(p => p is { State: ProcessState.Running, Pid: not null }))
        {
            if (
                _own[process.Name].MarkAnswered(process.Pid!.Value)
                && process is { LastExit.At: var ended, AnsweredAt: { } answered }
                && ended >= _began
            )
            {
                Events.Add(
                    EventKinds.Up,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{process.Name} serves again, {(answered - ended).TotalSeconds:0.0} s after its end"
                    )
                );
            }
        }

        foreach (var change in _leaders.See(status))
        {
            Events.Add(EventKinds.Leader, change);
        }

        return status;
    }

    /// <summary>What it knows of its own processes without asking them, by name.</summary>
    public Dictionary<string, LocalView> Views() => _own.ToDictionary(p => p.Key, p => p.Value.View());

    /// <summary>Kills everything at once, for a user who does not want to wait for an orderly stop.</summary>
    public void KillAll()
    {
        foreach (var process in _own.Values)
        {
            _ = process.KillAsync(restart: false);
        }
    }

    /// <summary>
    /// Carries out <c>stop</c>, <c>kill</c>, <c>start</c>, <c>freeze</c>, <c>thaw</c> or <c>replace</c>; the answer
    /// says what was done, or why not.
    /// </summary>
    public async Task<ControlAnswer> CommandAsync(
        string command,
        string component,
        string which,
        bool restart,
        CancellationToken cancellationToken
    )
    {
        if (await FindAsync(component, which, cancellationToken) is not { } name)
        {
            return new ControlAnswer(
                false,
                $"there is no process {component}/{which}; there are {string.Join(", ", _own.Keys)}, "
                    + "and products/leader, products/follower, customers/sequencer while they are up"
            );
        }

        if (!_own.TryGetValue(name, out var process))
        {
            return new ControlAnswer(false, $"{name} runs on another host; run this command there");
        }

        var answer =
            command == "replace"
                ? await ReplaceAsync(process, cancellationToken)
                : await CommandAsync(command, name, process, restart);
        if (answer.Done)
        {
            Note(EventKinds.Act, $"{answer.Message}, as '{command} {component}/{which}' asked");
        }

        return answer;
    }

    /// <summary>
    /// Makes a database replica begin with nothing, so that it copies the state from the others. What it held is kept
    /// beside.
    /// </summary>
    private async Task<ControlAnswer> ReplaceAsync(SupervisedProcess process, CancellationToken cancellationToken)
    {
        var (component, name) = (process.Process.Component, process.Process.Name);
        if (component is not (Components.Customers or Components.Products))
        {
            return new(false, $"{name} is no database replica; 'agora stop' and 'agora start' do what it needs");
        }

        // What only this replica holds would be lost. And it could not join: that takes a majority beside it.
        var status = await StatusAsync(brief: true, cancellationToken);
        ProcessStatus[] others = [.. status.Processes.Where(p => p.Component == component && p.Name != name)];
        var takingPart = others.Count(p => p.Database is { Joining: null });
        if (takingPart < ((others.Length + 1) / 2) + 1)
        {
            return new(
                false,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name} cannot be replaced now: {takingPart} of the {others.Length} other replicas take part, "
                        + $"and it takes {((others.Length + 1) / 2) + 1} to give the state back"
                )
            );
        }

        await process.StopAsync();
        try
        {
            var place = ReplicaHosting.SetAside(_data.Of(process.Process), "'agora replace' asked for it");
            return new(
                true,
                place is null
                    ? $"{name} is started with nothing"
                    : $"{name} is started with nothing; what it held is in {place}"
            );
        }
        catch (IOException e)
        {
            return new(false, $"{name}: {e.Message}");
        }
        finally
        {
            process.Start();
        }
    }

    private static async Task<ControlAnswer> CommandAsync(
        string command,
        string name,
        SupervisedProcess process,
        bool restart
    ) =>
        command switch
        {
            "stop" => await process.StopAsync() ? new(true, $"{name} is stopped") : new(true, $"{name} was not up"),
            "kill" => await process.KillAsync(restart)
                ? new(true, restart ? $"{name} is killed and will be restarted" : $"{name} is killed")
                : new(false, $"{name} is not up"),
            "start" => process.Start() ? new(true, $"{name} is started") : new(true, $"{name} is up already"),
            "freeze" or "thaw" => process.Freeze(command == "freeze")
                ? new(true, $"{name} {(command == "freeze" ? "is frozen" : "continues")}")
                : new(false, $"{name} is not up"),
            _ => new(false, $"there is no command {command}"),
        };

    /// <summary>
    /// The name of a process, found by number, or by the role that it reports; null if there is none.
    /// </summary>
    public async Task<string?> FindAsync(string component, string which, CancellationToken cancellationToken)
    {
        if (int.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out var replica))
        {
            return _all.FirstOrDefault(p => p.Component == component && p.Replica == replica)?.Name;
        }

        // Of two replicas that say that they lead, the one with the higher term does.
        var status = await StatusAsync(brief: true, cancellationToken);
        return status
            .Processes.Where(p => p.Component == component && p.Role == which)
            .MaxBy(p => p.Database?.Term ?? 0)
            ?.Name;
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _somethingHappened.WaitAsync(cancellationToken);
            var began = _time.GetTimestamp();
            do
            {
                await Task.Delay(s_watchInterval, _time, cancellationToken);
            } while (!IsSettled(await StatusAsync(brief: true, cancellationToken)) && IsRecent(began));
        }

        bool IsRecent(long began) => _time.GetElapsedTime(began) < s_watchTime;
    }

    private static bool IsSettled(ClusterStatus status) =>
        status.Missing.Count == 0
        && status.Processes.All(p =>
            p.State is ProcessState.Running or ProcessState.Stopped or ProcessState.Killed or ProcessState.Unreachable
        );

    private async Task KeepLogsSmallAsync(CancellationToken cancellationToken)
    {
        using PeriodicTimer timer = new(s_logCheck);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            foreach (var process in _own.Values)
            {
                try
                {
                    LogFiles.KeepSmall(_data.LogOf(process.Process));
                }
                catch (IOException)
                {
                    // The disk is full, so the copy could not be made. Truncating without it would lose what explains
                    // the rest. The next tick tries again.
                }
            }
        }
    }

    private static int Tier(ClusterProcess process) =>
        process.Component switch
        {
            Components.Customers or Components.Products => 0,
            Components.Payments => 1,
            _ => 2,
        };

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_loops).ContinueWith(_ => { }, TaskScheduler.Default);
        foreach (var process in _own.Values)
        {
            process.Dispose();
        }

        _probe.Dispose();
        _somethingHappened.Dispose();
        _end.Dispose();
    }
}
