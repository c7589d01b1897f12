using System.Globalization;
using System.Text;
using Agora.Cluster;

namespace Agora.Telemetry;

/// <summary>
/// What <c>agora cluster prometheus</c> prints: how Prometheus scrapes every process of a cluster file.
/// </summary>
/// <remarks>
/// Every series gets the labels <c>component</c> and <c>replica</c>, by which the dashboard and the alert rules tell
/// processes apart. A process on a loopback address is scraped in the clear, any other with the certificate for
/// metrics.
/// </remarks>
internal static class PrometheusConfig
{
    /// <param name="cluster">The cluster.</param>
    /// <param name="secrets">The directory with <c>authority.crt</c> and <c>metrics.*</c> on Prometheus's
    /// machine.</param>
    /// <param name="seconds">Time between two scrapes.</param>
    public static string Of(ClusterFile cluster, string secrets, int seconds)
    {
        var processes = cluster.Processes();
        (ClusterEndpoint Endpoint, string Component, string Replica)[] targets =
        [
            .. processes
                .Where(p => p.Operators is not null)
                .Select(p => (p.Operators!, p.Component, p.Replica.ToString(CultureInfo.InvariantCulture))),
            .. processes
                .Select(p => p.Host)
                .Distinct()
                .Select(host =>
                    (
                        ClusterEndpoint.OfOperators(host, cluster.Supervisor.OperatorsPort)!,
                        ProcessTelemetry.Supervisor,
                        host
                    )
                )
                .Where(t => t.Item1 is not null),
        ];
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture,
            $"""
            # Made by 'agora cluster prometheus'. Beside it belongs alerts.yml, from deploy/prometheus.
            global:
              scrape_interval: {seconds}s
              evaluation_interval: {seconds}s
            rule_files:
              - alerts.yml
            scrape_configs:

            """
        );
        Job(text, "agora", [.. targets.Where(t => !Loopback.Is(t.Endpoint.Host))], secrets);
        Job(text, "agora-loopback", [.. targets.Where(t => Loopback.Is(t.Endpoint.Host))], secrets: null);
        return text.ToString();
    }

    private static void Job(
        StringBuilder text,
        string name,
        (ClusterEndpoint Endpoint, string Component, string Replica)[] targets,
        string? secrets
    )
    {
        if (targets.Length == 0)
        {
            return;
        }

        text.Append("  - job_name: ").Append(name).Append('\n');
        if (secrets is not null)
        {
            text.Append(
                $"""
                    scheme: https
                    tls_config:
                      ca_file: {Path.Combine(secrets, "authority.crt")}
                      cert_file: {Path.Combine(secrets, ClusterSecrets.Metrics + ".crt")}
                      key_file: {Path.Combine(secrets, ClusterSecrets.Metrics + ".key")}

                """
            );
        }

        text.Append("    static_configs:\n");
        foreach (var (endpoint, component, replica) in targets)
        {
            text.Append(
                $$"""
                      - targets: ["{{endpoint.Address}}"]
                        labels: {component: "{{component}}", replica: "{{replica}}"}

                """
            );
        }
    }
}
