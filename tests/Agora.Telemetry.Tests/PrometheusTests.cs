using System.Text.Json;
using System.Text.RegularExpressions;
using Agora.Cluster;
using Xunit;

namespace Agora.Telemetry.Tests;

/// <summary>What Prometheus gets of every process, and what dashboard and alert rules make of it.</summary>
public sealed partial class PrometheusTests(WatchedMarketplace marketplace)
{
    // What a query needs at least two scrapes for.
    private const string RateInterval = "10s";

    [Fact]
    public async Task Every_process_and_the_supervisor_is_scraped_and_says_who_it_is()
    {
        Assert.SkipUnless(WatchedMarketplace.HasPrometheus, "prometheus is not installed");
        await WatchedMarketplace.UntilAsync(
            "every target is up",
            async () =>
                (await marketplace.QueryAsync("up == 1")).Length == marketplace.Cluster.Processes().Count + 1
                    ? ""
                    : null
        );
        var info = await marketplace.QueryAsync("target_info{service_namespace=\"agora\"}");

        Assert.Equal(
            [.. marketplace.Cluster.Processes().Select(p => p.Name).Append("supervisor/127.0.0.1").Order()],
            info.Select(i => i.GetProperty("metric"))
                .Select(m => $"{m.GetProperty("service_name")}/{m.GetProperty("service_instance_id")}")
                .Order()
        );
        Assert.All(
            info.Select(i => i.GetProperty("metric")),
            m =>
            {
                Assert.Equal(m.GetProperty("component").GetString(), m.GetProperty("service_name").GetString());
                Assert.Matches(@"^\d+\.\d+\.\d+", m.GetProperty("service_version").GetString());
            }
        );
    }

    [Fact]
    public async Task Every_query_of_the_dashboard_has_an_answer()
    {
        Assert.SkipUnless(WatchedMarketplace.HasPrometheus, "prometheus is not installed");
        await TradeAsync();
        foreach (var expression in DashboardQueries())
        {
            await WatchedMarketplace.UntilAsync(
                $"an answer to {expression}",
                async () => (await marketplace.QueryAsync(expression)) is { Length: > 0 } ? "" : null
            );
        }
    }

    [Fact]
    public async Task Every_alert_is_loaded_asks_for_metrics_that_exist_and_is_quiet_while_all_is_well()
    {
        Assert.SkipUnless(WatchedMarketplace.HasPrometheus, "prometheus is not installed");
        await TradeAsync();
        var rules = await WatchedMarketplace.UntilAsync(
            "Prometheus has the rules",
            async () =>
                (await marketplace.RulesAsync()).GetProperty("groups").EnumerateArray().ToArray() is [var group]
                    ? group.GetProperty("rules").EnumerateArray().ToArray()
                    : null
        );
        Assert.NotEmpty(rules);
        foreach (var expression in rules.Select(r => r.GetProperty("query").GetString()!))
        {
            foreach (var metric in Metric().Matches(expression).Select(m => m.Value).Distinct())
            {
                await WatchedMarketplace.UntilAsync(
                    $"the metric {metric} of {expression}",
                    async () => (await marketplace.QueryAsync(metric)) is { Length: > 0 } ? "" : null
                );
            }
        }

        // The clock of a replica that is frozen does not matter: nobody is. A slow machine may be slow.
        string[] mayFire = ["AgoraCallsSlow"];
        var firing = rules
            .Where(r => r.GetProperty("state").GetString() == "firing")
            .Select(r => r.GetProperty("name").GetString())
            .Except(mayFire);
        Assert.Empty(firing);
    }

    [Fact]
    public async Task A_killed_replica_is_what_its_alerts_ask_for()
    {
        Assert.SkipUnless(WatchedMarketplace.HasPrometheus, "prometheus is not installed");
        var rules = await WatchedMarketplace.UntilAsync(
            "Prometheus has the rules",
            async () =>
                (await marketplace.RulesAsync()).GetProperty("groups").EnumerateArray().ToArray() is [var group]
                    ? group.GetProperty("rules").EnumerateArray().ToArray()
                    : null
        );
        string Query(string alert) =>
            rules.Single(r => r.GetProperty("name").GetString() == alert).GetProperty("query").GetString()!;

        await marketplace.AgoraAsync(["kill", "customers/1"]);
        try
        {
            await WatchedMarketplace.UntilAsync(
                "the alerts' conditions hold",
                async () =>
                {
                    var down = await marketplace.QueryAsync(Query("AgoraProcessDown"));
                    var waits = await marketplace.QueryAsync(Query("AgoraCustomersWritesWait"));
                    return
                        down.Any(d =>
                            d.GetProperty("metric").GetProperty("component").GetString() == Components.Customers
                            && d.GetProperty("metric").GetProperty("replica").GetString() == "1"
                        )
                        && waits.Length == 1
                        ? ""
                        : null;
                }
            );
            var (code, said) = await marketplace.RunAsync("doctor", "--json", "--data", marketplace.Data);
            Assert.Equal(1, code);
            var findings = JsonDocument.Parse(said).RootElement.GetProperty("findings").EnumerateArray().ToArray();
            Assert.Equal("customers", findings[0].GetProperty("subject").GetString());
            Assert.Contains(
                findings,
                f => f.GetProperty("advice").GetString() == "'agora start customers/1' starts it"
            );
        }
        finally
        {
            await marketplace.AgoraAsync(["start", "customers/1"]);
        }

        await WatchedMarketplace.UntilAsync(
            "the doctor finds nothing any more",
            async () => (await marketplace.RunAsync("doctor", "--data", marketplace.Data)).Code == 0 ? "" : null
        );
    }

    [Fact]
    public async Task Metrics_are_also_sent_over_OTLP_by_every_process()
    {
        await WatchedMarketplace.UntilAsync(
            "every process has sent metrics",
            async () =>
            {
                var resources = await marketplace.ResourcesAsync();
                var withMetrics = resources
                    .EnumerateArray()
                    .Where(r => r.GetProperty("hasMetrics").GetBoolean())
                    .Select(r => $"{r.GetProperty("name")}/{r.GetProperty("instanceId")}")
                    .ToHashSet();
                return marketplace
                    .Cluster.Processes()
                    .Select(p => p.Name)
                    .Append("supervisor/127.0.0.1")
                    .All(withMetrics.Contains)
                    ? ""
                    : null;
            }
        );
    }

    [Fact]
    public void The_documented_metrics_are_those_that_the_code_has()
    {
        var code = Directory
            .EnumerateFiles(Path.Combine(WatchedMarketplace.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(file => Instrument().Matches(File.ReadAllText(file)).Select(m => m.Groups["name"].Value))
            .Select(name => name.StartsWith("replica.", StringComparison.Ordinal) ? $"agora.{name}" : name)
            .ToHashSet();
        var documented = Documented()
            .Matches(File.ReadAllText(Path.Combine(WatchedMarketplace.Root, "docs", "watching.md")))
            .Select(m => m.Groups["name"].Value)
            .ToHashSet();

        Assert.NotEmpty(code);
        Assert.Equal(code.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    private async Task TradeAsync()
    {
        await marketplace.TradeAsync("seed", "--items", "20");
        await marketplace.TradeAsync("buyer", "search", "--category", "1");
    }

    private static string[] DashboardQueries()
    {
        using var dashboard = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(WatchedMarketplace.Root, "deploy", "grafana", "agora.json"))
        );
        string[] queries =
        [
            .. dashboard
                .RootElement.GetProperty("panels")
                .EnumerateArray()
                .Where(p => p.TryGetProperty("targets", out _))
                .SelectMany(p => p.GetProperty("targets").EnumerateArray())
                .Select(t =>
                    t.GetProperty("expr")
                        .GetString()!
                        .Replace("$__rate_interval", RateInterval, StringComparison.Ordinal)
                ),
        ];
        Assert.NotEmpty(queries);
        return queries;
    }

    [GeneratedRegex(@"\b(?:agora|rotating_sequencer|dotnet)_\w+\b|\bup\b")]
    private static partial Regex Metric();

    [GeneratedRegex("""(?:Counter(?:<long>)?|CreateHistogram|Gauge)\(\s*"(?<name>(?:agora|replica)\.[a-z_.]+)",""")]
    private static partial Regex Instrument();

    [GeneratedRegex("(?m)^\\| `(?<name>agora\\.[a-z_.]+)`")]
    private static partial Regex Documented();
}
