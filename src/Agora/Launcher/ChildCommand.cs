using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>The command by which a supervisor starts one replica: this program, as <c>agora run</c>.</summary>
/// <param name="Data">The data directory.</param>
/// <param name="Secrets">The cluster's keys.</param>
/// <param name="ClusterFile">The cluster file; null for the built-in default.</param>
/// <param name="JsonLogs">Log as JSON.</param>
internal sealed record ChildCommand(DataDirectory Data, ClusterSecrets Secrets, string? ClusterFile, bool JsonLogs)
{
    public ProcessStartInfo For(ClusterProcess process)
    {
        // The shell only makes the process append to its log itself. So nothing that it writes depends on the
        // supervisor, not even the last words of the runtime. The shell becomes the process, so the process id is
        // right.
        ProcessStartInfo start = new(HostLimits.Shell) { UseShellExecute = false, RedirectStandardInput = true };
        foreach (
            var word in (string[])
                [
                    "-c",
                    "umask 077; exec \"$0\" \"$@\" >>\"$AGORA_LOG\" 2>&1",
                    .. Self(),
                    "run",
                    process.Component,
                    process.Replica.ToString(CultureInfo.InvariantCulture),
                    "--data",
                    Data.Root,
                ]
        )
        {
            start.ArgumentList.Add(word);
        }

        if (JsonLogs)
        {
            start.ArgumentList.Add("--json-logs");
        }

        start.Environment["AGORA_LOG"] = Data.LogOf(process);
        start.Environment[ComponentHost.SupervisedVariable] = "1";
        start.Environment[Cluster.ClusterFile.EnvironmentVariable] = ClusterFile;
        start.Environment[ClusterSecrets.EnvironmentVariable] = Secrets.Directory;
        return start;
    }

    /// <summary>The command that starts this program: its executable, or <c>dotnet</c> with its assembly.</summary>
    public static IReadOnlyList<string> Self()
    {
        var program = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? [program, Assembly.GetEntryAssembly()!.Location]
            : [program];
    }
}
