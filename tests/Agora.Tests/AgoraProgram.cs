using System.Diagnostics;
using Agora.Cluster;
using Xunit;

namespace Agora.Tests;

/// <summary>Runs the program as a shell does.</summary>
internal static class AgoraProgram
{
    // The program's own output directory, in the same configuration: the copy beside this suite has no native
    // libraries.
    public static string Path { get; } =
        System.IO.Path.GetFullPath(
            System.IO.Path.Combine(
                AppContext.BaseDirectory,
                "..",
                "..",
                "Agora",
                new DirectoryInfo(AppContext.BaseDirectory).Name,
                "agora"
            )
        );

    public static async Task<(int Code, string Output, string Error)> RunAsync(
        string program,
        params string[] arguments
    )
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove(ClusterFile.EnvironmentVariable);
        start.Environment.Remove(ClusterSecrets.EnvironmentVariable);
        using var process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        bound.CancelAfter(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(bound.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        return (process.ExitCode, await output, await error);
    }
}
