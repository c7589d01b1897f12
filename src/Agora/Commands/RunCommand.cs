using System.CommandLine;
using Agora.Contracts.Cluster;
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
        Option<bool> jsonLogs = SharedOptions.JsonLogs();
        component.AcceptOnlyFromAmong([.. ComponentHost.Components]);
        Command command = new("run", "Run one replica in the foreground: what a service manager or a container starts on each host")
        {
            component, replica, data, cluster, jsonLogs,
        };
        command.SetAction((parse, _) =>
        {
            ClusterFile file = ClusterFile.Resolve(parse.GetValue(cluster));
            string name = $"{parse.GetValue(component)}/{parse.GetValue(replica)}";
            ClusterProcess process = file.Processes().FirstOrDefault(p => p.Name == name)
                ?? throw new CommandFailedException(
                    $"the cluster file has no {name}; it has {string.Join(", ", file.Processes().Where(ComponentHost.CanRun).Select(p => p.Name))}");
            return ComponentHost.RunAsync(file, process, new DataDirectory(parse.GetValue(data)!), parse.GetValue(jsonLogs));
        });
        return command.WithExamples(
            "agora run products 3 --data /var/lib/agora --cluster /etc/agora/cluster.json",
            "agora run seller-server 0 --json-logs");
    }
}
