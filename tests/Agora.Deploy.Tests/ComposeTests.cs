using Agora.Cluster;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Agora.Deploy.Tests;

/// <summary>The compose file, beside the cluster file that its containers read.</summary>
public sealed class ComposeTests
{
    private static readonly ClusterFile s_cluster = ClusterFile.Load(
        Repository.PathOf("deploy", "compose", "cluster.json")
    );
    private static readonly Dictionary<string, object> s_file = Read();

    [Fact]
    public void Every_process_of_the_cluster_file_is_a_service_and_nothing_else_is() =>
        Assert.Equal(s_cluster.Processes().Select(p => p.Host).Order(), Map(s_file["services"]).Keys.Order());

    [Fact]
    public void Each_service_runs_its_process_with_its_own_keys_and_data_alone()
    {
        foreach (var process in s_cluster.Processes())
        {
            var service = Map(Map(s_file["services"])[process.Host]);

            Assert.Equal(
                ["run", process.Component, $"{process.Replica}", "--data", "/var/lib/agora"],
                List(service["command"])
            );
            Assert.Equal(process.Name, Map(service["environment"])["AGORA_PROCESS"]);
            Assert.Equal(
                [
                    "./cluster.json:/etc/agora/cluster.json:ro",
                    $"./secrets/{process.Host}:/etc/agora/secrets:ro",
                    $"{process.Host}:/var/lib/agora",
                ],
                List(service["volumes"])
            );
        }
    }

    [Fact]
    public void Users_reach_servers_and_pages_at_their_ports_and_nothing_else_from_outside()
    {
        foreach (var process in s_cluster.Processes())
        {
            var port = process.Endpoints[0].Port;
            var isForUsers = process.Component is Components.Web or Components.SellerServer or Components.BuyerServer;

            Assert.Equal(
                isForUsers ? [$"127.0.0.1:{port}:{port}"] : [],
                Map(Map(s_file["services"])[process.Host]).TryGetValue("ports", out var ports) ? List(ports) : []
            );
        }
    }

    [Fact]
    public void All_are_confined_and_start_again()
    {
        foreach (var service in Map(s_file["services"]).Values.Select(Map))
        {
            Assert.Equal("agora", service["image"]);
            Assert.Equal("true", service["read_only"]);
            Assert.Equal(["ALL"], List(service["cap_drop"]));
            Assert.Equal(["no-new-privileges:true"], List(service["security_opt"]));
            Assert.Equal("always", service["restart"]);
        }
    }

    [Fact]
    public void Each_has_an_address_of_its_own_that_stays()
    {
        string[] addresses =
        [
            .. Map(s_file["services"])
                .Values.Select(service => Map(Map(Map(service)["networks"])["agora"]))
                .Select(network => (string)network["ipv4_address"]),
        ];

        Assert.Equal(addresses.Length, addresses.Distinct().Count());
        Assert.All(addresses, address => Assert.StartsWith("172.30.84.", address, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_volume_is_declared() =>
        Assert.Equal(s_cluster.Processes().Select(p => p.Host).Order(), Map(s_file["volumes"]).Keys.Order());

    private static Dictionary<string, object> Read()
    {
        using var text = File.OpenText(Repository.PathOf("deploy", "compose", "compose.yaml"));
        return new DeserializerBuilder()
            .Build()
            .Deserialize<Dictionary<string, object>>(new MergingParser(new Parser(text)));
    }

    private static Dictionary<string, object> Map(object node) =>
        ((Dictionary<object, object>)node).ToDictionary(pair => (string)pair.Key, pair => pair.Value);

    private static IEnumerable<string> List(object node) => ((List<object>)node).Select(item => (string)item);
}
