using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>What a cluster file may not say, and that the refusal names the place and the fix.</summary>
public sealed class ClusterFileRefusalTests
{
    [Theory]
    [InlineData(
        "\"port\": 8110",
        "\"prot\": 8110",
        "sellerServers.replicas[0].prot: unknown field; correct the name or remove it "
            + "(known here: host, port, operatorsPort, via)"
    )]
    [InlineData("\"buyerServers\"", "\"buyers\"", "buyers: unknown field")]
    [InlineData(
        "\"port\": 8111",
        "\"port\": 8110",
        "sellerServers.replicas[1].port: TCP port 127.0.0.1:8110 is already sellerServers.replicas[0].port; "
            + "give one of them another port"
    )]
    [InlineData(
        "\"peerPort\": 8160",
        "\"peerPort\": 8150",
        "products.replicas[0].peerPort: TCP port 127.0.0.1:8150 is already products.replicas[0].grpcPort"
    )]
    [InlineData(
        "\"peerPort\": 8141",
        "\"peerPort\": 8140",
        "customers.replicas[1].peerPort: UDP port 127.0.0.1:8140 is already customers.replicas[0].peerPort"
    )]
    [InlineData(
        "\"port\": 8110",
        "\"port\": 70000",
        "sellerServers.replicas[0].port: 70000 is no port; write one from 1 to 65535"
    )]
    [InlineData("\"port\": 8110", "\"port\": -1", "sellerServers.replicas[0].port: -1 is no port")]
    [InlineData(",\"port\": 8110", "", "sellerServers.replicas[0].port: missing; write a port from 1 to 65535")]
    [InlineData("\"port\": 8110", "\"port\": \"http\"", "sellerServers.replicas[0].port: must be a whole number")]
    [InlineData("\"port\": 8110", "\"port\": 8110.5", "sellerServers.replicas[0].port: must be a whole number")]
    [InlineData(
        "\"port\": 8110",
        "\"port\": 99999999999",
        "sellerServers.replicas[0].port: must be a whole number of at most 2147483647"
    )]
    [InlineData("\"port\": 8110", "\"port\": null", "sellerServers.replicas[0].port: must be a whole number")]
    [InlineData("\"port\": 8110", "\"port\": [8110]", "sellerServers.replicas[0].port: must be a whole number")]
    [InlineData(
        "\"approvalProbability\": 0.9",
        "\"approvalProbability\": \"0.9\"",
        "payments.approvalProbability: must be a number"
    )]
    [InlineData(
        "\"approvalProbability\": 0.9",
        "\"approvalProbability\": 0.9, \"https\": \"yes\"",
        "payments.https: must be true or false"
    )]
    [InlineData(
        "\"approvalProbability\": 0.9",
        "\"approvalProbability\": 0.9, \"seed\": true",
        "payments.seed: must be a whole number"
    )]
    [InlineData(
        "\"host\": \"127.0.0.1\",\"port\": 8110",
        "\"host\": 127,\"port\": 8110",
        "sellerServers.replicas[0].host: must be a text"
    )]
    [InlineData(
        "{\"host\": \"127.0.0.1\",\"port\": 8110,\"operatorsPort\": 8210}",
        "8110",
        "sellerServers.replicas[0]: must be an object"
    )]
    [InlineData("\"bodyBytes\": 65536", "\"bodyBytes\": {}", "limits.bodyBytes: must be a whole number")]
    [InlineData("\"engine\": \"raft\"", "\"engine\": 1", "products.engine: no such engine; write \"raft\"")]
    [InlineData(
        "\"https\": null,\"limits\"",
        "\"https\": { \"certificate\": 1, \"key\": \"k\" },\"limits\"",
        "https.certificate: must be a text"
    )]
    [InlineData("\"https\": null,\"limits\"", "\"https\": \"yes\",\"limits\"", "https: write \"https\"")]
    [InlineData("\"limits\": {", "\"limits\": [], \"web\": {", "limits: must be an object")]
    [InlineData("\"replicas\": [", "\"replicas\": 1, \"x\": [", "replicas: must be a list")]
    [InlineData(
        "\"engine\": \"raft\"",
        "\"engine\": \"paxos\"",
        "products.engine: no such engine; write \"raft\" or \"rotating-sequencer\""
    )]
    [InlineData("\"engine\": \"raft\",", "", "products: ")]
    [InlineData(
        "\"approvalProbability\": 0.9",
        "\"approvalProbability\": 1.5",
        "payments.approvalProbability: 1.5 is no probability; write a number from 0 to 1"
    )]
    [InlineData(
        "\"approvalProbability\": 0.9",
        "\"approvalProbability\": 0.9, \"approvalProbability\": 0.8",
        "approvalProbability"
    )]
    [InlineData(
        "{\"host\": \"127.0.0.1\",\"port\": 8110,\"operatorsPort\": 8210}",
        "null",
        "sellerServers.replicas[0]: missing; every number up to the last needs its host and ports"
    )]
    [InlineData(
        "\"host\": \"127.0.0.1\",\"port\": 8110",
        "\"host\": \"\",\"port\": 8110",
        "sellerServers.replicas[0].host: empty; write a host name or an IP address"
    )]
    [InlineData(
        "\"host\": \"127.0.0.1\",\"port\": 8110",
        "\"host\": \"0.0.0.0\",\"port\": 8110",
        "sellerServers.replicas[0].host: 0.0.0.0 means every address"
    )]
    [InlineData(
        "\"bodyBytes\": 65536",
        "\"bodyBytes\": 12",
        "limits.bodyBytes: 12 is out of bounds; write a number from 1024 to "
    )]
    [InlineData(
        "\"requestsPerSecond\": null",
        "\"requestsPerSecond\": 0",
        "limits.requestsPerSecond: 0 is out of bounds"
    )]
    [InlineData(
        "\"https\": null,\"limits\"",
        "\"https\": { \"certificate\": \"\", \"key\": \"k\" },\"limits\"",
        "https: name both the certificate and its key"
    )]
    [InlineData(
        "\"https\": null,\"limits\"",
        "\"https\": true,\"limits\"",
        "https: write \"https\": { \"certificate\""
    )]
    [InlineData("\"https\": null,\"limits\"", "\"https\": { \"certificate\": \"c\" },\"limits\"", "key")]
    [InlineData(
        "\"https\": null,\"limits\"",
        "\"https\": { \"cert\": \"c\", \"key\": \"k\" },\"limits\"",
        "https.cert: unknown field; correct the name or remove it (known here: certificate, key, authority)"
    )]
    [InlineData("\"connections\": 10000", "\"connections\": 0", "limits.connections: 0 is out of bounds")]
    [InlineData(
        "\"connectionsPerClient\": 500",
        "\"connectionsPerClient\": 0",
        "limits.connectionsPerClient: 0 is out of bounds"
    )]
    [InlineData(
        "\"host\": \"127.0.0.1\",\"port\": 8110",
        "\"host\": \"http://a\",\"port\": 8110",
        "sellerServers.replicas[0].host: \"http://a\" is no host"
    )]
    [InlineData(
        "\"host\": \"127.0.0.1\",\"port\": 8110",
        "\"host\": null,\"port\": 8110",
        "sellerServers.replicas[0].host: "
    )]
    [InlineData(
        "\"port\": 8110",
        "\"port\": 8110, \"via\": {\"port\": 0}",
        "sellerServers.replicas[0].via.port: missing; write a port from 1 to 65535"
    )]
    [InlineData(
        "\"port\": 8110",
        "\"port\": 8110, \"via\": {\"host\": \"\", \"port\": 1}",
        "sellerServers.replicas[0].via.host: empty"
    )]
    [InlineData(
        "\"port\": 8110",
        "\"port\": 8110, \"via\": {\"port\": 1, \"via\": {\"port\": 2}}",
        "sellerServers.replicas[0].via.via: a via has no via of its own; remove it"
    )]
    [InlineData(
        "\"peerPort\": 8141",
        "\"peerPort\": 8141, \"via\": {\"grpcPort\": 70000, \"peerPort\": 1}",
        "customers.replicas[1].via.grpcPort: 70000 is no port"
    )]
    [InlineData(
        "\"peerPort\": 8141",
        "\"peerPort\": 8141, \"via\": {\"grpcPort\": 1}",
        "customers.replicas[1].via.peerPort: missing"
    )]
    [InlineData(
        "\"operatorsPort\": 8231",
        "\"operatorsPort\": 8110",
        "TCP port 127.0.0.1:8110 is already sellerServers.replicas[0].port"
    )]
    [InlineData(
        "\"operatorsPort\": 8190",
        "\"operatorsPort\": 8110",
        "supervisor.operatorsPort: TCP port 127.0.0.1:8110 is already sellerServers.replicas[0].port"
    )]
    [InlineData("\"operatorsPort\": 8190", "\"operatorsPort\": 70000", "supervisor.operatorsPort: 70000 is no port")]
    public void A_wrong_file_is_refused_with_the_place_and_the_fix(string right, string wrong, string problem)
    {
        var e = Assert.Throws<ClusterFileException>(() =>
            ClusterFile.Parse(DefaultFile.Changed(right, wrong), "my.json")
        );

        Assert.Contains("my.json: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("$", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"host\": \"localhost\",\"port\": 8110}")]
    [InlineData("{\"host\": \"LOCALHOST\",\"port\": 8110}")]
    public void Another_name_of_the_same_host_does_not_hide_a_port_given_twice(string second) =>
        Assert.Contains(
            "already",
            Assert
                .Throws<ClusterFileException>(() =>
                    ClusterFile.Parse(
                        DefaultFile.Changed("{\"host\": \"127.0.0.1\",\"port\": 8111,\"operatorsPort\": 8211}", second)
                    )
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void An_even_database_group_is_refused()
    {
        var even = ClusterFile.Default with
        {
            Products = ClusterFile.Default.Products with
            {
                Replicas = [.. ClusterFile.Default.Products.Replicas.Take(4)],
            },
        };

        var e = Assert.Throws<ClusterFileException>(() => ClusterFile.Parse(even.ToJson()));

        Assert.Equal(["products.replicas: 4 replicas survive no more failures than 3; make it 3 or 5"], e.Problems);
    }

    [Fact]
    public void Every_group_but_web_must_be_there()
    {
        var e = Assert.Throws<ClusterFileException>(() => ClusterFile.Parse("{}"));

        Assert.Equal(
            ["payments", "sellerServers", "buyerServers", "customers", "products"],
            e.Problems.Select(p => p.Split('.')[0])
        );
        Assert.Empty(ClusterFile.Parse((ClusterFile.Default with { Web = new() }).ToJson()).Web.Replicas);
    }

    [Fact]
    public void The_payment_service_cannot_be_doubled() =>
        Assert.Contains(
            "payments.replicas: 2 replicas",
            Assert
                .Throws<ClusterFileException>(() =>
                    ClusterFile.Parse(
                        (
                            ClusterFile.Default with
                            {
                                Payments = new() { Replicas = [new() { Port = 1 }, new() { Port = 2 }] },
                            }
                        ).ToJson()
                    )
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        var json = DefaultFile
            .Changed("\"port\": 8110", "\"port\": 8100")
            .Replace("\"port\": 8121", "\"port\": 0", StringComparison.Ordinal);

        Assert.Equal(2, Assert.Throws<ClusterFileException>(() => ClusterFile.Parse(json)).Problems.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{ \"web\": ")]
    public void What_is_no_cluster_file_at_all_is_refused(string text) =>
        Assert.Throws<ClusterFileException>(() => ClusterFile.Parse(text));
}
