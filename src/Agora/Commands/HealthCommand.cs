using System.CommandLine;
using System.Text.Json;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Trading;

namespace Agora.Commands;

/// <summary>
/// <c>agora health</c>: asks one process whether it serves; for probes of containers and service managers.
/// </summary>
internal static class HealthCommand
{
    public static Command Create()
    {
        Argument<string> name = new("PROCESS") { Description = "COMPONENT/REPLICA, e.g. products/3" };
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secrets = SharedOptions.Secrets();
        Option<string?> host = new("--host")
        {
            Description = "Ask at this host instead of the cluster file's: of several behind one name, the one here",
            HelpName = "HOST",
        };
        Option<bool> live = new("--live")
        {
            Description = "Ask only whether it answers, not whether it serves: what it waits for may be elsewhere",
        };
        Option<bool> json = new("--json") { Description = "Print JSON" };
        Command command = new(
            "health",
            "Ask one process whether it serves, over the network. The exit status is 0 when it does and 1 when it does "
                + "not; for probes of containers and service managers"
        )
        {
            name,
            data,
            cluster,
            secrets,
            host,
            live,
            json,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                DataDirectory directory = new(parse.GetValue(data)!);
                var file = Resolve(parse.GetValue(cluster), directory);
                var process = At(parse.GetValue(host), Find(file, parse.GetValue(name)!));
                var keys = ClusterSecrets.Find(parse.GetValue(secrets), parse.GetValue(cluster), directory.Root);
                using var identity = CommandSecrets.LoadForHealth(keys, process, file);
                using ClusterProbe probe = new(identity);
                var health = await probe.HealthAsync(process, parse.GetValue(live), cancellationToken);
                if (health.Reason is not null && identity is null && AsksForKey(process))
                {
                    health = health with { Reason = $"{health.Reason}; {CommandSecrets.NoOperatorMessage(keys)}" };
                }

                var serves = parse.GetValue(live) ? "answers" : "serves";
                Console.WriteLine(
                    parse.GetValue(json) ? JsonSerializer.Serialize(health, HealthJson.Default.ProcessHealth)
                    : health.Healthy ? $"{health.Name} {serves}"
                    : Printable.Of($"{health.Name} does not serve: {health.Reason}")
                );
                return health.Healthy ? ExitStatus.Done : ExitStatus.Refused;
            }
        );
        return command.WithExamples(
            "agora health customers/0",
            "agora health buyer-server/1 --cluster /etc/agora/cluster.json --json",
            "agora health products/2 --live",
            "agora health web/0 --host 127.0.0.1"
        );
    }

    // As 'agora status': the processes of a data directory are those that were last started from it.
    private static ClusterFile Resolve(string? path, DataDirectory directory) =>
        path is null
        && Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is not { Length: > 0 }
        && File.Exists(directory.ClusterFile)
            ? ClusterFile.Load(directory.ClusterFile)
            : ClusterFile.Resolve(path);

    // Servers and pages answer everybody.
    private static bool AsksForKey(ClusterProcess process) =>
        process.Component is Components.Customers or Components.Products
        || (process.Component == Components.Payments && process.Endpoints[0].Name == "https");

    private static ClusterProcess At(string? host, ClusterProcess process) =>
        host is null
            ? process
            : process with
            {
                Endpoints = [.. process.Endpoints.Select(endpoint => endpoint with { Host = host })],
            };

    private static ClusterProcess Find(ClusterFile file, string name) =>
        file.Processes().FirstOrDefault(p => p.Name == name && ComponentHost.CanRun(p))
        ?? throw new CommandFailedException(
            $"the cluster file has no {name}; it has "
                + string.Join(", ", file.Processes().Where(ComponentHost.CanRun).Select(p => p.Name))
        );
}
