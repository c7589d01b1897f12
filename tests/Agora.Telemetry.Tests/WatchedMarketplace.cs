using System.Net.Http.Json;
using System.Reflection;
using System.Text.Json;
using Agora.Cluster;
using Agora.Telemetry.Tests;
using Agora.Testing;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(WatchedMarketplace))]
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace Agora.Telemetry.Tests;

/// <summary>
/// A small marketplace of real processes, whose every call is traced, and two receivers that are not ours: the Aspire
/// dashboard for OTLP, and Prometheus.
/// </summary>
public sealed class WatchedMarketplace : IAsyncLifetime
{
    private const string PrometheusProgram = "/usr/bin/prometheus";

    /// <summary>Debian's Prometheus is installed here, as <c>./test</c> does it.</summary>
    public static readonly bool HasPrometheus = File.Exists(PrometheusProgram);

    // Only a bug reaches this limit, even on a busy machine.
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private static readonly string s_dashboard = typeof(WatchedMarketplace)
        .Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "AspireDashboard")
        .Value!;

    private static readonly string s_agora = Path.GetFullPath(
        Path.Combine(
            AppContext.BaseDirectory,
            "..",
            "..",
            "Agora",
            new DirectoryInfo(AppContext.BaseDirectory).Name,
            "agora"
        )
    );

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-watched-").FullName;
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly int[] _ports = FreePorts.Take(4);
    private readonly List<RunningProgram> _programs = [];
    private Dictionary<string, string> _environment = [];

    /// <summary>The root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    public ClusterFile Cluster { get; } = Small();

    public string Data => Path.Combine(_directory, "data");

    private string ClusterPath => Path.Combine(_directory, "cluster.json");

    private Uri Dashboard => new($"http://127.0.0.1:{_ports[0]}");

    private Uri Prometheus => new($"http://127.0.0.1:{_ports[2]}");

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(ClusterPath, Cluster.ToJson());
        var otlp = $"http://127.0.0.1:{_ports[1]}";
        _programs.Add(
            RunningProgram.Start(
                s_dashboard,
                [],
                new Dictionary<string, string>
                {
                    ["ASPNETCORE_URLS"] = Dashboard.ToString(),
                    ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = otlp,
                    ["ASPIRE_DASHBOARD_OTLP_HTTP_ENDPOINT_URL"] = $"http://127.0.0.1:{_ports[3]}",
                    ["ASPIRE_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS"] = "true",
                    ["ASPIRE_DASHBOARD_API_ENABLED"] = "true",
                }
            )
        );
        _environment = new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = otlp,
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000",

            // So that there are lines about requests.
            ["AGORA_LOG_LEVEL"] = "Information",
        };
        await AgoraAsync(["up", "--detach", "--cluster", ClusterPath, "--json-logs"]);

        if (!HasPrometheus)
        {
            return;
        }

        var config = Path.Combine(_directory, "prometheus.yml");
        await File.WriteAllTextAsync(
            config,
            await AgoraAsync(["cluster", "prometheus", "--cluster", ClusterPath, "--interval", "1"], hasData: false)
        );
        File.Copy(Path.Combine(Root, "deploy", "prometheus", "alerts.yml"), Path.Combine(_directory, "alerts.yml"));
        _programs.Add(
            RunningProgram.Start(
                PrometheusProgram,
                [
                    $"--config.file={config}",
                    $"--storage.tsdb.path={Path.Combine(_directory, "prometheus")}",
                    $"--web.listen-address=127.0.0.1:{_ports[2]}",
                ],
                new Dictionary<string, string>()
            )
        );
    }

    public async ValueTask DisposeAsync()
    {
        await RunningProgram.RunAsync(s_agora, ["down", "--data", Data], _environment, CancellationToken.None);
        _programs.ForEach(p => p.Dispose());
        _http.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Runs the program; it must succeed. Returns what it wrote.</summary>
    public async Task<string> AgoraAsync(string[] arguments, bool hasData = true)
    {
        var (code, said) = await RunAsync([.. arguments, .. hasData ? (string[])["--data", Data] : []]);
        return code == 0 ? said : throw new InvalidOperationException($"agora {string.Join(' ', arguments)}: {said}");
    }

    /// <summary>Runs the program, whose exit code may be any.</summary>
    public async Task<(int Code, string Said)> RunAsync(params string[] arguments)
    {
        using CancellationTokenSource bound = new(s_limit);
        return await RunningProgram.RunAsync(
            s_agora,
            arguments,
            new Dictionary<string, string>(_environment)
            {
                ["AGORA_LOGIN_FILE"] = Path.Combine(_directory, "logins.json"),
            },
            bound.Token
        );
    }

    /// <summary>A client's command: it finds the servers in the cluster file.</summary>
    public Task<string> TradeAsync(params string[] arguments) =>
        AgoraAsync([.. arguments, "--cluster", ClusterPath], hasData: false);

    /// <summary>What a process said so far, a line each.</summary>
    public string[] LogOf(string process) => File.ReadAllLines(Path.Combine(Data, "logs", process + ".log"));

    /// <summary>All spans that the dashboard has, as OTLP's JSON.</summary>
    public async Task<IReadOnlyList<Span>> SpansAsync()
    {
        var answer = await _http.GetFromJsonAsync<JsonElement>(
            new Uri(Dashboard, "/api/telemetry/spans?limit=10000"),
            TestContext.Current.CancellationToken
        );
        return Span.All(answer);
    }

    /// <summary>What the dashboard knows of the processes that have sent something.</summary>
    public Task<JsonElement> ResourcesAsync() =>
        _http.GetFromJsonAsync<JsonElement>(
            new Uri(Dashboard, "/api/telemetry/resources"),
            TestContext.Current.CancellationToken
        );

    /// <summary>The result of a query at Prometheus.</summary>
    public async Task<JsonElement[]> QueryAsync(string expression)
    {
        using var response = await _http.GetAsync(
            new Uri(Prometheus, $"/api/v1/query?query={Uri.EscapeDataString(expression)}"),
            TestContext.Current.CancellationToken
        );
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.True(answer.GetProperty("status").GetString() == "success", $"{expression}: {answer}");
        return [.. answer.GetProperty("data").GetProperty("result").EnumerateArray()];
    }

    /// <summary>The alerts that Prometheus has loaded.</summary>
    public async Task<JsonElement> RulesAsync() =>
        (
            await _http.GetFromJsonAsync<JsonElement>(
                new Uri(Prometheus, "/api/v1/rules"),
                TestContext.Current.CancellationToken
            )
        ).GetProperty("data");

    /// <summary>Waits for a condition, never for a time.</summary>
    public static async Task<T> UntilAsync<T>(string what, Func<Task<T?>> condition)
        where T : class
    {
        using CancellationTokenSource bound = new(s_limit);
        string? last = null;
        while (true)
        {
            try
            {
                if (await condition() is { } result)
                {
                    return result;
                }
            }
            catch (HttpRequestException e)
            {
                // The receiver has not started yet.
                last = e.Message;
            }

            if (bound.IsCancellationRequested)
            {
                throw new TimeoutException($"still not so: {what} {last}");
            }

            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
    }

    private static ClusterFile Small()
    {
        var ports = FreePorts.Take(30);
        var next = 0;
        ServerAddress Server() => new() { Port = ports[next++], OperatorsPort = ports[next++] };
        DatabaseAddress Replica() =>
            new()
            {
                GrpcPort = ports[next++],
                PeerPort = ports[next++],
                OperatorsPort = ports[next++],
            };
        var shape = ClusterFile.Default;
        return shape with
        {
            Web = new() { Replicas = [Server()] },
            Payments = new()
            {
                Replicas = [Server()],
                Seed = 1,
                ApprovalProbability = 1,
            },
            SellerServers = new() { Replicas = [Server()] },
            BuyerServers = new() { Replicas = [Server()] },
            Customers = shape.Customers with { Replicas = [Replica(), Replica(), Replica()] },
            Products = shape.Products with { Replicas = [Replica(), Replica(), Replica()] },
            Supervisor = new() { OperatorsPort = ports[next++] },
        };
    }

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agora.slnx")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new InvalidOperationException("these tests run from a build inside the repository");
    }
}
