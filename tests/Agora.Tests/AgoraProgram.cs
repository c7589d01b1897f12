using System.Diagnostics;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Xunit;

namespace Agora.Tests;

/// <summary>The program itself, run as a shell runs it.</summary>
internal static class AgoraProgram
{
    // Beside this suite's output, as built in the same configuration: what lies here of it lacks its native libraries.
    public static string Path { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(
        AppContext.BaseDirectory, "..", "..", "Agora", new DirectoryInfo(AppContext.BaseDirectory).Name, "agora"));

    public static async Task<(int Code, string Output, string Error)> RunAsync(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove(ClusterFile.EnvironmentVariable);
        start.Environment.Remove(ClusterSecrets.EnvironmentVariable);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
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
