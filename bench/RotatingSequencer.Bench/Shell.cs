using System.Diagnostics;

namespace RotatingSequencer.Bench;

/// <summary>Runs the system's own commands.</summary>
internal static class Shell
{
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':')
            .Append("/usr/sbin")
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);

    /// <exception cref="InvalidOperationException">The command failed; the message has its error output.</exception>
    public static void Run(string command)
    {
        using var process = Process.Start(
            new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardError = true, RedirectStandardOutput = true }
        )!;
        process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{command}: {error.Trim()}");
        }
    }
}
