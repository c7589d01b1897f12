using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Agora.EndToEnd.Tests.Hosts;

/// <summary>
/// Hosts of one network, and an operator's machine. Each is a network namespace with an address of its own and
/// directories that no other sees. Needs root on Linux.
/// </summary>
internal sealed class SeparateHosts : IAsyncDisposable
{
    /// <summary>The operator's machine.</summary>
    public const string Operator = "10.88.0.100";

    private const string Bridge = "agora-ops";

    // The test's own address, from which the traders come.
    private const string Own = "10.88.0.254";

    private static readonly string s_programs = Path.Combine(
        RunningMarketplace.Root,
        "tests",
        "Agora.EndToEnd.Tests",
        "Hosts",
        "programs"
    );

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-hosts-").FullName;
    private readonly Dictionary<string, Process> _holders = [];

    /// <summary>Why hosts cannot be made here; null if they can.</summary>
    public static string? Obstacle =>
        !OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess ? "hosts of their own need root on Linux"
        : !File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") ? "hosts of their own need iproute2"
        : null;

    /// <summary>The operator's working directory.</summary>
    public string OperatorDirectory => Path.Combine(_directory, "operator");

    /// <summary>Makes the network and the operator's machine.</summary>
    public static async Task<SeparateHosts> MakeAsync()
    {
        SeparateHosts hosts = new();
        try
        {
            Directory.CreateDirectory(hosts.OperatorDirectory);
            await hosts.ShellAsync(
                $"ip link add {Bridge} type bridge; ip addr add {Own}/24 dev {Bridge}; ip link set {Bridge} up"
            );
            await hosts.AddAsync(Operator);
            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a host with nothing on it.</summary>
    public async Task AddAsync(string address)
    {
        var name = NameOf(address);
        await ShellAsync(
            $"""
            ip netns add {name}
            ip link add {name} type veth peer name eth0 netns {name}
            ip link set {name} master {Bridge} up
            ip -n {name} link set lo up
            ip -n {name} addr add {address}/24 dev eth0
            ip -n {name} link set eth0 up
            """
        );
        var directory = DirectoryOf(address);
        Directory.CreateDirectory(directory);
        ProcessStartInfo start = new(
            "ip",
            ["netns", "exec", name, "unshare", "--mount", "--propagation", "private", Path.Combine(s_programs, "host")]
        );
        start.Environment["AGORA_HOST"] = directory;
        _holders[address] = Process.Start(start)!;
        await RunningMarketplace.UntilAsync(
            $"host {address} is there",
            () =>
                _holders[address].HasExited
                    ? throw new InvalidOperationException($"host {address} cannot be made")
                    : Task.FromResult(File.Exists(Path.Combine(directory, "holder")) ? directory : null)
        );
    }

    /// <summary>Runs commands on a host, as its root does.</summary>
    public Task<string> RunAsync(string address, string commands, params (string Name, string Value)[] variables) =>
        ShellAsync(
            $"exec nsenter --mount --net --target $(cat {DirectoryOf(address)}/holder) "
                + "bash -e -o pipefail -c 'cd \"$WORK\"; eval \"$COMMANDS\"'",
            [
                ("COMMANDS", commands),
                ("WORK", OperatorDirectory),
                ("AGORA_HOST", DirectoryOf(address)),
                ("AGORA_HOSTS", _directory),
                (
                    "PATH",
                    $"{s_programs}:"
                        + (address == Operator ? Path.Combine(OperatorDirectory, "agora-program") : "/opt/agora")
                        + ":"
                        + Environment.GetEnvironmentVariable("PATH")
                ),
                .. variables,
            ]
        );

    /// <summary>The host's power is cut: all its processes end at once, and nobody reaches it any more.</summary>
    public async Task LoseAsync(string address)
    {
        await ShellAsync(
            $"ip link del {NameOf(address)}; ip netns pids {NameOf(address)} | xargs --no-run-if-empty kill -9"
        );
        await _holders[address].WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>What each unit of the hosts said last, for a test that fails.</summary>
    public string Tails() =>
        string.Join(
            '\n',
            Directory
                .GetFiles(_directory, "log", SearchOption.AllDirectories)
                .Where(log => log.Contains("/units/", StringComparison.Ordinal))
                .Order()
                .Select(log => $"--- {log}\n{string.Join('\n', File.ReadLines(log).TakeLast(4))}")
        );

    public async ValueTask DisposeAsync()
    {
        foreach (var (address, holder) in _holders)
        {
            await ShellAsync(
                $"ip netns pids {NameOf(address)} | xargs --no-run-if-empty kill -9; ip netns del {NameOf(address)}"
            );
            await holder.WaitForExitAsync();
            holder.Dispose();
        }

        await ShellAsync($"ip link del {Bridge}");
        Directory.Delete(_directory, recursive: true);
    }

    private string DirectoryOf(string address) => Path.Combine(_directory, address);

    private static string NameOf(string address) => $"{Bridge}-{address.Split('.')[^1]}";

    private async Task<string> ShellAsync(string script, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("bash", ["-e", "-c", script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = OperatorDirectory,
        };
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(RunningMarketplace.Timeout);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{script}\n{variables.FirstOrDefault().Value}\nended with {process.ExitCode}:\n"
                ) + $"{await output}{await error}\n{Tails()}"
            );
    }
}
