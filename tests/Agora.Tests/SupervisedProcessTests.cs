using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class SupervisedProcessTests : IAsyncDisposable
{
    // Answers SIGTERM at once, unlike `sleep` under a shell.
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
        SupervisedProcess process = await SuperviseAsync(Obedient);
        int first = await UpAsync();

        Process.GetProcessById(first).Kill();

        await Scratch.UntilAsync(() => process.Look() is { Pid: { } pid } && pid != first, "another process is up");
        Assert.Equal(1, process.Look().Restarts);
        Assert.Contains(_announced, m => m.Contains("products/0 was killed by signal 9", StringComparison.Ordinal));
        Assert.Equal((null, 9), (process.Look().LastExit!.Code, process.Look().LastExit!.Signal));
    }

    [Fact]
    public async Task Why_it_ended_is_told_in_its_own_words()
    {
        await SuperviseAsync("echo noise; echo 'agora: products/0: TCP port 127.0.0.1:1 is taken'; echo 'more noise'; exit 3");

        await Scratch.UntilAsync(() => _announced.Any(m => m.Contains("products/0 ended with exit code 3: TCP port 127.0.0.1:1 is taken", StringComparison.Ordinal)), "the reason is told");
    }

    [Fact]
    public async Task How_it_ended_last_is_kept_for_the_next_supervisor()
    {
        SupervisedProcess process = await SuperviseAsync("echo 'agora: no luck'; exit 3");
        await Scratch.UntilAsync(() => process.Look().LastExit is not null, "it has ended");
        await process.StopAsync();
        using SupervisedProcess next = new(process.Process, _data, _ => throw new NotSupportedException(), TimeProvider.System, _announced.Enqueue);

        Assert.Equal((3, null, "no luck"), (next.Look().LastExit!.Code, next.Look().LastExit!.Signal, next.Look().LastExit!.Reason));
        Assert.InRange(next.Look().LastExit!.At, DateTime.UtcNow.AddMinutes(-5), DateTime.UtcNow);
    }

    [Fact]
    public async Task What_does_not_even_start_is_told()
    {
        await using FileStream held = await _data.TakeAsync(ClusterFile.Default, fresh: false, TestContext.Current.CancellationToken);
        _process = new SupervisedProcess(Scratch.Process(), _data, _ => new ProcessStartInfo(_scratch["no-shell"]), TimeProvider.System, _announced.Enqueue);
        _loop = _process.RunAsync(_end.Token);
        _process.Start();

        await Scratch.UntilAsync(() => _announced.Any(m => m.StartsWith("products/0 could not be started: ", StringComparison.Ordinal)), "it is told");
        Assert.Contains(_scratch["no-shell"], _process.Look().LastExit!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_one_stays_down_until_started_and_counts_no_restart()
    {
        SupervisedProcess process = await SuperviseAsync(Obedient);
        int first = await UpAsync();

        Assert.True(await process.StopAsync());

        Assert.Equal((null, ProcessState.Stopped, 0), (process.Look().Pid, process.Look().State, process.Look().Restarts));
        Assert.False(await process.StopAsync());
        Assert.True(process.Start());
        Assert.NotEqual(first, await UpAsync());
        Assert.False(process.Start());
        Assert.Equal(0, process.Look().Restarts);
    }

    [Fact]
    public async Task One_that_does_not_obey_is_killed_after_the_bound()
    {
        SupervisedProcess process = await SuperviseAsync(Stubborn, TimeSpan.FromMilliseconds(300));
        await UpAsync();

        await process.StopAsync();

        Assert.Equal(ProcessState.Stopped, process.Look().State);
        Assert.Contains(_announced, m => m.Contains("is killed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_killed_one_is_left_dead_unless_a_restart_is_wanted()
    {
        SupervisedProcess process = await SuperviseAsync(Obedient);
        int first = await UpAsync();

        Assert.True(await process.KillAsync(restart: true));
        await Scratch.UntilAsync(() => process.Look() is { Pid: { } pid } && pid != first, "it is brought back");
        await UpAsync();
        Assert.True(await process.KillAsync(restart: false));

        Assert.Equal((null, ProcessState.Killed, 1), (process.Look().Pid, process.Look().State, process.Look().Restarts));
        Assert.False(await process.KillAsync(restart: false));
    }

    [Fact]
    public async Task A_stop_during_the_pause_takes_the_restart_back()
    {
        SupervisedProcess process = await SuperviseAsync("exit 1");
        await Scratch.UntilAsync(() => process.Look() is { Pid: null, State: ProcessState.Restarting, Restarts: >= 4 }, "the pause has grown");

        await process.StopAsync();
        int restarts = process.Look().Restarts;

        Assert.Equal(ProcessState.Stopped, process.Look().State);
        Assert.True(process.Start());
        await Scratch.UntilAsync(() => process.Look().Restarts > restarts, "a start by hand does not wait for the pause");
    }

    [Fact]
    public async Task Its_output_is_in_its_log_and_its_note_lies_there_while_it_runs()
    {
        SupervisedProcess process = await SuperviseAsync("echo out; echo err >&2; " + Obedient);
        int pid = await UpAsync();
        await Scratch.UntilAsync(() => File.ReadAllText(_data.LogOf(process.Process)) == "out\nerr\n", "both streams are in the log");

        using (Process? noted = ProcessNote.Find(_data.PidFileOf(process.Process)))
        {
            Assert.Equal(pid, noted!.Id);
        }
        await process.StopAsync();

        Assert.False(File.Exists(_data.PidFileOf(process.Process)));
    }

    [Theory]
    [InlineData(Obedient)]
    [InlineData(Stubborn)]
    public async Task What_a_killed_supervisor_left_is_ended_by_its_note(string script)
    {
        using Process leftover = Process.Start("/bin/sh", ["-c", script]);
        string note = _scratch["left.pid"];
        Assert.True(ProcessNote.TryWrite(note, leftover));

        int ended = await ProcessNote.EndLeftoversAsync([note, _scratch["never.pid"]], TimeSpan.FromMilliseconds(300), TestContext.Current.CancellationToken);

        Assert.Equal(1, ended);
        await leftover.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.False(File.Exists(note));
    }

    [Fact]
    public async Task A_stranger_that_got_the_id_later_is_left_alone()
    {
        using Process stranger = Process.Start("/bin/sh", ["-c", Obedient]);
        string note = _scratch["left.pid"];
        File.WriteAllText(note, string.Create(CultureInfo.InvariantCulture, $"{stranger.Id} {stranger.StartTime.ToUniversalTime().AddMinutes(-5):O}"));

        Assert.Equal(0, await ProcessNote.EndLeftoversAsync([note], TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken));

        Assert.False(stranger.HasExited);
        stranger.Kill();
    }

    private async Task<SupervisedProcess> SuperviseAsync(string script, TimeSpan? stopBound = null)
    {
        await using FileStream held = await _data.TakeAsync(ClusterFile.Default, fresh: false, TestContext.Current.CancellationToken);
        _process = new SupervisedProcess(Scratch.Process(), _data, process => new ProcessStartInfo("/bin/sh", ["-c", $"exec >>'{_data.LogOf(process)}' 2>&1; {script}"]), TimeProvider.System, _announced.Enqueue)
        {
            StopBound = stopBound ?? SupervisedProcess.DefaultStopBound,
        };
        _loop = _process.RunAsync(_end.Token);
        Assert.True(_process.Start());
        return _process;
    }

    // Up, and far enough in its script to obey or not to.
    private async Task<int> UpAsync()
    {
        int up = 0;
        await Scratch.UntilAsync(() => _process!.Look() is { Pid: { } pid } && (up = pid) > 0
            && File.ReadAllText($"/proc/{pid}/status").Split('\n').Any(l => (l.StartsWith("SigCgt:", StringComparison.Ordinal) || l.StartsWith("SigIgn:", StringComparison.Ordinal))
                && (Convert.ToUInt64(l[7..].Trim(), 16) & (1UL << 14)) != 0), "the process is up and listens to SIGTERM");
        return up;
    }
}
