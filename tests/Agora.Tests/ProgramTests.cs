using System.Net;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Testing;
using Xunit;

namespace Agora.Tests;

/// <summary>The program itself, as a shell sees it: exit status, output, standard error.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("up")]
    [InlineData("down")]
    [InlineData("status")]
    [InlineData("run")]
    [InlineData("stop")]
    [InlineData("kill")]
    [InlineData("start")]
    [InlineData("cluster init")]
    [InlineData("lab")]
    [InlineData("lab set")]
    [InlineData("lab cut")]
    [InlineData("lab heal")]
    [InlineData("lab status")]
    [InlineData("cluster keys")]
    public async Task The_help_of_each_command_has_examples(string command)
    {
        (int code, string output, string error) = await AgoraAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"Usage:\n  {$"agora {command}".Trim()}", output, StringComparison.Ordinal);
        Assert.Contains("Examples:\n  agora ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("set", "say what is to change, e.g. 'agora lab set --loss 5% --delay 10ms'")]
    [InlineData("set --loss 5", "'5' is no share of 0% to 100%; write a number with a percent sign, e.g. --loss 5%")]
    [InlineData("set --loss 101%", "'101%' is no share")]
    [InlineData("set --delay 10", "'10' is no time up to 10 s; write a number with its unit (us, ms or s), e.g. --delay 10ms")]
    [InlineData("set --delay 1min", "'1min' is no time")]
    [InlineData("set --loss 5%", "nothing is up on ")]
    [InlineData("cut products/leader", "'agora up --lab' starts it")]
    [InlineData("status", "'agora up --lab' starts it")]
    public async Task A_wrong_lab_command_says_what_to_mend(string command, string complaint)
    {
        (int code, _, string error) = await AgoraAsync(["lab", .. command.Split(' '), "--data", _scratch["data"]]);

        Assert.NotEqual(0, code);
        Assert.Contains(complaint, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_ends_a_replica_with_one_line_that_names_it()
    {
        using Socket holder = Listener(out int port);
        string cluster = Write(Free() with { Payments = new() { Replicas = [new() { Port = port }] } });

        (int code, string output, string error) = await AgoraAsync("run", "payments", "0", "--cluster", cluster, "--data", _scratch["data"]);

        Assert.NotEqual(0, code);
        Assert.Equal($"agora: payments/0: TCP port 127.0.0.1:{port} is taken by another program. End that program, or give another port in the cluster file\n", error);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("customers")]
    [InlineData("products")]
    [InlineData("payments")]
    public async Task A_directory_that_cannot_be_written_ends_a_replica_with_one_line_that_names_it(string component)
    {
        File.WriteAllText(_scratch["data"], "a file, where a directory should be");

        (int code, _, string error) = await AgoraAsync("run", component, "0", "--cluster", Write(Free()), "--data", _scratch["data"]);

        Assert.NotEqual(0, code);
        Assert.StartsWith($"agora: {component}/0: the directory {_scratch["data"]}/{component}-0 cannot be written: ", error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(c => c == '\n'));
    }

    [Fact]
    public async Task A_marketplace_is_not_started_half_when_a_port_is_taken()
    {
        using Socket holder = Listener(out int port);
        ClusterFile file = Free();
        string cluster = Write(file with { Products = file.Products with { Replicas = [file.Products.Replicas[0] with { PeerPort = port }] } });

        (int code, _, string error) = await AgoraAsync("up", "--cluster", cluster, "--data", _scratch["data"]);

        Assert.NotEqual(0, code);
        Assert.Contains($"taken by another program: TCP port 127.0.0.1:{port} (products/0);", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Somebody_elses_directory_is_refused_in_the_background_too()
    {
        Directory.CreateDirectory(_scratch["data"]);
        File.WriteAllText(Path.Combine(_scratch["data"], "thesis.txt"), "");

        (int code, _, string error) = await AgoraAsync("up", "--detach", "--fresh", "--cluster", Write(Free()), "--data", _scratch["data"]);

        Assert.NotEqual(0, code);
        Assert.Contains("thesis.txt", error, StringComparison.Ordinal);
        Assert.Single(Directory.GetFileSystemEntries(_scratch["data"]));
    }

    [Fact]
    public async Task Hosts_of_which_none_is_this_one_are_named()
    {
        ClusterFile file = Free();
        string cluster = Write(file with
        {
            Payments = new() { Replicas = [new() { Host = "192.0.2.1", Port = 1 }] },
            SellerServers = new() { Replicas = [new() { Host = "192.0.2.1", Port = 2 }] },
            BuyerServers = new() { Replicas = [new() { Host = "192.0.2.1", Port = 3 }] },
            Customers = file.Customers with { Replicas = [new() { Host = "192.0.2.1", GrpcPort = 4, PeerPort = 4 }] },
            Products = file.Products with { Replicas = [new() { Host = "192.0.2.1", GrpcPort = 5, PeerPort = 6 }] },
        });

        (int code, _, string error) = await AgoraAsync("up", "--cluster", cluster, "--data", _scratch["data"]);

        Assert.Equal((1, "agora: none of the cluster file's hosts is this one: 192.0.2.1\n"), (code, error));
    }

    [Theory]
    [InlineData("run customers 9", "the cluster file has no customers/9; it has payments/0, ")]
    [InlineData("kill products/1", "nothing is up on ")]
    [InlineData("kill products", "'products' names no process; write COMPONENT/REPLICA")]
    public async Task What_is_not_there_is_told(string command, string complaint)
    {
        (int code, _, string error) = await AgoraAsync([.. command.Split(' '), "--data", _scratch["data"]]);

        Assert.Equal(1, code);
        Assert.StartsWith("agora: " + complaint, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_to_take_down_is_no_error()
    {
        (int code, string output, _) = await AgoraAsync("down", "--data", _scratch["data"]);

        Assert.Equal((0, $"agora: nothing is up on {_scratch["data"]}\n"), (code, output));
    }

    [Fact]
    public async Task A_wrong_cluster_file_is_refused_by_every_command_that_reads_it()
    {
        File.WriteAllText(_scratch["cluster.json"], Free().ToJson().Replace("\"products\"", "\"prodcuts\"", StringComparison.Ordinal));

        foreach (string[] command in new[] { ["up"], ["run", "products", "0"], (string[])["status"] })
        {
            (int code, _, string error) = await AgoraAsync([.. command, "--cluster", _scratch["cluster.json"], "--data", _scratch["data"]]);
            Assert.Equal(1, code);
            Assert.StartsWith($"agora: {_scratch["cluster.json"]}: prodcuts: unknown field", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Without_a_supervisor_status_asks_the_processes_that_were_last_started_from_the_directory()
    {
        Directory.CreateDirectory(_scratch["data"]);
        ClusterFile cluster = Free();
        File.WriteAllText(Path.Combine(_scratch["data"], "cluster.json"), cluster.ToJson());

        (int code, string output, _) = await AgoraAsync("status", "--json", "--data", _scratch["data"]);

        Assert.Equal(1, code);
        Assert.Contains($"127.0.0.1:{cluster.Payments.Replicas[0].Port}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_file_is_written_once_and_can_be_read()
    {
        string[] command = ["cluster", "init", "--hosts", "a,b,c,d", "--output", _scratch["cluster.json"]];
        Assert.Equal(0, (await AgoraAsync(command)).Code);
        Assert.Equal(4, ClusterFile.Load(_scratch["cluster.json"]).Processes().Select(p => p.Host).Distinct().Count());

        Assert.Contains("'--force' replaces it", (await AgoraAsync(command)).Error, StringComparison.Ordinal);
        Assert.Equal(0, (await AgoraAsync([.. command, "--force"])).Code);
    }

    private static Task<(int Code, string Output, string Error)> AgoraAsync(params string[] arguments) => AgoraProgram.RunAsync(AgoraProgram.Path, arguments);

    private static Socket Listener(out int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        return socket;
    }

    private static ClusterFile Free() => new()
    {
        Payments = new() { Replicas = [new() { Port = FreePorts.Take() }] },
        SellerServers = new() { Replicas = [new() { Port = FreePorts.Take() }] },
        BuyerServers = new() { Replicas = [new() { Port = FreePorts.Take() }] },
        Customers = new() { Engine = ReplicationEngine.RotatingSequencer, Replicas = [new() { GrpcPort = FreePorts.Take(), PeerPort = FreePorts.Take() }] },
        Products = new() { Engine = ReplicationEngine.Raft, Replicas = [new() { GrpcPort = FreePorts.Take(), PeerPort = FreePorts.Take() }] },
    };

    private string Write(ClusterFile file)
    {
        File.WriteAllText(_scratch["free.json"], file.ToJson());
        return _scratch["free.json"];
    }
}
