using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Agora.Cluster;
using Agora.Commands;
using Xunit;

namespace Agora.Tests;

/// <summary>The program as a shell sees it: exit status, output, standard error.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task The_help_of_each_command_has_examples()
    {
        foreach (var command in Commands(AgoraCommand.Create(), []))
        {
            StringWriter output = new(),
                error = new();
            var code = await CommandLine.RunAsync(
                AgoraCommand.Create(),
                [.. command, "--help"],
                new() { Output = output, Error = error },
                cancellationToken: TestContext.Current.CancellationToken
            );

            var help = output.ToString().ReplaceLineEndings("\n");
            Assert.Equal((0, ""), (code, error.ToString()));
            Assert.Contains($"Usage:\n  {string.Join(' ', command.Prepend("agora"))}", help, StringComparison.Ordinal);
            Assert.Matches("Examples:\n  (source <\\()?agora ", help);
            // What completion knows is no help: it would be a line of five hundred characters.
            Assert.DoesNotContain("customers/0|customers/1", help, StringComparison.Ordinal);
        }

        static IEnumerable<string[]> Commands(Command command, string[] path) =>
            command.Subcommands.Where(c => !c.Hidden).SelectMany(c => Commands(c, [.. path, c.Name])).Prepend(path);
    }

    [Fact]
    public async Task The_programs_help_says_what_exit_statuses_mean_and_the_name_alone_asks_for_it()
    {
        (var code, var output, var error) = await AgoraAsync();

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("Exit status:\n  0 ", output, StringComparison.Ordinal);
        Assert.Contains("-h, --help", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(">/dev/full", "No space left on device")]
    [InlineData(">&-", "it is closed")]
    [InlineData("| true", null)]
    public async Task Output_that_cannot_be_written_ends_every_command_with_one_line_or_none_where_nobody_reads(
        string where,
        string? why
    )
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        string[] commands = ["status", "status --json", "status --watch", "completion bash", "--help"];
        foreach (var command in commands)
        {
            // The reader of the pipe has ended before anything is written.
            var pipe = _scratch["pipe"];
            var line = where.StartsWith('|')
                ? $"mkfifo '{pipe}'; exec 3<>'{pipe}' 4>'{pipe}' 3>&-; '{AgoraProgram.Path}' {command} >&4"
                : $"'{AgoraProgram.Path}' {command} {where}";
            File.Delete(pipe);
            (var code, _, var error) = await AgoraProgram.RunAsync("bash", "-c", $"cd '{_scratch.Root}'; {line}");

            string[] lines =
            [
                .. error
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Where(l => !l.Contains("nothing was started from") && !l.Contains("operator's key")),
            ];
            Assert.Equal(1, code);
            if (why is null)
            {
                Assert.Empty(lines);
            }
            else
            {
                Assert.Contains(why, Assert.Single(lines), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("agora sta", "start status")]
    [InlineData(
        "agora buyer ",
        "account buy cart create-account item items-of login logout purchase purchases rate search seller seller-rating"
    )]
    [InlineData("agora buyer cart re", "remove")]
    [InlineData("agora buyer rate 3-17 ", "down up")]
    [InlineData("agora buyer buy --t", "--timeout --total")]
    [InlineData("agora kill buyer-server/", "buyer-server/0 buyer-server/1 buyer-server/2 buyer-server/3")]
    [InlineData("agora kill products/l", "products/leader")]
    [InlineData("agora stop --data DIR pay", "payments/0")]
    [InlineData("agora run cust", "customers")]
    [InlineData("agora sell\"", "seller")]
    [InlineData("agora nothing here ", "")]
    public async Task Bash_completes_commands_options_values_and_process_names(string line, string found)
    {
        Directory.CreateDirectory(_scratch["DIR"]);
        File.WriteAllText(Path.Combine(_scratch["DIR"], "cluster.json"), Scratch.SmallCluster().ToJson());
        var words = line.Split(' ');
        var script = $"""
            cd '{_scratch.Root}'; unset AGORA_CLUSTER
            source <('{AgoraProgram.Path}' completion bash)
            complete -p agora >/dev/null || exit 3
            COMP_WORDS=({string.Join(' ', words.Select(w => $"'{w}'"))}); COMP_CWORD={words.Length - 1}
            _agora '{AgoraProgram.Path}' "${"{COMP_WORDS[COMP_CWORD]}"}"
            echo "${"{COMPREPLY[@]}"}"
            """;
        (var code, var output, var error) = await AgoraProgram.RunAsync("bash", "-c", script);
        Assert.Equal((0, found, ""), (code, output.Trim(), error));
    }

    [Theory]
    [InlineData("[suggest:-1]")]
    [InlineData("[suggest:99999999999]")]
    [InlineData("[suggest:500]")]
    [InlineData("[suggest:x]")]
    public async Task Completion_answers_for_every_position_of_the_cursor(string directive)
    {
        (var code, var output, var error) = await AgoraAsync(directive, "agora sta");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("status", output, StringComparison.Ordinal);
        Assert.DoesNotContain("/?", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_says_first_that_nothing_was_started_from_here()
    {
        (_, var output, var error) = await AgoraAsync("status", "--data", _scratch["data"]);
        Assert.StartsWith($"agora: nothing was started from {_scratch["data"]};", error, StringComparison.Ordinal);
        Assert.Contains("buyer-server/0", output, StringComparison.Ordinal);

        Assert.Equal("", (await AgoraAsync("status", "--json", "--data", _scratch["data"])).Error);
    }

    [Fact]
    public async Task Under_json_a_failure_of_this_machine_is_JSON_too()
    {
        (var code, var output, var error) = await AgoraAsync("status", "--json", "--cluster", _scratch["none"]);
        Assert.Equal((1, ""), (code, output));
        Assert.Equal("local-failure", JsonDocument.Parse(error).RootElement.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("set", "say what to change, e.g. 'agora lab set --loss 5% --delay 10ms'")]
    [InlineData("set --loss 5", "'5' is no share of 0% to 100%; write a number with a percent sign, e.g. --loss 5%")]
    [InlineData("set --loss 101%", "'101%' is no share")]
    [InlineData(
        "set --delay 10",
        "'10' is no time up to 10 s; write a number with its unit (us, ms or s), e.g. --delay 10ms"
    )]
    [InlineData("set --delay 1min", "'1min' is no time")]
    [InlineData("set --loss 5%", "nothing is up on ")]
    [InlineData("cut products/leader", "'agora up --lab' starts it")]
    [InlineData("status", "'agora up --lab' starts it")]
    public async Task A_wrong_lab_command_says_how_to_fix_it(string command, string message)
    {
        (var code, _, var error) = await AgoraAsync(["lab", .. command.Split(' '), "--data", _scratch["data"]]);

        Assert.NotEqual(0, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_ends_a_replica_with_one_line_that_names_it()
    {
        using var holder = Listener(out var port);
        var cluster = Write(Scratch.SmallCluster() with { Payments = new() { Replicas = [new() { Port = port }] } });

        (var code, var output, var error) = await AgoraAsync(
            "run",
            "payments",
            "0",
            "--cluster",
            cluster,
            "--data",
            _scratch["data"]
        );

        Assert.NotEqual(0, code);
        Assert.Equal(
            $"agora: payments/0: TCP port 127.0.0.1:{port} is taken by another program. "
                + "End that program, or give another port in the cluster file\n",
            error
        );
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("customers")]
    [InlineData("products")]
    [InlineData("payments")]
    public async Task A_directory_that_cannot_be_written_ends_a_replica_with_one_line_that_names_it(string component)
    {
        File.WriteAllText(_scratch["data"], "a file, where a directory should be");

        (var code, _, var error) = await AgoraAsync(
            "run",
            component,
            "0",
            "--cluster",
            Write(Scratch.SmallCluster()),
            "--data",
            _scratch["data"]
        );

        Assert.NotEqual(0, code);
        Assert.StartsWith(
            $"agora: {component}/0: the directory {_scratch["data"]}/{component}-0 cannot be written: ",
            error,
            StringComparison.Ordinal
        );
        Assert.Equal(1, error.Count(c => c == '\n'));
    }

    [Fact]
    public async Task No_process_is_started_if_a_port_is_taken()
    {
        using var holder = Listener(out var port);
        var file = Scratch.SmallCluster();
        var cluster = Write(
            file with
            {
                Products = file.Products with { Replicas = [file.Products.Replicas[0] with { PeerPort = port }] },
            }
        );

        (var code, _, var error) = await AgoraAsync("up", "--cluster", cluster, "--data", _scratch["data"]);

        Assert.NotEqual(0, code);
        Assert.Contains(
            $"taken by another program: TCP port 127.0.0.1:{port} (products/0). If another marketplace is up",
            error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Of_many_ports_that_are_taken_the_first_are_named_and_what_to_do()
    {
        var file = Scratch.SmallCluster();
        TcpListener[] holders =
        [
            .. file.Processes()
                .SelectMany(p => p.Listening)
                .Where(e => e.Protocol == ProtocolType.Tcp)
                .Select(e => new TcpListener(IPAddress.Loopback, e.Port)),
        ];
        try
        {
            foreach (var holder in holders)
            {
                holder.Start();
            }

            (var code, _, var error) = await AgoraAsync("up", "--cluster", Write(file), "--data", _scratch["data"]);

            Assert.NotEqual(0, code);
            var named = file.Processes()
                .SelectMany(p =>
                    p.Listening.Where(e => e.Protocol == ProtocolType.Tcp)
                        .Select(e => $"TCP port {e.Address} ({p.Name})")
                )
                .Take(3);
            Assert.Equal(
                $"agora: taken by another program: {string.Join(", ", named)} and {holders.Length - 3} more. If "
                    + "another marketplace is up, on another data "
                    + "directory, 'agora down --data DIR' ends it; if not, end that "
                    + "program, or give other ports with --cluster FILE\n",
                error
            );
        }
        finally
        {
            foreach (var holder in holders)
            {
                holder.Dispose();
            }
        }
    }

    [Fact]
    public async Task A_directory_with_foreign_files_is_refused_in_the_background_too()
    {
        Directory.CreateDirectory(_scratch["data"]);
        File.WriteAllText(Path.Combine(_scratch["data"], "thesis.txt"), "");

        (var code, _, var error) = await AgoraAsync(
            "up",
            "--detach",
            "--fresh",
            "--cluster",
            Write(Scratch.SmallCluster()),
            "--data",
            _scratch["data"]
        );

        Assert.NotEqual(0, code);
        Assert.Contains("thesis.txt", error, StringComparison.Ordinal);
        Assert.Single(Directory.GetFileSystemEntries(_scratch["data"]));
    }

    [Fact]
    public async Task If_no_host_of_the_file_is_this_one_they_are_named()
    {
        var file = Scratch.SmallCluster();
        var cluster = Write(
            file with
            {
                Payments = new() { Replicas = [new() { Host = "192.0.2.1", Port = 1 }] },
                SellerServers = new() { Replicas = [new() { Host = "192.0.2.1", Port = 2 }] },
                BuyerServers = new() { Replicas = [new() { Host = "192.0.2.1", Port = 3 }] },
                Customers = file.Customers with
                {
                    Replicas =
                    [
                        new()
                        {
                            Host = "192.0.2.1",
                            GrpcPort = 4,
                            PeerPort = 4,
                        },
                    ],
                },
                Products = file.Products with
                {
                    Replicas =
                    [
                        new()
                        {
                            Host = "192.0.2.1",
                            GrpcPort = 5,
                            PeerPort = 6,
                        },
                    ],
                },
            }
        );

        (var code, _, var error) = await AgoraAsync("up", "--cluster", cluster, "--data", _scratch["data"]);

        Assert.Equal((1, "agora: none of the cluster file's hosts is this one: 192.0.2.1\n"), (code, error));
    }

    [Theory]
    [InlineData("run customers 9", "the cluster file has no customers/9; it has web/0, payments/0, ")]
    [InlineData("kill products/1", "nothing is up on ")]
    [InlineData("kill products", "'products' names no process; write COMPONENT/REPLICA")]
    public async Task A_process_or_marketplace_that_does_not_exist_is_reported(string command, string message)
    {
        (var code, _, var error) = await AgoraAsync([.. command.Split(' '), "--data", _scratch["data"]]);

        Assert.Equal(1, code);
        Assert.StartsWith("agora: " + message, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_to_take_down_is_no_error()
    {
        (var code, var output, _) = await AgoraAsync("down", "--data", _scratch["data"]);

        Assert.Equal((0, $"agora: nothing is up on {_scratch["data"]}\n"), (code, output));
    }

    [Fact]
    public async Task A_wrong_cluster_file_is_refused_by_every_command_that_reads_it()
    {
        File.WriteAllText(
            _scratch["cluster.json"],
            Scratch.SmallCluster().ToJson().Replace("\"products\"", "\"prodcuts\"", StringComparison.Ordinal)
        );

        foreach (var command in new[] { ["up"], ["run", "products", "0"], (string[])["status"] })
        {
            (var code, _, var error) = await AgoraAsync([
                .. command,
                "--cluster",
                _scratch["cluster.json"],
                "--data",
                _scratch["data"],
            ]);
            Assert.Equal(1, code);
            Assert.StartsWith(
                $"agora: {_scratch["cluster.json"]}: prodcuts: unknown field",
                error,
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public async Task Without_a_supervisor_status_asks_the_processes_that_were_last_started_from_the_directory()
    {
        Directory.CreateDirectory(_scratch["data"]);
        var cluster = Scratch.SmallCluster();
        File.WriteAllText(Path.Combine(_scratch["data"], "cluster.json"), cluster.ToJson());

        (var code, var output, _) = await AgoraAsync("status", "--json", "--data", _scratch["data"]);

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

    private static Task<(int Code, string Output, string Error)> AgoraAsync(params string[] arguments) =>
        AgoraProgram.RunAsync(AgoraProgram.Path, arguments);

    private static Socket Listener(out int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        return socket;
    }

    private string Write(ClusterFile file)
    {
        File.WriteAllText(_scratch["free.json"], file.ToJson());
        return _scratch["free.json"];
    }
}
