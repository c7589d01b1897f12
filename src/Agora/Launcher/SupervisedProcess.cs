using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// One process that is kept up: it is started, and restarted after a growing pause whenever it dies, until a command
/// stops it. One loop starts and restarts it; commands only set what is wanted and wake the loop.
/// </summary>
internal sealed class SupervisedProcess : IDisposable
{
    /// <summary>How long a process may take to end in order before it is killed.</summary>
    public static readonly TimeSpan DefaultStopBound = TimeSpan.FromSeconds(10);

    private readonly Func<ClusterProcess, ProcessStartInfo> _howToStart;
    private readonly DataDirectory _data;
    private readonly TimeProvider _time;
    private readonly Action<string> _announce;
    private readonly RestartPause _pause = new();
    private readonly Lock _gate = new();

    // Released when what is wanted has changed. At most one release is kept, and the loop checks again after each.
    private readonly SemaphoreSlim _wake = new(0, 1);

    // Guarded by _gate. Invariant: _process is set exactly while a process of ours may be alive.
    private Process? _process;
    private bool _wanted;
    private bool _answered;
    private string _downState = ProcessState.Stopped;
    private int _restarts;
    private ProcessExit? _lastExit;
    private DateTime _startedAt;
    private long _logStart;
    private TaskCompletionSource _down = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SupervisedProcess(
        ClusterProcess process,
        DataDirectory data,
        Func<ClusterProcess, ProcessStartInfo> howToStart,
        TimeProvider time,
        Action<string> announce
    )
    {
        Process = process;
        _data = data;
        _howToStart = howToStart;
        _time = time;
        _announce = announce;
        _lastExit = ExitFile.Read(data.ExitFileOf(process));
        _down.SetResult();
    }

    public ClusterProcess Process { get; }

    /// <summary>How long this process may take to end in order.</summary>
    public TimeSpan StopBound { get; init; } = DefaultStopBound;

    /// <summary>What the supervisor knows of it, without asking it.</summary>
    public LocalView View()
    {
        lock (_gate)
        {
            if (_process is { HasExited: false } process)
            {
                var state =
                    !_wanted ? ProcessState.Stopping
                    : _answered ? ProcessState.Unresponsive
                    : ProcessState.Starting;
                return new LocalView(process.Id, state, _restarts, Memory(process), _lastExit, _startedAt);
            }

            return new LocalView(null, _wanted ? ProcessState.Restarting : _downState, _restarts, null, _lastExit);
        }
    }

    /// <summary>
    /// Notes that the process with this id has answered, so that it no longer counts as starting. True if that is new.
    /// </summary>
    public bool MarkAnswered(int pid)
    {
        lock (_gate)
        {
            var isNew = !_answered && _process is { HasExited: false } process && process.Id == pid;
            _answered |= isNew;
            return isNew;
        }
    }

    /// <summary>Starts it, and keeps it up from now on. False if that was wanted already.</summary>
    public bool Start()
    {
        lock (_gate)
        {
            if (_wanted && _process is not null)
            {
                return false;
            }

            _wanted = true;
            _pause.Reset();
            Wake();
            return true;
        }
    }

    /// <summary>Stops it in order, and completes when it has ended. False if it was down and not wanted.</summary>
    public async Task<bool> StopAsync()
    {
        Task down;
        lock (_gate)
        {
            if (!_wanted && _process is null)
            {
                return false;
            }

            _wanted = false;
            _downState = ProcessState.Stopped;
            Wake();
            down = _down.Task;
            if (_process is { HasExited: false } process)
            {
                Posix.Terminate(process.Id);
            }
        }

        try
        {
            await down.WaitAsync(StopBound);
        }
        catch (TimeoutException)
        {
            _announce(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Process.Name} did not end within {StopBound.TotalSeconds} s and is killed"
                )
            );
            lock (_gate)
            {
                _process?.Kill();
            }

            await down;
        }

        return true;
    }

    /// <summary>
    /// Kills it (kill -9). With <paramref name="restart"/> the loop restarts it; otherwise it stays dead. False if it
    /// was not up.
    /// </summary>
    public async Task<bool> KillAsync(bool restart)
    {
        Task down;
        lock (_gate)
        {
            if (!restart && (_wanted || _process is not null))
            {
                // Also cancels a pending restart.
                _wanted = false;
                _downState = ProcessState.Killed;
                Wake();
            }

            if (_process is not { HasExited: false } process)
            {
                return false;
            }

            process.Kill();
            down = _down.Task;
        }

        await down;
        return true;
    }

    /// <summary>Freezes it (SIGSTOP), or continues it (SIGCONT). False if it was not up.</summary>
    public bool Freeze(bool frozen)
    {
        lock (_gate)
        {
            return _process is { HasExited: false } process && Posix.Freeze(process.Id, frozen);
        }
    }

    /// <summary>
    /// Keeps it up until cancelled. The caller stops it before cancelling.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await WantedAsync(cancellationToken);
            var startedAt = _time.GetTimestamp();
            if (TryStart() is { } process)
            {
                await process.WaitForExitAsync(cancellationToken);
            }

            var ran = _time.GetElapsedTime(startedAt);
            if (OnEnded(ran) is { } pause)
            {
                await _wake.WaitAsync(pause, cancellationToken);
            }
        }
    }

    private async Task WantedAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_wanted)
                {
                    return;
                }
            }

            await _wake.WaitAsync(cancellationToken);
        }
    }

    private Process? TryStart()
    {
        lock (_gate)
        {
            if (!_wanted)
            {
                return null;
            }

            _down = new(TaskCreationOptions.RunContinuationsAsynchronously);
            try
            {
                LogFiles.KeepSmall(_data.LogOf(Process));
                _logStart = LogFiles.Length(_data.LogOf(Process));
                _answered = false;
                _startedAt = _time.GetUtcNow().UtcDateTime;
                _process = System.Diagnostics.Process.Start(_howToStart(Process))!;

                // If the supervisor dies between these two steps, or if the file cannot be written, the process still
                // ends when the supervisor does, because its standard input closes.
                if (!PidFile.TryWrite(_data.PidFileOf(Process), _process))
                {
                    _announce($"{Process.Name}: its pid file cannot be written: {_data.PidFileOf(Process)}");
                }
            }
            catch (Exception e)
                when (e is System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException)
            {
                // The loop tries again later.
                Keep(new ProcessExit(_time.GetUtcNow().UtcDateTime, null, null, FailureMessage.Of(e) ?? e.Message));
            }

            return _process;
        }
    }

    // Notes the end of the process. Returns the pause before the next start, or null if none is wanted.
    private TimeSpan? OnEnded(TimeSpan ran)
    {
        string? message = null;
        TimeSpan? pause = null;
        lock (_gate)
        {
            if (_process is { } process)
            {
                Keep(ProcessExit.Of(process.ExitCode, _time.GetUtcNow(), OwnReason() ?? SilentReason()));
                process.Dispose();
                _process = null;
                PidFile.Remove(_data.PidFileOf(Process));
            }

            if (_wanted)
            {
                // Earlier wishes are known here; only a later one may cut the pause short.
                _wake.Wait(0, CancellationToken.None);
                _restarts++;
                pause = _pause.After(ran);
                message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Process.Name} {_lastExit}; again in {pause.Value.TotalSeconds:0.#} s"
                );
            }

            _down.TrySetResult();
        }

        if (message is not null)
        {
            _announce(message);
        }

        return pause;
    }

    private void Keep(ProcessExit exit)
    {
        _lastExit = exit;
        ExitFile.Write(_data.ExitFileOf(Process), exit);
    }

    // Without the process's name, because every message names the process first.
    private string? OwnReason()
    {
        var name = Process.Name + ": ";
        return LogFiles.LastError(_data.LogOf(Process), _logStart) is not { } why ? null
            : why.StartsWith(name, StringComparison.Ordinal) ? why[name.Length..]
            : why;
    }

    // On a full disk a process cannot say in its log why it ends.
    private string? SilentReason() =>
        FileFault.IsFull(_data.LogOf(Process))
            ? $"{_data.Logs}: No space left on device. Make room there; the process could not even log why it ended"
            : null;

    private void Wake()
    {
        if (_wake.CurrentCount == 0)
        {
            _wake.Release();
        }
    }

    private static long? Memory(Process process)
    {
        try
        {
            process.Refresh();
            return process.WorkingSet64;
        }
        catch (InvalidOperationException)
        {
            // It has just ended.
            return null;
        }
    }

    public void Dispose() => _wake.Dispose();
}
