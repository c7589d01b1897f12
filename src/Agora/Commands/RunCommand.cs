using System.CommandLine;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary><c>agora run</c>.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        Argument<string> component = new("COMPONENT") { Description = string.Join(", ", ComponentHost.Components) };
        Argument<int> replica = new("REPLICA") { Description = "Its number, from 0" };
        Option<string> data = SharedOptions.Data();
        Option<string?> cluster = SharedOptions.Cluster();
        Option<string?> secretsOption = SharedOptions.Secrets();
        Option<bool> jsonLogs = SharedOptions.JsonLogs();
        component.AcceptOnlyFromAmong([.. ComponentHost.Components]);
        Command command = new("run", "Run one replica in the foreground: what a service manager or a container starts on each host")
        {
            component, replica, data, cluster, secretsOption, jsonLogs,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            HostLimits.RefuseTooFewOpenFiles();
            ClusterFile file = ClusterFile.Resolve(parse.GetValue(cluster));
            string name = $"{parse.GetValue(component)}/{parse.GetValue(replica)}";
            ClusterProcess process = file.Processes().FirstOrDefault(p => p.Name == name)
                ?? throw new CommandFailedException(
                    $"the cluster file has no {name}; it has {string.Join(", ", file.Processes().Where(ComponentHost.CanRun).Select(p => p.Name))}");
            RefuseInTheClear(file, [process], parse.GetValue(cluster));
            DataDirectory directory = new(parse.GetValue(data)!);
            directory.Prepare(process);
            ClusterSecrets secrets = ClusterSecrets.Find(parse.GetValue(secretsOption), parse.GetValue(cluster), directory.Root);
            if (!secrets.SufficeFor(file, process))
            {
                await Keys.EnsureAsync(secrets, directory, file, forAll: false, cancellationToken);
            }
            return await ComponentHost.RunAsync(file, process, directory, secrets, parse.GetValue(jsonLogs));
        });
        return command.WithExamples(
            "agora run products 3 --data /var/lib/agora --cluster /etc/agora/cluster.json",
            "agora run seller-server 0 --json-logs");
    }

    /// <summary>Refuses to start servers whose users' secrets would cross a network in the clear, unless the cluster file says that they may.</summary>
    internal static void RefuseInTheClear(ClusterFile file, IEnumerable<ClusterProcess> processes, string? path)
    {
        string source = path ?? Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) ?? "the cluster file";
        if (file.RefusalToStart(processes, source) is { } why)
        {
            throw new CommandFailedException(why);
        }
    }
}
