using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class SupervisedProcessTests : IAsyncDisposable
{
    // Reacts to SIGTERM at once, unlike `sleep` under a shell.
    private const string Obedient = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    private const string Stubborn = "trap '' TERM; while :; do sleep 0.05; done";

    private readonly Scratch _scratch = new();
    private readonly DataDirectory _data;
    private readonly ConcurrentQueue<string> _announced = new();
    private readonly CancellationTokenSource _end = new();
    private SupervisedProcess? _process;
    private Task _loop = Task.CompletedTask;

    public SupervisedProcessTests() => _data = new DataDirectory(_scratch["data"]);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.StopAsync();
        }

        await _end.CancelAsync();
        await _loop.ContinueWith(_ => { }, TaskScheduler.Default);
        _process?.Dispose();
        _end.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public async Task What_dies_is_started_again_and_counted()
    {
        var process = await SuperviseAsync(Obedient);
        var first = await UpAsync();

        Process.GetProcessById(first).Kill();

        await Scratch.UntilAsync(() => process.View() is { Pid: { } pid } && pid != first, "another process is up");
        Assert.Equal(1, process.View().Restarts);
        Assert.Contains(_announced, m => m.Contains("products/0 was killed by signal 9", StringComparison.Ordinal));
        Assert.Equal((null, 9), (process.View().LastExit!.Code, process.View().LastExit!.Signal));
    }

    [Fact]
    public async Task The_reason_of_its_end_is_announced_in_its_own_words()
    {
        await SuperviseAsync(
            "echo noise; echo 'agora: products/0: TCP port 127.0.0.1:1 is taken'; echo 'more noise'; exit 3"
        );

        await Scratch.UntilAsync(
            () =>
                _announced.Any(m =>
                    m.Contains(
                        "products/0 ended with exit code 3: TCP port 127.0.0.1:1 is taken",
                        StringComparison.Ordinal
                    )
                ),
            "the reason is announced"
        );
    }

    [Fact]
    public async Task How_it_ended_last_is_kept_for_the_next_supervisor()
    {
        var process = await SuperviseAsync("echo 'agora: no luck'; exit 3");
        await Scratch.UntilAsync(() => process.View().LastExit is not null, "it has ended");
        await process.StopAsync();
        using SupervisedProcess next = new(
            process.Process,
            _data,
            _ => throw new NotSupportedException(),
            TimeProvider.System,
            _announced.Enqueue
        );

        Assert.Equal(
            (3, null, "no luck"),
            (next.View().LastExit!.Code, next.View().LastExit!.Signal, next.View().LastExit!.Reason)
        );
        Assert.InRange(next.View().LastExit!.At, DateTime.UtcNow.AddMinutes(-5), DateTime.UtcNow);
    }

    [Fact]
    public async Task A_process_that_does_not_start_is_announced()
    {
        await using var held = await _data.TakeAsync(
            ClusterFile.Default,
            fresh: false,
            TestContext.Current.CancellationToken
        );
        _process = new SupervisedProcess(
            Scratch.Process(),
            _data,
            _ => new ProcessStartInfo(_scratch["no-shell"]),
            TimeProvider.System,
            _announced.Enqueue
        );
        _loop = _process.RunAsync(_end.Token);
        _process.Start();

        await Scratch.UntilAsync(
            () => _announced.Any(m => m.StartsWith("products/0 could not be started: ", StringComparison.Ordinal)),
            "it is announced"
        );
        Assert.Contains(_scratch["no-shell"], _process.View().LastExit!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_one_stays_down_until_started_and_counts_no_restart()
    {
        var process = await SuperviseAsync(Obedient);
        var first = await UpAsync();

        Assert.True(await process.StopAsync());

        Assert.Equal(
            (null, ProcessState.Stopped, 0),
            (process.View().Pid, process.View().State, process.View().Restarts)
        );
        Assert.False(await process.StopAsync());
        Assert.True(process.Start());
        Assert.NotEqual(first, await UpAsync());
        Assert.False(process.Start());
        Assert.Equal(0, process.View().Restarts);
    }

    [Fact]
    public async Task One_that_does_not_obey_is_killed_after_the_bound()
    {
        var process = await SuperviseAsync(Stubborn, TimeSpan.FromMilliseconds(300));
        await UpAsync();

        await process.StopAsync();

        Assert.Equal(ProcessState.Stopped, process.View().State);
        Assert.Contains(_announced, m => m.Contains("is killed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_killed_one_stays_dead_unless_a_restart_is_wanted()
    {
        var process = await SuperviseAsync(Obedient);
        var first = await UpAsync();

        Assert.True(await process.KillAsync(restart: true));
        await Scratch.UntilAsync(() => process.View() is { Pid: { } pid } && pid != first, "it is restarted");
        await UpAsync();
        Assert.True(await process.KillAsync(restart: false));

        Assert.Equal(
            (null, ProcessState.Killed, 1),
            (process.View().Pid, process.View().State, process.View().Restarts)
        );
        Assert.False(await process.KillAsync(restart: false));
    }

    [Fact]
    public async Task A_stop_during_the_pause_cancels_the_restart()
    {
        var process = await SuperviseAsync("exit 1");
        await Scratch.UntilAsync(
            () => process.View() is { Pid: null, State: ProcessState.Restarting, Restarts: >= 4 },
            "the pause has grown"
        );

        await process.StopAsync();
        var restarts = process.View().Restarts;

        Assert.Equal(ProcessState.Stopped, process.View().State);
        Assert.True(process.Start());
        await Scratch.UntilAsync(
            () => process.View().Restarts > restarts,
            "a start by hand does not wait for the pause"
        );
    }

    [Fact]
    public async Task Its_output_is_in_its_log_and_its_pid_file_exists_while_it_runs()
    {
        var process = await SuperviseAsync("echo out; echo err >&2; " + Obedient);
        var pid = await UpAsync();
        await Scratch.UntilAsync(
            () => File.ReadAllText(_data.LogOf(process.Process)) == "out\nerr\n",
            "both streams are in the log"
        );

        using (var named = PidFile.Find(_data.PidFileOf(process.Process)))
        {
            Assert.Equal(pid, named!.Id);
        }

        await process.StopAsync();

        Assert.False(File.Exists(_data.PidFileOf(process.Process)));
    }

    [Theory]
    [InlineData(Obedient)]
    [InlineData(Stubborn)]
    public async Task A_process_that_a_killed_supervisor_left_is_ended_by_its_pid_file(string script)
    {
        using var leftover = Process.Start("/bin/sh", ["-c", script]);
        var note = _scratch["left.pid"];
        Assert.True(PidFile.TryWrite(note, leftover));

        var ended = await PidFile.EndLeftoversAsync(
            [note, _scratch["never.pid"]],
            TimeSpan.FromMilliseconds(300),
            TestContext.Current.CancellationToken
        );

        Assert.Equal(1, ended);
        await leftover.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.False(File.Exists(note));
    }

    [Fact]
    public async Task Another_process_that_got_the_id_later_is_left_alone()
    {
        using var stranger = Process.Start("/bin/sh", ["-c", Obedient]);
        var note = _scratch["left.pid"];
        File.WriteAllText(
            note,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{stranger.Id} {stranger.StartTime.ToUniversalTime().AddMinutes(-5):O}"
            )
        );

        Assert.Equal(
            0,
            await PidFile.EndLeftoversAsync([note], TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)
        );

        Assert.False(stranger.HasExited);
        stranger.Kill();
    }

    private async Task<SupervisedProcess> SuperviseAsync(string script, TimeSpan? stopBound = null)
    {
        await using var held = await _data.TakeAsync(
            ClusterFile.Default,
            fresh: false,
            TestContext.Current.CancellationToken
        );
        _process = new SupervisedProcess(
            Scratch.Process(),
            _data,
            process => new ProcessStartInfo("/bin/sh", ["-c", $"exec >>'{_data.LogOf(process)}' 2>&1; {script}"]),
            TimeProvider.System,
            _announced.Enqueue
        )
        {
            StopBound = stopBound ?? SupervisedProcess.DefaultStopBound,
        };
        _loop = _process.RunAsync(_end.Token);
        Assert.True(_process.Start());
        return _process;
    }

    // Waits until the process is up and its script has set the handler of SIGTERM.
    private async Task<int> UpAsync()
    {
        var up = 0;
        await Scratch.UntilAsync(
            () =>
                _process!.View() is { Pid: { } pid }
                && (up = pid) > 0
                && File.ReadAllText($"/proc/{pid}/status")
                    .Split('\n')
                    .Any(l =>
                        (
                            l.StartsWith("SigCgt:", StringComparison.Ordinal)
                            || l.StartsWith("SigIgn:", StringComparison.Ordinal)
                        )
                        && (Convert.ToUInt64(l[7..].Trim(), 16) & (1UL << 14)) != 0
                    ),
            "the process is up and listens to SIGTERM"
        );
        return up;
    }
}
