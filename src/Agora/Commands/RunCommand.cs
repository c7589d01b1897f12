using System.CommandLine;
using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary><c>agora run</c>.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        Argument<string> component = new("COMPONENT") { Description = string.Join(", ", ComponentHost.Runnable) };
        Argument<int> replica = new("REPLICA") { Description = "The replica's number, from 0" };
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secretsOption = SharedOptions.Secrets();
        var jsonLogs = SharedOptions.JsonLogs();
        component.AcceptOnlyFromAmong([.. ComponentHost.Runnable]);
        Command command = new("run", "Run one replica in the foreground; for service managers and containers")
        {
            component,
            replica,
            data,
            cluster,
            secretsOption,
            jsonLogs,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                HostLimits.RefuseTooFewOpenFiles();
                var file = ClusterFile.Resolve(parse.GetValue(cluster));
                var name = $"{parse.GetValue(component)}/{parse.GetValue(replica)}";
                var process =
                    file.Processes().FirstOrDefault(p => p.Name == name)
                    ?? throw new CommandFailedException(
                        $"the cluster file has no {name}; it has "
                            + string.Join(", ", file.Processes().Where(ComponentHost.CanRun).Select(p => p.Name))
                    );
                RefusePlainHttp(file, [process], parse.GetValue(cluster));
                DataDirectory directory = new(parse.GetValue(data)!);
                directory.Prepare(process);
                var secrets = ClusterSecrets.Find(
                    parse.GetValue(secretsOption),
                    parse.GetValue(cluster),
                    directory.Root
                );
                if (!secrets.SufficeFor(file, process))
                {
                    await CommandSecrets.EnsureAsync(secrets, directory, file, forAll: false, cancellationToken);
                }

                return await ComponentHost.RunAsync(file, process, directory, secrets, parse.GetValue(jsonLogs));
            }
        );
        return command.WithExamples(
            "agora run products 3 --data /var/lib/agora --cluster /etc/agora/cluster.json",
            "agora run seller-server 0 --json-logs"
        );
    }

    /// <summary>
    /// Refuses to start servers that would take their users' secrets over plain HTTP, unless the cluster file allows
    /// it.
    /// </summary>
    internal static void RefusePlainHttp(ClusterFile file, IEnumerable<ClusterProcess> processes, string? path)
    {
        var source = path ?? Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) ?? "the cluster file";
        if (file.RefusalToStart(processes, source) is { } why)
        {
            throw new CommandFailedException(why);
        }
    }
}
