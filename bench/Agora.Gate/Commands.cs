using System.Diagnostics;
using System.Text;

namespace Agora.Gate;

/// <summary>Runs programs of this repository and reads what they print.</summary>
internal static class Commands
{
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(5);

    /// <summary>Where <c>Agora.slnx</c> is.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Runs <c>./agora</c>.</summary>
    public static Task<string> AgoraAsync(params string[] arguments) =>
        RunAsync(Path.Combine(Root, "agora"), arguments);

    /// <summary>Runs a benchmark that has been built, and returns the rows of the table that it prints.</summary>
    /// <returns>The cells of each row.</returns>
    public static async Task<string[][]> TableAsync(string benchmark, params string[] arguments)
    {
        var output = await RunAsync(Path.Combine(Root, "artifacts", "bin", benchmark, "release", benchmark), arguments);
        return
        [
            .. output
                .Split('\n')
                .Where(line => line.StartsWith('|') && !line.StartsWith("|---", StringComparison.Ordinal))
                .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1]),
        ];
    }

    private static async Task<string> RunAsync(string program, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        StringBuilder output = new();
        process.OutputDataReceived += (_, line) => output.Append(line.Data).Append('\n');
        process.BeginOutputReadLine();
        using CancellationTokenSource deadline = new(s_longest);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end", e);
        }

        return process.ExitCode == 0
            ? output.ToString()
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}"
            );
    }

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agora.slnx")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new InvalidOperationException("the gate runs from a build inside the repository");
    }
}
