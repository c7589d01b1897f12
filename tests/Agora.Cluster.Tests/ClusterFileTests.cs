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
            DefaultFile.Changed("\"peerPort\": 8141", "\"peerPort\": 8141, \"via\": {\"grpcPort\": 1, \"peerPort\": 2}")
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
    public void Operators_ports_may_be_left_out()
    {
        var without = ClusterFile.Parse(ClusterFile.Default.WithoutOperatorsPorts().ToJson());
        Assert.All(without.Processes(), p => Assert.Null(p.Operators));
        Assert.Null(without.Supervisor.OperatorsPort);
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
            var file = ClusterFile.Parse(
                DefaultFile.Changed("\"https\": null,\"limits\"", $"\"https\": {text},\"limits\"")
            );
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
                .Parse(
                    DefaultFile.Changed(
                        "\"approvalProbability\": 0.9",
                        "/* half */ \"approvalProbability\": 0.5 // of them\n"
                    )
                )
                .Payments.ApprovalProbability
        );

    [Fact]
    public void The_same_number_may_be_a_TCP_and_a_UDP_port() =>
        Assert.Equal(
            8130,
            ClusterFile
                .Parse(DefaultFile.Changed("\"peerPort\": 8140", "\"peerPort\": 8130"))
                .Customers.Replicas[0]
                .PeerPort
        );

    [Fact]
    public void The_same_port_on_another_host_is_another_port() =>
        Assert.Equal(
            "shop-2",
            ClusterFile
                .Parse(
                    DefaultFile.Changed("\"host\": \"127.0.0.1\",\"port\": 8111", "\"host\": \"shop-2\",\"port\": 8110")
                )
                .SellerServers.Replicas[1]
                .Host
        );

    [Fact]
    public void The_command_line_goes_before_the_environment_and_that_before_the_default()
    {
        string first = Path.Combine(_directory, "first.json"),
            second = Path.Combine(_directory, "second.json");
        File.WriteAllText(first, DefaultFile.Changed("\"port\": 8110", "\"port\": 9001"));
        File.WriteAllText(second, DefaultFile.Changed("\"port\": 8110", "\"port\": 9002"));
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
}
