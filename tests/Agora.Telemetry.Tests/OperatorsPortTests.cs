using System.Net;
using Agora.Cluster;
using Agora.Testing;
using Xunit;

namespace Agora.Telemetry.Tests;

/// <summary>Who gets an answer at an operators' port, with a client that is not ours.</summary>
public sealed class OperatorsPortTests : IDisposable
{
    private const string Curl = "/usr/bin/curl";

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-test-").FullName;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Off_loopback_only_certificates_of_the_cluster_are_answered()
    {
        Assert.SkipUnless(File.Exists(Curl), "curl is not installed");

        // A name that means this machine, and is none of the loopback interface's.
        var host = Dns.GetHostName();
        var endpoint = ClusterEndpoint.OfOperators(host, FreePorts.Take())!;
        var secrets = await MakeAsync("own", host);
        var other = await MakeAsync("other", host);
        using var identity = secrets.Of(Products(host), DateTimeOffset.UtcNow);
        using ProcessTelemetry telemetry = new("products", "0");
        await using var port = await OperatorsListener.StartAsync(endpoint, identity, telemetry, () => null);

        foreach (var caller in (string[])["metrics", "operator", "buyer-server-0", "web-0"])
        {
            var (code, said) = await AskAsync(endpoint, secrets, caller);
            Assert.True(code == 0, $"{caller}: {said}");
            Assert.Contains("service_name=\"products\"", said, StringComparison.Ordinal);
        }

        Assert.NotEqual(0, (await AskAsync(endpoint, secrets, caller: null)).Code);
        Assert.NotEqual(0, (await AskAsync(endpoint, other, "metrics", authority: secrets)).Code);
        Assert.NotEqual(0, (await CurlAsync($"http://{endpoint.Address}/metrics")).Code);
    }

    [Fact]
    public async Task On_loopback_it_speaks_in_the_clear_and_says_whether_the_process_serves()
    {
        var endpoint = ClusterEndpoint.OfOperators("127.0.0.1", FreePorts.Take())!;
        using ProcessTelemetry telemetry = new("products", "0");
        string? why = null;
        await using var port = await OperatorsListener.StartAsync(endpoint, identity: null, telemetry, () => why);
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });

        async Task<HttpStatusCode> AskAsync(string path) =>
            (await http.GetAsync(new Uri($"http://{endpoint.Address}{path}"), CancellationToken)).StatusCode;
        using (var live = await http.GetAsync(new Uri($"http://{endpoint.Address}/health/live"), CancellationToken))
        {
            Assert.Equal(HttpStatusCode.OK, live.StatusCode);
            Assert.Equal([ProgramBuild.Current], live.Headers.GetValues(ProgramBuild.Header));
        }

        Assert.Equal(HttpStatusCode.OK, await AskAsync("/health/ready"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync("/metrics"));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync("/"));
        why = "it waits for the others";
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await AskAsync("/health/ready"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync("/health/live"));
    }

    [Fact]
    public void The_configuration_for_Prometheus_names_every_port_with_its_process()
    {
        var config = PrometheusConfig.Of(ClusterFile.Default, "/etc/agora", 15);
        Assert.Equal(21, config.Split("targets:").Length - 1);
        Assert.Contains(
            """
                  - targets: ["127.0.0.1:8253"]
                    labels: {component: "products", replica: "3"}
            """,
            config,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("https", config, StringComparison.Ordinal);

        var spread = PrometheusConfig.Of(
            ClusterFile.Default.WithAddresses((_, _, a) => a, (_, i, a) => a with { Host = $"10.0.0.{i + 1}" }),
            "/etc/agora",
            15
        );
        Assert.Contains("cert_file: /etc/agora/metrics.crt", spread, StringComparison.Ordinal);
        Assert.Contains("[\"10.0.0.4:8253\"]", spread, StringComparison.Ordinal);
        Assert.Contains("{component: \"supervisor\", replica: \"10.0.0.4\"}", spread, StringComparison.Ordinal);
    }

    private static ClusterProcess Products(string host) =>
        On(host).Processes().First(p => p.Component == Components.Products);

    private static ClusterFile On(string host) =>
        ClusterFile.Unreplicated.WithAddresses(
            (_, _, a) => a with { Host = host },
            (_, _, a) => a with { Host = host }
        );

    private async Task<ClusterSecrets> MakeAsync(string name, string host)
    {
        ClusterSecrets secrets = new(Path.Combine(_directory, name));
        await secrets.MakeAsync(On(host), DateTimeOffset.UtcNow, renew: false, CancellationToken);
        return secrets;
    }

    private static Task<(int Code, string Said)> AskAsync(
        ClusterEndpoint endpoint,
        ClusterSecrets secrets,
        string? caller,
        ClusterSecrets? authority = null
    ) =>
        CurlAsync([
            "--cacert",
            (authority ?? secrets).Authority,
            .. caller is null
                ? (string[])[]
                :
                [
                    "--cert",
                    Path.Combine(secrets.Directory, caller + ".crt"),
                    "--key",
                    Path.Combine(secrets.Directory, caller + ".key"),
                ],
            $"https://{endpoint.Address}/metrics",
        ]);

    private static Task<(int Code, string Said)> CurlAsync(params string[] arguments) =>
        RunningProgram.RunAsync(
            Curl,
            ["--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "20", .. arguments],
            new Dictionary<string, string>(),
            CancellationToken
        );
}
