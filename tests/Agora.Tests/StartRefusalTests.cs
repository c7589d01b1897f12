using System.Diagnostics;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

/// <summary>
/// A replica that cannot start because of something that an operator can fix says so in one line: the file, the
/// problem, and the fix. Its exit status is 1, and it prints no stack trace.
/// </summary>
public sealed class StartRefusalTests : IDisposable
{
    private static readonly ClusterFile s_cluster = Scratch.SmallCluster();

    private readonly Scratch _scratch = new();
    private readonly DataDirectory _data;
    private readonly string _cluster;

    public StartRefusalTests()
    {
        _data = new DataDirectory(_scratch["data"]);
        _cluster = _scratch["cluster.json"];
        File.WriteAllText(_cluster, s_cluster.ToJson());
    }

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("products", "products-0/state.db", "text", "file is not a database", "No other replica holds a copy")]
    [InlineData("products", "products-0/raft/ballot", "text", "is damaged", "No other replica holds a copy")]
    [InlineData("products", "products-0/raft", "text", "Not a directory", "move it away")]
    [InlineData("customers", "customers-0/state.db", "text", "file is not a database", "No other replica holds a copy")]
    [InlineData(
        "customers",
        "customers-0/journal/journal-0000000000",
        "text",
        "is damaged at byte 0",
        "No other replica holds a copy"
    )]
    [InlineData(
        "customers",
        "customers-0/journal/journal-0000000000",
        "",
        "is damaged at byte 0",
        "No other replica holds a copy"
    )]
    [InlineData("customers", "customers-0/journal", "text", "Not a directory", "move it away")]
    [InlineData("payments", "payments-0/payments.db", "text", "file is not a database", "restore it from a backup")]
    [InlineData("payments", "payments-0", "text", "cannot be written", "move it away")]
    [InlineData(
        "products",
        "secrets/products-0.key",
        "text",
        "holds no key in PEM",
        "'agora cluster keys' makes what is missing"
    )]
    [InlineData(
        "products",
        "secrets/products-0.crt",
        "",
        "holds no certificate in PEM",
        "'agora cluster keys' makes what is missing"
    )]
    [InlineData(
        "buyer-server",
        "secrets/authority.crt",
        "text",
        "holds no certificate in PEM",
        "Copy it from another host"
    )]
    [InlineData(
        "customers",
        "secrets/customers.key",
        "text",
        "has 4 bytes instead of 32",
        "all replicas need the same"
    )]
    [InlineData(
        "customers",
        "secrets/customers.key",
        null,
        "is missing, and the other replicas have it",
        "Copy it from the secrets of a host"
    )]
    public async Task A_damaged_file_is_named_with_the_problem_and_the_fix(
        string component,
        string file,
        string? content,
        string what,
        string fix
    )
    {
        await _data.Secrets.MakeAsync(
            s_cluster,
            DateTimeOffset.UtcNow,
            renew: false,
            TestContext.Current.CancellationToken
        );
        var path = Path.Combine(_data.Root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        if (content is not null)
        {
            File.WriteAllText(path, content);
        }

        AssertRefusal(await RunAsync(component), path, what, fix);
    }

    [Fact]
    public async Task A_lock_that_another_process_holds_is_reported_with_that_process()
    {
        using FileStream held = new(
            Path.Combine(_data.Prepare(Scratch.Process()), "lock"),
            FileMode.OpenOrCreate,
            FileAccess.ReadWrite,
            FileShare.None
        );

        AssertRefusal(
            await RunAsync("products"),
            held.Name,
            $"is used by process {Environment.ProcessId} (",
            "stop the other one"
        );
    }

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(255)]
    public async Task Too_few_open_files_are_refused_before_anything_begins(int allowed)
    {
        foreach (var command in new[] { "run products 0", "up", "up --detach" })
        {
            AssertRefusal(
                await Agora(
                    "/bin/sh",
                    "-c",
                    $"ulimit -n {allowed}; "
                        + $"exec '{AgoraProgram.Path}' {command} --cluster '{_cluster}' --data '{_data.Root}'"
                ),
                "ulimit -n",
                $"a process may have only {allowed} files open here, and needs 256",
                "LimitNOFILE=4096"
            );
        }

        Assert.False(Directory.Exists(_data.Root));
    }

    [Fact]
    public void A_missing_shell_is_refused_with_what_it_is_for() =>
        Assert.StartsWith(
            $"{_scratch["sh"]}: is missing, and the supervisor starts every process through it. Install",
            Assert.Throws<FixableException>(() => HostLimits.RefuseMissingShell(_scratch["sh"])).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task A_marker_that_is_damaged_does_not_cost_the_data()
    {
        Directory.CreateDirectory(_data.Root);
        var marker = Path.Combine(_data.Root, "agora-data.json");
        File.WriteAllText(marker, "");

        (var code, _, var error) = await Agora(AgoraProgram.Path, "up", "--cluster", _cluster, "--data", _data.Root);

        Assert.Equal(1, code);
        Assert.StartsWith($"agora: {marker} is damaged", error, StringComparison.Ordinal);
        Assert.Contains("remove the file and it is made again", error, StringComparison.Ordinal);
        Assert.DoesNotContain("--fresh", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Keys_are_made_beside_the_cluster_file_whatever_lies_where_the_command_is_typed(bool others)
    {
        if (others)
        {
            await _data.Secrets.MakeAsync(
                ClusterFile.Default,
                DateTimeOffset.UtcNow,
                renew: false,
                TestContext.Current.CancellationToken
            );
        }

        (var code, var output, _) = await Agora(
            AgoraProgram.Path,
            "cluster",
            "keys",
            "--cluster",
            _cluster,
            "--data",
            _data.Root
        );

        Assert.Equal((0, $"The keys are in {_scratch["secrets"]}.\n"), (code, output));
        Assert.True(File.Exists(_scratch["secrets/products-0.key"]));
    }

    [Fact]
    public async Task Status_does_not_wait_for_a_supervisor_that_does_not_answer_and_shows_what_it_finds_itself()
    {
        await using var held = await _data.TakeAsync(s_cluster, fresh: false, TestContext.Current.CancellationToken);
        ExitFile.Write(
            _data.ExitFileOf(s_cluster.Processes().First(p => p.Name == "products/0")),
            new ProcessExit(DateTime.UtcNow, 1, null, "no luck")
        );
        using Socket silent = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        silent.Bind(new UnixDomainSocketEndPoint(_data.ControlSocket!));
        silent.Listen();

        var started = Stopwatch.GetTimestamp();
        (var code, var output, var error) = await Agora(AgoraProgram.Path, "status", "--data", _data.Root);

        Assert.Equal(1, code);
        Assert.Contains($"agora: the supervisor, process {Environment.ProcessId} (", error, StringComparison.Ordinal);
        Assert.Contains("does not answer", error, StringComparison.Ordinal);
        Assert.Contains("products/0 ended with exit code 1: no luck", output, StringComparison.Ordinal);
        Assert.Contains("not served: buyer-server: none answers", output, StringComparison.Ordinal);

        // The command would otherwise wait for the control channel for longer than this.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(19));
    }

    private static void AssertRefusal(
        (int Code, string Output, string Error) end,
        string where,
        string what,
        string fix
    )
    {
        Assert.Equal(1, end.Code);
        var last = end.Error.TrimEnd('\n').Split('\n')[^1];
        Assert.StartsWith("agora: ", last, StringComparison.Ordinal);
        Assert.Contains(where, last, StringComparison.Ordinal);
        Assert.Contains(what, last, StringComparison.Ordinal);
        Assert.Contains(fix, last, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", end.Output + end.Error, StringComparison.Ordinal);
    }

    private Task<(int Code, string Output, string Error)> RunAsync(string component) =>
        Agora(AgoraProgram.Path, "run", component, "0", "--cluster", _cluster, "--data", _data.Root);

    private static Task<(int Code, string Output, string Error)> Agora(string program, params string[] arguments) =>
        AgoraProgram.RunAsync(program, arguments);
}
