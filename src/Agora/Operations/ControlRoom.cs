using System.Runtime.CompilerServices;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Web.Operations;
using Microsoft.Extensions.Logging;

namespace Agora.Operations;

/// <summary>
/// The control room of one web server: one look at the cluster a second, shared by all who watch, and none while nobody
/// does. What operators ask for goes to the supervisor of this machine.
/// </summary>
internal sealed class ControlRoom : IControlRoom, IAsyncDisposable
{
    private const string NoSupervisor =
        "No supervisor runs on this host for this web server's data directory, so nothing can be done from here. "
        + "Where a service manager or a container engine started the processes, it also stops them.";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    // Who reloads a page without a script looks again and again.
    private static readonly TimeSpan s_lookOn = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_firstPictureTimeout = TimeSpan.FromSeconds(8);

    // Writes and reads are tried soon after something has changed, and now and then.
    private static readonly TimeSpan s_checkPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_checkValidity = TimeSpan.FromMinutes(1);

    private readonly DataDirectory _data;
    private readonly ClusterView _view;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Demonstrations _demonstrations;
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private TaskCompletionSource<Picture> _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Picture? _latest;
    private Task _looking = Task.CompletedTask;
    private long _lastLook;
    private int _watchers;

    // Used by the loop alone.
    private readonly History _history = new();
    private readonly SeenChanges _seen = new();
    private readonly EventLog _ownEvents;
    private readonly LinkedList<MarketplaceEvent> _events = [];
    private ServedCheck? _check;
    private Task _checking = Task.CompletedTask;
    private long? _checkedAt;
    private string _checkedState = "";
    private int _looks;

    /// <param name="data">The data directory.</param>
    /// <param name="cluster">Names the processes, as this process reaches them.</param>
    /// <param name="identity">The identity of this process.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Gets what fails here.</param>
    public ControlRoom(
        DataDirectory data,
        ClusterFile cluster,
        ComponentIdentity? identity,
        TimeProvider time,
        ILogger<ControlRoom> logger
    )
    {
        (_data, _time, _logger) = (data, time, logger);
        _view = new ClusterView(data, cluster, identity);
        _ownEvents = new EventLog(path: null, time);
        _demonstrations = new Demonstrations(cluster, _view.Control, time, logger);
    }

    /// <summary>The cluster is looked at now.</summary>
    internal bool IsLooking
    {
        get
        {
            lock (_gate)
            {
                return !_looking.IsCompleted;
            }
        }
    }

    private bool IsRecent(Picture picture) => _time.GetUtcNow().UtcDateTime - picture.TakenAt < Picture.MaxAge;

    private bool HasLab => File.Exists(_data.LabFileOf(LabNetwork.Clients));

    /// <inheritdoc/>
    public async Task<Picture> LookAsync(CancellationToken cancellationToken)
    {
        Task<Picture> next;
        lock (_gate)
        {
            next = Look();
            if (_latest is { } latest && IsRecent(latest))
            {
                return latest;
            }
        }

        return await next.WaitAsync(s_firstPictureTimeout, _time, cancellationToken);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Picture> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _watchers);
        try
        {
            Picture? shown = null;
            while (true)
            {
                Task<Picture> next;
                lock (_gate)
                {
                    next = Look();

                    // The first one is there at once, and one may have come while another was sent.
                    if (_latest is { } latest && !ReferenceEquals(latest, shown) && IsRecent(latest))
                    {
                        next = Task.FromResult(latest);
                    }
                }

                shown = await next.WaitAsync(cancellationToken);
                yield return shown;
            }
        }
        finally
        {
            Interlocked.Decrement(ref _watchers);
        }
    }

    /// <inheritdoc/>
    public Task<ActAnswer> ActAsync(ProcessAct act, string process, CancellationToken cancellationToken) =>
        CarryOutAsync(() =>
            _view.Control.CommandAsync(
                act switch
                {
                    ProcessAct.Kill => "kill",
                    ProcessAct.Stop => "stop",
                    ProcessAct.Replace => "replace",
                    _ => "start",
                },
                process,
                restart: process.StartsWith(Components.Web + "/", StringComparison.Ordinal),
                cancellationToken
            )
        );

    /// <inheritdoc/>
    public Task<ActAnswer> ActAsync(NetworkAct act, CancellationToken cancellationToken) =>
        CarryOutAsync(() =>
            act.Heal ? _view.Control.HealLabAsync(new LabCut(null, null, false, All: true), cancellationToken)
            : act.Cut is { } who ? _view.Control.CutLabAsync(new LabCut([who], null, false, false), cancellationToken)
            : _view.Control.SetLabAsync(LabChanges.Of(act.Loss, act.Delay), cancellationToken)
        );

    /// <inheritdoc/>
    public Task<ActAnswer> DemonstrateAsync(DemonstrationKind kind, CancellationToken cancellationToken)
    {
        Picture? latest;
        lock (_gate)
        {
            latest = _latest;
        }

        var answer =
            latest?.CannotAct is { } reason ? new ActAnswer(false, reason)
            : kind != DemonstrationKind.KillLeader && !HasLab
                ? new ActAnswer(false, "this marketplace is not in the lab; start it with 'agora up --lab'")
            : _demonstrations.Begin(kind, _end.Token) ? new ActAnswer(true, "it begins")
            : new ActAnswer(false, "another demonstration runs; wait until it ends");
        return Task.FromResult(answer);
    }

    /// <inheritdoc/>
    public async Task<LogTail?> LogAsync(string process, CancellationToken cancellationToken) =>
        _view.Processes.FirstOrDefault(p => p.Name == process) is { } found
            ? await LogTails.ReadAsync(_data, found, cancellationToken)
            : null;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        Task looking;
        lock (_gate)
        {
            looking = _looking;
        }

        await looking;
        await _checking;
        await _demonstrations.EndedAsync();
        _view.Dispose();
        _end.Dispose();
    }

    private static async Task<ActAnswer> CarryOutAsync(Func<Task<ControlAnswer?>> command)
    {
        try
        {
            return await command() is { } answer
                ? new ActAnswer(answer.Done, answer.Message)
                : new ActAnswer(false, NoSupervisor);
        }
        catch (CommandFailedException e)
        {
            return new ActAnswer(false, e.Message);
        }
    }

    // Somebody looks: the loop begins, or goes on. Called with the gate held; returns the picture that comes next.
    private Task<Picture> Look()
    {
        _lastLook = _time.GetTimestamp();
        if (_looking.IsCompleted && !_end.IsCancellationRequested)
        {
            _looking = Task.Run(() => LookOnAsync(_end.Token), CancellationToken.None);
        }

        return _next.Task;
    }

    private async Task LookOnAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (var isConnected = false; IsLookedAt(); )
            {
                var began = _time.GetTimestamp();
                try
                {
                    if (!isConnected)
                    {
                        await _view.ConnectAsync(cancellationToken);
                        isConnected = true;
                    }

                    Publish(await TakeAsync(cancellationToken));
                }
                catch (Exception e) when (!cancellationToken.IsCancellationRequested)
                {
                    // The next look may succeed; until then the page says how old its picture is.
                    _logger.LogWarning(e, "The cluster could not be looked at");
                }

                var rest = s_interval - _time.GetElapsedTime(began);
                if (rest > TimeSpan.Zero)
                {
                    await Task.Delay(rest, _time, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // This process ends.
        }
    }

    // Decided with the gate held: one who looks after that finds the loop at its end, and begins it again.
    private bool IsLookedAt()
    {
        lock (_gate)
        {
            return Volatile.Read(ref _watchers) > 0 || _time.GetElapsedTime(_lastLook) < s_lookOn;
        }
    }

    private void Publish(Picture picture)
    {
        TaskCompletionSource<Picture> waiting;
        lock (_gate)
        {
            _latest = picture;
            (waiting, _next) = (_next, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        waiting.SetResult(picture);
    }

    private async Task<Picture> TakeAsync(CancellationToken cancellationToken)
    {
        var takenAt = _time.GetUtcNow().UtcDateTime;

        // What servers have served is worth more to read than a status, so it is read half as often.
        var (status, isSupervised) = await _view.LookAsync(functions: _looks++ % 2 == 0, cancellationToken);
        _history.Add(takenAt, status);
        CheckIfDue(status, cancellationToken);
        await ReadEventsAsync(status, isSupervised, cancellationToken);
        return new Picture(takenAt, status)
        {
            Check = Volatile.Read(ref _check),
            NumbersPerSecond = _history.NumbersPerSecond(),
            Losses = _history.Losses(),
            Samples = _history.Samples,
            Events = [.. _events],
            Lab = HasLab && isSupervised ? await LabAsync(cancellationToken) : null,
            Demonstrations = _demonstrations.Last(),
            CannotAct = isSupervised ? null : NoSupervisor,
        };
    }

    private void CheckIfDue(ClusterStatus status, CancellationToken cancellationToken)
    {
        var state = string.Join(
            ' ',
            status.Processes.Select(p => $"{p.Name} {p.State} {(p.Role == "leader" ? p.Database?.Term : null)}")
        );
        var age = _checkedAt is { } at ? _time.GetElapsedTime(at) : TimeSpan.MaxValue;
        var isWorthIt = state != _checkedState || Volatile.Read(ref _check) is { IsReady: false };
        if (_checking.IsCompleted && (age >= s_checkValidity || (isWorthIt && age >= s_checkPause)))
        {
            (_checkedAt, _checkedState) = (_time.GetTimestamp(), state);
            _checking = CheckAsync(cancellationToken);
        }
    }

    // Beside the loop: it takes as long as the slowest database.
    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            var status = await _view.CheckAsync(cancellationToken);
            Volatile.Write(ref _check, new ServedCheck(_time.GetUtcNow().UtcDateTime, status.Ready, status.Missing));
        }
        catch (OperationCanceledException)
        {
            // This process ends.
        }
        catch (Exception e)
        {
            _logger.LogWarning(e, "Whether every function is served could not be found out");
        }
    }

    private async Task ReadEventsAsync(ClusterStatus status, bool isSupervised, CancellationToken cancellationToken)
    {
        if (isSupervised)
        {
            var last = _events.Last?.Value.Number ?? 0;
            var added = await _view.SuperviseAsync(
                (control, bound) => control.EventsAsync(last, bound),
                cancellationToken
            );
            foreach (var one in added ?? [])
            {
                _events.AddLast(one);
            }
        }
        else
        {
            foreach (var (kind, text) in _seen.See(status))
            {
                _ownEvents.Add(kind, text);
            }

            if (_ownEvents.Last(1) is [var newest] && newest.Number != _events.Last?.Value.Number)
            {
                _events.Clear();
                foreach (var one in _ownEvents.Last(EventLog.MaxKept))
                {
                    _events.AddLast(one);
                }
            }
        }

        while (_events.Count > EventLog.MaxKept)
        {
            _events.RemoveFirst();
        }
    }

    private async Task<LabPicture?> LabAsync(CancellationToken cancellationToken) =>
        await _view.SuperviseAsync((control, bound) => control.LabStatusAsync(bound), cancellationToken) is { } lab
            ? new LabPicture(
                lab.Good,
                lab.Conditions,
                [.. lab.Links.Select(l => new LabLinkPicture(l.From, l.To, l.Cut, l.Conditions))]
            )
            : null;
}
