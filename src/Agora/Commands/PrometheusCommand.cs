using System.CommandLine;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Telemetry;

namespace Agora.Commands;

/// <summary><c>agora cluster prometheus</c>.</summary>
internal static class PrometheusCommand
{
    private const int MaxSeconds = 3600;

    public static Command Create()
    {
        var cluster = SharedOptions.Cluster();
        Option<string> secrets = new("--secrets")
        {
            Description = "The directory on Prometheus's machine that holds authority.crt, metrics.crt and metrics.key",
            HelpName = "DIR",
            DefaultValueFactory = _ => "/etc/prometheus/agora",
        };
        Option<int> interval = new("--interval")
        {
            Description = "Seconds between two scrapes",
            HelpName = "N",
            DefaultValueFactory = _ => 15,
        };
        interval.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MaxSeconds)
            {
                result.AddError($"--interval takes a number from 1 to {MaxSeconds}.");
            }
        });
        Command command = new("prometheus", "Print a configuration with which Prometheus scrapes every process")
        {
            cluster,
            secrets,
            interval,
        };
        command.SetAction(parse =>
        {
            var file = ClusterFile.Resolve(parse.GetValue(cluster));
            if (file.Processes().All(p => p.Operators is null))
            {
                throw new CommandFailedException(
                    "no process of the cluster file answers operators; give each an \"operatorsPort\""
                );
            }

            Console.Write(PrometheusConfig.Of(file, parse.GetValue(secrets)!, parse.GetValue(interval)));
            return ExitStatus.Done;
        });
        return command.WithExamples("agora cluster prometheus --cluster /etc/agora/cluster.json >prometheus.yml");
    }
}
