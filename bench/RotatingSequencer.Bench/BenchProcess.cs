using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace RotatingSequencer.Bench;

/// <summary>A process of one member, or of its client; commands come as lines on its standard input.</summary>
internal sealed class BenchProcess : IDisposable
{
    private readonly Process _process;

    private BenchProcess(Process process) => _process = process;

    public static BenchProcess Start(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = true;
        return new BenchProcess(Process.Start(start)!);
    }

    public async Task<BenchReport> RunAsync(
        int outstanding,
        int payload,
        TimeSpan length,
        CancellationToken cancellationToken
    )
    {
        await _process.StandardInput.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{outstanding} {payload} {length.TotalSeconds}")
        );
        await _process.StandardInput.FlushAsync(cancellationToken);
        var line =
            await _process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException("A member ended; its error output says why.");
        return JsonSerializer.Deserialize<BenchReport>(line)!;
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5_000))
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }
}
