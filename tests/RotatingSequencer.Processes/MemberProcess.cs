using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace RotatingSequencer.Processes;

/// <summary>A member's process as its campaign sees it, through all its lives.</summary>
internal sealed class MemberProcess(int id, IReadOnlyList<IPEndPoint> members, string directory, bool journal)
    : IDisposable
{
    private readonly List<Acknowledgement> _acknowledged = [];
    private readonly Lock _gate = new();
    private Process? _process;
    private Task _reading = Task.CompletedTask;
    private TaskCompletionSource<string> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _killed;

    public int Id => id;

    /// <summary>How often it was started.</summary>
    public int Lives { get; private set; }

    public string History => Path.Combine(directory, "history");

    public bool HasAcknowledged
    {
        get
        {
            lock (_gate)
            {
                return _acknowledged.Count > 0;
            }
        }
    }

    /// <summary>Everything that it acknowledged as delivered, in all its lives.</summary>
    public IReadOnlyList<Acknowledgement> Acknowledged
    {
        get
        {
            lock (_gate)
            {
                return [.. _acknowledged];
            }
        }
    }

    /// <summary>Completes with the reason when the process ends although nobody killed or stopped it.</summary>
    public TaskCompletionSource<string> Died { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Start(int outstanding)
    {
        Directory.CreateDirectory(directory);
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "RotatingSequencer.Processes"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (
            var argument in new[]
            {
                "member",
                id.ToString(CultureInfo.InvariantCulture),
                Lives.ToString(CultureInfo.InvariantCulture),
                string.Join(',', members),
                directory,
                journal ? "journal" : "memory",
            }
        )
        {
            start.ArgumentList.Add(argument);
        }

        _killed = false;
        _process = Process.Start(start)!;
        _reading = ReadAsync(_process, Lives++);
        if (outstanding > 0)
        {
            Send($"load {outstanding}");
        }
    }

    /// <summary>Kills it with −9, and reads every acknowledgement that it wrote before.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process)
        {
            return;
        }

        _killed = true;
        process.Kill();
        await EndedAsync(process);
    }

    /// <summary>Stops it in order.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_process is { } process)
        {
            _killed = true;
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancellationToken);
            await EndedAsync(process);
        }
    }

    /// <summary>Sends a command and waits for the answer.</summary>
    public async Task<string> AskAsync(string command, CancellationToken cancellationToken)
    {
        _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Send(command);
        return await _answer.Task.WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        if (_process is { } process)
        {
            _killed = true;
            process.Kill();
            process.Dispose();
        }
    }

    private void Send(string command)
    {
        try
        {
            _process!.StandardInput.WriteLine(command);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // The process is gone; Died has the reason, unless it was killed.
        }
    }

    private async Task EndedAsync(Process process)
    {
        await process.WaitForExitAsync();
        await _reading;
        process.Dispose();
        _process = null;
    }

    private async Task ReadAsync(Process process, int life)
    {
        var errors = process.StandardError.ReadToEndAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            switch (line.Split(' '))
            {
                case ["ack", var counter, var number]:
                    lock (_gate)
                    {
                        _acknowledged.Add(
                            new(
                                new(id, life, int.Parse(counter, CultureInfo.InvariantCulture)),
                                long.Parse(number, CultureInfo.InvariantCulture)
                            )
                        );
                    }

                    break;
                case ["at", var position]:
                    _answer.TrySetResult(position);
                    break;
                case ["settled"]:
                    _answer.TrySetResult(line);
                    break;
            }
        }

        var reason = await errors;
        if (!_killed)
        {
            Died.TrySetResult($"member {id} ended unexpectedly in its life {life}: {reason.Trim()}");
        }
    }
}
