using Xunit;

namespace Agora.Cluster.Tests;

public sealed class ClusterFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_default_is_the_documented_table()
    {
        var processes = ClusterFile.Default.Processes();

        Assert.Equal(
            [
                "web/0 http 8080 operators 8180",
                "payments/0 http 8100 operators 8200",
                "seller-server/0 http 8110 operators 8210",
                "seller-server/1 http 8111 operators 8211",
                "seller-server/2 http 8112 operators 8212",
                "seller-server/3 http 8113 operators 8213",
                "buyer-server/0 http 8120 operators 8220",
                "buyer-server/1 http 8121 operators 8221",
                "buyer-server/2 http 8122 operators 8222",
                "buyer-server/3 http 8123 operators 8223",
                "customers/0 grpc 8130 udp 8140 operators 8230",
                "customers/1 grpc 8131 udp 8141 operators 8231",
                "customers/2 grpc 8132 udp 8142 operators 8232",
                "customers/3 grpc 8133 udp 8143 operators 8233",
                "customers/4 grpc 8134 udp 8144 operators 8234",
                "products/0 grpc 8150 raft 8160 operators 8250",
                "products/1 grpc 8151 raft 8161 operators 8251",
                "products/2 grpc 8152 raft 8162 operators 8252",
                "products/3 grpc 8153 raft 8163 operators 8253",
                "products/4 grpc 8154 raft 8164 operators 8254",
            ],
            processes.Select(p => $"{p.Name} {string.Join(' ', p.Listening.Select(e => $"{e.Name} {e.Port}"))}")
        );
        Assert.Equal(8190, ClusterFile.Default.Supervisor.OperatorsPort);
        Assert.All(processes, p => Assert.Equal("127.0.0.1", p.Host));
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        HttpsSettings https = new()
        {
            Certificate = "shop.pem",
            Key = "shop.key",
            Authority = "ca.pem",
        };
        foreach (
            var file in new[]
            {
                ClusterFile.Default,
                ClusterFile.Unreplicated,
                ClusterFile.Default with
                {
                    Https = https,
                },
                ClusterFile.Default with
                {
                    PlainHttp = true,
                },
            }
        )
        {
            var json = file.ToJson();
            Assert.Equal(json, ClusterFile.Parse(json).ToJson());
            Assert.Equivalent(file, ClusterFile.Parse(json));
        }
    }

    [Fact]
    public void A_replica_may_be_reached_elsewhere_than_where_it_listens()
    {
        var file = ClusterFile.Parse(
            Changed("\"peerPort\": 8141", "\"peerPort\": 8141, \"via\": {\"grpcPort\": 1, \"peerPort\": 2}")
        );

        Assert.Equal((1, 2), (file.Customers.Replicas[1].Dial().GrpcPort, file.Customers.Replicas[1].Dial().PeerPort));
        Assert.Equal(8140, file.Customers.Replicas[0].Dial().PeerPort);
        Assert.Equal(
            ["grpc 127.0.0.1:8131", "udp 127.0.0.1:8141"],
            file.Processes().Single(p => p.Name == "customers/1").Endpoints.Select(e => $"{e.Name} {e.Address}")
        );
        Assert.Equal(file.ToJson(), ClusterFile.Parse(file.ToJson()).ToJson());
    }

    [Fact]
    public void Operators_ports_may_be_left_out_and_must_differ_from_all_others()
    {
        var without = ClusterFile.Parse(ClusterFile.Default.WithoutOperatorsPorts().ToJson());
        Assert.All(without.Processes(), p => Assert.Null(p.Operators));
        Assert.Null(without.Supervisor.OperatorsPort);

        var taken = Assert.Throws<ClusterFileException>(() =>
            ClusterFile.Parse(Changed("\"operatorsPort\": 8231", "\"operatorsPort\": 8110"))
        );
        Assert.Contains("sellerServers.replicas[0].port", taken.Message, StringComparison.Ordinal);
        Assert.Contains(
            "supervisor.operatorsPort: TCP port 127.0.0.1:8110 is already sellerServers.replicas[0].port",
            Assert
                .Throws<ClusterFileException>(() =>
                    ClusterFile.Parse(Changed("\"operatorsPort\": 8190", "\"operatorsPort\": 8110"))
                )
                .Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "supervisor.operatorsPort: 70000 is no port",
            Assert
                .Throws<ClusterFileException>(() =>
                    ClusterFile.Parse(Changed("\"operatorsPort\": 8190", "\"operatorsPort\": 70000"))
                )
                .Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Names_are_camel_case_and_engines_are_words()
    {
        var json = ClusterFile.Default.ToJson();

        Assert.Contains("\"sellerServers\"", json, StringComparison.Ordinal);
        Assert.Contains("\"engine\": \"raft\"", json, StringComparison.Ordinal);
        Assert.Contains("\"engine\": \"rotating-sequencer\"", json, StringComparison.Ordinal);
        Assert.Contains("\"grpcPort\": 8130", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Https_is_a_certificate_or_false_or_nothing()
    {
        Assert.Equal((null, false), Https("null"));
        Assert.Equal((null, true), Https("false"));
        Assert.Equal(("shop.pem", false), Https("""{ "certificate": "shop.pem", "key": "shop.key" }"""));

        static (string?, bool) Https(string text)
        {
            var file = ClusterFile.Parse(Changed("\"https\": null,\"limits\"", $"\"https\": {text},\"limits\""));
            return (file.Https?.Certificate, file.PlainHttp);
        }
    }

    [Theory]
    [InlineData("10.0.0.7")]
    [InlineData("shop-1")]
    [InlineData("localhost.localdomain")]
    [InlineData("fd00::7")]
    public void Servers_that_a_network_reaches_do_not_start_in_the_clear_unless_the_file_says_so(string host)
    {
        var file = ClusterFile.Default with
        {
            BuyerServers = new() { Replicas = [new() { Host = host, Port = 8120 }, new() { Port = 8121 }] },
        };

        var why = file.RefusalToStart(file.Processes(), "my.json")!;

        foreach (
            var part in new[]
            {
                "my.json: https: ",
                "buyer-server/0 at ",
                host,
                "\"https\": { \"certificate\"",
                "\"https\": false",
            }
        )
        {
            Assert.Contains(part, why, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("buyer-server/1", why, StringComparison.Ordinal);
        Assert.DoesNotContain("customers", why, StringComparison.Ordinal);
        Assert.Null(file.RefusalToStart(file.Processes().Where(p => p.Component == Components.Products), "my.json"));
        Assert.Null((file with { PlainHttp = true }).RefusalToStart(file.Processes(), "my.json"));
        Assert.Null(
            (
                file with
                {
                    Https = new() { Certificate = "c", Key = "k" },
                }
            ).RefusalToStart(file.Processes(), "my.json")
        );
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.8.9.10")]
    [InlineData("::1")]
    [InlineData("localhost")]
    [InlineData("LocalHost")]
    public void Servers_that_only_this_machine_reaches_start_in_the_clear(string host)
    {
        var file = ClusterFile.Default with
        {
            SellerServers = new() { Replicas = [new() { Host = host, Port = 8110 }] },
        };

        Assert.Null(file.RefusalToStart(file.Processes(), "my.json"));
    }

    [Fact]
    public void Comments_and_trailing_commas_are_allowed() =>
        Assert.Equal(
            0.5,
            ClusterFile
                .Parse(Changed("\"approvalProbability\": 0.9", "/* half */ \"approvalProbability\": 0.5 // of them\n"))
                .Payments.ApprovalProbability
        );

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
    public void A_wrong_file_is_refused_with_the_place_and_the_fix(string right, string wrong, string problem)
    {
        var e = Assert.Throws<ClusterFileException>(() => ClusterFile.Parse(Changed(right, wrong), "my.json"));

        Assert.Contains("my.json: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("$", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_number_may_be_a_TCP_and_a_UDP_port() =>
        Assert.Equal(
            8130,
            ClusterFile.Parse(Changed("\"peerPort\": 8140", "\"peerPort\": 8130")).Customers.Replicas[0].PeerPort
        );

    [Fact]
    public void The_same_port_on_another_host_is_another_port() =>
        Assert.Equal(
            "shop-2",
            ClusterFile
                .Parse(Changed("\"host\": \"127.0.0.1\",\"port\": 8111", "\"host\": \"shop-2\",\"port\": 8110"))
                .SellerServers.Replicas[1]
                .Host
        );

    [Theory]
    [InlineData("{\"host\": \"localhost\",\"port\": 8110}")]
    [InlineData("{\"host\": \"LOCALHOST\",\"port\": 8110}")]
    public void Another_name_of_the_same_host_does_not_hide_a_port_given_twice(string second) =>
        Assert.Contains(
            "already",
            Assert
                .Throws<ClusterFileException>(() =>
                    ClusterFile.Parse(
                        Changed("{\"host\": \"127.0.0.1\",\"port\": 8111,\"operatorsPort\": 8211}", second)
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
        var json = Changed("\"port\": 8110", "\"port\": 8100")
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

    [Fact]
    public void The_command_line_goes_before_the_environment_and_that_before_the_default()
    {
        string first = Path.Combine(_directory, "first.json"),
            second = Path.Combine(_directory, "second.json");
        File.WriteAllText(first, Changed("\"port\": 8110", "\"port\": 9001"));
        File.WriteAllText(second, Changed("\"port\": 8110", "\"port\": 9002"));
        var before = Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable);
        try
        {
            Environment.SetEnvironmentVariable(ClusterFile.EnvironmentVariable, second);
            Assert.Equal(9001, ClusterFile.Resolve(first).SellerServers.Replicas[0].Port);
            Assert.Equal(9002, ClusterFile.Resolve(null).SellerServers.Replicas[0].Port);
            Environment.SetEnvironmentVariable(ClusterFile.EnvironmentVariable, null);
            Assert.Same(ClusterFile.Default, ClusterFile.Resolve(null));
        }
        finally
        {
            Environment.SetEnvironmentVariable(ClusterFile.EnvironmentVariable, before);
        }
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        var path = Path.Combine(_directory, "none.json");

        Assert.Contains(
            path,
            Assert.Throws<ClusterFileException>(() => ClusterFile.Load(path)).Message,
            StringComparison.Ordinal
        );
    }

    // The default file's text on one line, with one change.
    private static string Changed(string from, string to)
    {
        var text = string.Concat(ClusterFile.Default.ToJson().Split('\n').Select(line => line.Trim()));
        var at = text.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the default file has no {from}");
        return text[..at] + to + text[(at + from.Length)..];
    }
}
