using System.Diagnostics;

namespace Agora.Telemetry.Tests;

/// <summary>A program that a test starts, and that ends with it.</summary>
internal sealed class RunningProgram : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _said = [];

    private RunningProgram(Process process) => _process = process;

    public static RunningProgram Start(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string> environment
    )
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(program)!,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        RunningProgram running = new(new Process { StartInfo = start });
        running._process.OutputDataReceived += (_, line) => running.Note(line.Data);
        running._process.ErrorDataReceived += (_, line) => running.Note(line.Data);
        running._process.Start();
        running._process.BeginOutputReadLine();
        running._process.BeginErrorReadLine();
        return running;
    }

    /// <summary>Runs a program to its end; returns its exit code and what it wrote.</summary>
    public static async Task<(int Code, string Said)> RunAsync(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        CancellationToken cancellationToken
    )
    {
        using var running = Start(program, arguments, environment);
        await running._process.WaitForExitAsync(cancellationToken);
        return (running._process.ExitCode, running.Said);
    }

    public bool HasEnded => _process.HasExited;

    public string Said
    {
        get
        {
            lock (_said)
            {
                return string.Join('\n', _said);
            }
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Note(string? line)
    {
        if (line is not null)
        {
            lock (_said)
            {
                _said.Add(line);
            }
        }
    }
}
