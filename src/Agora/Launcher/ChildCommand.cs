using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;

namespace Agora.Launcher;

/// <summary>How a supervisor starts one replica: this same program, as <c>agora run</c>.</summary>
/// <param name="Data">The data directory.</param>
/// <param name="Secrets">The cluster's keys.</param>
/// <param name="ClusterFile">The cluster file; null for the built-in default.</param>
/// <param name="JsonLogs">Log as JSON.</param>
internal sealed record ChildCommand(DataDirectory Data, ClusterSecrets Secrets, string? ClusterFile, bool JsonLogs)
{
    public ProcessStartInfo For(ClusterProcess process)
    {
        // A shell only to let the process append to its log itself: then nothing that it writes, last words of the runtime included, depends on
        // the supervisor. The shell becomes the process, so the id is right.
        ProcessStartInfo start = new(HostLimits.Shell) { UseShellExecute = false, RedirectStandardInput = true };
        foreach (string word in (string[])
            ["-c", "umask 077; exec \"$0\" \"$@\" >>\"$AGORA_LOG\" 2>&1", .. Self(),
             "run", process.Component, process.Replica.ToString(CultureInfo.InvariantCulture), "--data", Data.Root])
        {
            start.ArgumentList.Add(word);
        }
        if (JsonLogs)
        {
            start.ArgumentList.Add("--json-logs");
        }
        start.Environment["AGORA_LOG"] = Data.LogOf(process);
        start.Environment[ComponentHost.SupervisedVariable] = "1";
        start.Environment[Contracts.Cluster.ClusterFile.EnvironmentVariable] = ClusterFile;
        start.Environment[ClusterSecrets.EnvironmentVariable] = Secrets.Directory;
        return start;
    }

    /// <summary>The command of this program itself: its own executable, or <c>dotnet</c> with its assembly.</summary>
    public static IReadOnlyList<string> Self()
    {
        string program = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, Assembly.GetEntryAssembly()!.Location] : [program];
    }
}
