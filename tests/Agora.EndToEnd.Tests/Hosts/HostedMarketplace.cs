using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Client;
using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.EndToEnd.Tests.Hosts;

/// <summary>A marketplace on separate hosts, seen from the operator's machine.</summary>
/// <param name="hosts">The hosts.</param>
/// <param name="directory">Where the operator has its cluster file and keys.</param>
internal sealed class HostedMarketplace(SeparateHosts hosts, string directory) : ITradedMarketplace
{
    // Under trade a replica is always a few commands behind.
    private const int MaxLag = 1000;

    // Longer than a host is away in this test: a write of customers waits for it.
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(4);

    /// <inheritdoc/>
    public ClusterFile Cluster => ClusterFile.Load(Path);

    /// <inheritdoc/>
    public ClusterFile Clients => Cluster;

    /// <inheritdoc/>
    public TradeLedger Ledger { get; } = new();

    /// <inheritdoc/>
    public ReplicaOptions CallOptions =>
        new() { Deadline = s_deadline, Authority = System.IO.Path.Combine(Place, "shop.pem") };

    private string Place => System.IO.Path.Combine(hosts.OperatorDirectory, directory);

    private string Path => System.IO.Path.Combine(Place, "cluster.json");

    /// <summary>
    /// Makes the certificate that users see. It has signed itself, so the clients are told to trust it; and as all
    /// traders come from one address, its rate is not limited.
    /// </summary>
    public async Task SuitTradersAsync(IEnumerable<string> addresses)
    {
        await hosts.RunAsync(
            SeparateHosts.Operator,
            $"""
            cd {directory}
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=shop \
                -addext subjectAltName={string.Join(',', addresses.Select(a => $"IP:{a}"))} \
                -keyout shop.key -out shop.pem 2>/dev/null
            """
        );
        var file = JsonNode.Parse(await File.ReadAllTextAsync(Path))!;
        file["https"]!["authority"] = "shop.pem";
        var limits = file["limits"]!.AsObject();
        limits.Remove("requestsPerSecond");
        limits.Remove("requestBurst");
        limits.Remove("loginsPerMinute");
        await File.WriteAllTextAsync(Path, file.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    /// <summary>Waits until every process runs and every function is served.</summary>
    public Task<ClusterStatus> AllRunningAsync() =>
        UntilAsync(
            "every process runs and every function is served",
            status => status.NotReadyReason is null && status.Processes.All(Serves),
            brief: false
        );

    /// <summary>Waits until a process of a host runs, and until a replica takes part and has caught up.</summary>
    public Task<ClusterStatus> ServesAsync(string process) =>
        UntilAsync($"{process} serves", status => Serves(status.Processes.Single(p => p.Name == process)));

    /// <summary>Waits for what the status shows.</summary>
    public async Task<ClusterStatus> UntilAsync(string what, Func<ClusterStatus, bool> condition, bool brief = true)
    {
        using var identity = ClusterSecrets.BesideFile(Path).OfOperator(DateTimeOffset.UtcNow)!;
        using ClusterProbe probe = new(identity);
        var processes = Cluster.Processes();
        return await RunningMarketplace.UntilAsync(
            what,
            async () =>
            {
                var status = await probe.StatusAsync(
                    processes,
                    _ => null,
                    brief,
                    TestContext.Current.CancellationToken
                );
                return condition(status) ? status : null;
            }
        );
    }

    private static bool Serves(ProcessStatus process) =>
        process.State == ProcessState.Running && process.Database?.Ready != false && (process.Lag ?? 0) < MaxLag;

    /// <summary>Checks that all replicas hold the same.</summary>
    public async Task ReplicasAgreeAsync()
    {
        var cluster = Cluster;
        using var identity = ClusterSecrets.BesideFile(Path).OfOperator(DateTimeOffset.UtcNow)!;
        await ReplicaDigests.AgreeAsync(
            cluster,
            (component, replica) =>
                ReplicaChannel.Open(
                    (component == Components.Customers ? cluster.Customers : cluster.Products).Replicas[replica],
                    identity.ClientOptions(component, replica),
                    (_, _) => { }
                )
        );
    }
}
