using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// A network namespace for each process of a marketplace. Each namespace is like a separate host, with its own address
/// on a bridge. nftables can drop a process's incoming TCP segments there, below TCP, so that the system must send them
/// again. Needs root on Linux. The names follow from the data directory, so the next supervisor finds and removes what
/// a killed one left behind.
/// </summary>
internal sealed class LabNamespaces : IAsyncDisposable
{
    private const string Interfaces = "/sys/class/net";

    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    private readonly string _prefix;
    private readonly Dictionary<string, (string Name, IPAddress Address)> _spaces;
    private readonly byte[] _net;
    private bool _made;

    /// <summary>Chooses names and addresses, and makes nothing yet.</summary>
    public LabNamespaces(DataDirectory data, IReadOnlyList<ClusterProcess> processes)
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            throw new CommandFailedException("--lab=namespaces needs root on Linux; '--lab' alone does not");
        }

        var hash = HashOf(data);
        _prefix = PrefixOf(data);

        // One of 16,384 networks of 254 hosts, in a range that few others use.
        _net = [10, (byte)(192 + (hash[3] & 0x3F)), hash[4]];
        _spaces = processes
            .Select(
                (process, i) =>
                    (
                        process.Name,
                        Space: (string.Create(CultureInfo.InvariantCulture, $"{_prefix}-{i}"), Address(i + 1))
                    )
            )
            .ToDictionary(p => p.Name, p => p.Space);
    }

    /// <summary>The address that relays listen on and send from.</summary>
    public IPAddress RelayAddress => Address(253);

    /// <summary>The bridge's own address. The supervisor sends from it, and loses nothing.</summary>
    private IPAddress BridgeAddress => Address(254);

    /// <summary>Removes what a killed supervisor left behind; its processes must have ended.</summary>
    public static async Task RemoveLeftoversAsync(DataDirectory data, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && Directory.Exists("/run/netns"))
        {
            var prefix = PrefixOf(data);
            await RemoveAsync(prefix, cancellationToken);

            // The system removes a virtual cable some time after its namespace. Until then a new one of the same name
            // would be refused.
            var begun = Stopwatch.GetTimestamp();
            while (Directory.GetDirectories(Interfaces, prefix + "-*") is [string link, ..])
            {
                if (Stopwatch.GetElapsedTime(begun) > s_bound)
                {
                    var name = Path.GetFileName(link);
                    throw new CommandFailedException(
                        $"the interface {name} of an earlier lab does not go away; 'ip link del {name}' may remove it"
                    );
                }

                await Task.Delay(s_pause, cancellationToken);
            }
        }
    }

    /// <summary>Makes the namespaces.</summary>
    /// <exception cref="CommandFailedException">It is not allowed or not possible here; the message says
    /// why.</exception>
    public async Task MakeAsync(CancellationToken cancellationToken)
    {
        _made = true;

        // One batch, which ends at the first line that fails.
        StringBuilder batch = new();
        batch.AppendLine(CultureInfo.InvariantCulture, $"link add {_prefix} type bridge");
        batch.AppendLine(CultureInfo.InvariantCulture, $"addr add {BridgeAddress}/24 dev {_prefix}");
        batch.AppendLine(CultureInfo.InvariantCulture, $"addr add {RelayAddress}/24 dev {_prefix}");
        batch.AppendLine(CultureInfo.InvariantCulture, $"link set {_prefix} up");
        foreach ((var name, _) in _spaces.Values)
        {
            batch.AppendLine(CultureInfo.InvariantCulture, $"netns add {name}");
            batch.AppendLine(CultureInfo.InvariantCulture, $"link add {name} type veth peer name eth0 netns {name}");
            batch.AppendLine(CultureInfo.InvariantCulture, $"link set {name} master {_prefix} up");
        }

        await RunAsync(batch.ToString(), cancellationToken, "ip", "-batch", "-");
        foreach ((var name, var address) in _spaces.Values)
        {
            await RunAsync(
                $"link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\n",
                cancellationToken,
                "ip",
                "-n",
                name,
                "-batch",
                "-"
            );
        }
    }

    /// <summary>The cluster with every process at the address of its namespace.</summary>
    public ClusterFile WithAddresses(ClusterFile cluster)
    {
        string HostOf(string component, int replica, string host) =>
            _spaces.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"{component}/{replica}"), out var space)
                ? $"{space.Address}"
                : host;
        return cluster.WithAddresses(
            (component, replica, r) => r with { Host = HostOf(component, replica, r.Host) },
            (component, replica, r) => r with { Host = HostOf(component, replica, r.Host) }
        ) with
        {
            // Plain HTTP is safe here: no other host reaches the bridge.
            PlainHttp = cluster.PlainHttp || cluster.Https is null,
        };
    }

    /// <summary>Changes a command so that it runs inside the process's namespace, under the same process id.</summary>
    public ProcessStartInfo Enter(ProcessStartInfo start, ClusterProcess process)
    {
        string[] command = ["netns", "exec", _spaces[process.Name].Name, start.FileName, .. start.ArgumentList];
        start.FileName = "ip";
        start.ArgumentList.Clear();
        foreach (var word in command)
        {
            start.ArgumentList.Add(word);
        }

        return start;
    }

    /// <summary>Drops TCP segments that come from the relays, before TCP sees them.</summary>
    /// <param name="shareOf">The share to drop for each process.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task LoseAsync(Func<string, double> shareOf, CancellationToken cancellationToken)
    {
        foreach ((var process, (var name, _)) in _spaces)
        {
            var share = (int)Math.Round(shareOf(process) * 10_000);

            // One transaction. The first line makes the table if it is missing, so that the second one can delete it.
            var rule =
                share == 0
                    ? ""
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"ip saddr {RelayAddress} meta l4proto tcp numgen random mod 10000 < {share} counter drop"
                    );
            var rules = $$"""
                table ip agora_lab
                delete table ip agora_lab
                table ip agora_lab {
                    chain input {
                        type filter hook input priority -300;
                        {{rule}}
                    }
                }

                """;
            await RunAsync(rules, cancellationToken, "ip", "netns", "exec", name, "nft", "-f", "-");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_made)
        {
            await RemoveAsync(_prefix, CancellationToken.None);
        }
    }

    // The end of a namespace also removes its virtual cable, some time later.
    private static async Task RemoveAsync(string prefix, CancellationToken cancellationToken)
    {
        StringBuilder batch = new();
        foreach (var space in Directory.Exists("/run/netns") ? Directory.GetFiles("/run/netns", prefix + "-*") : [])
        {
            batch.AppendLine(CultureInfo.InvariantCulture, $"netns del {Path.GetFileName(space)}");
        }

        if (Directory.Exists(Path.Combine(Interfaces, prefix)))
        {
            batch.AppendLine(CultureInfo.InvariantCulture, $"link del {prefix}");
        }

        if (batch.Length > 0)
        {
            await RunAsync(batch.ToString(), cancellationToken, "ip", "-batch", "-");
        }
    }

    private static byte[] HashOf(DataDirectory data) => SHA256.HashData(Encoding.UTF8.GetBytes(data.Root));

    // An interface's name has at most 15 characters.
    internal static string PrefixOf(DataDirectory data) => $"ag{Convert.ToHexStringLower(HashOf(data).AsSpan(0, 3))}";

    private IPAddress Address(int host) => new([.. _net, (byte)host]);

    private static async Task<string> RunAsync(
        string input,
        CancellationToken cancellationToken,
        params string[] command
    )
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(s_bound);
        Process process;
        try
        {
            process = Process.Start(
                new ProcessStartInfo(command[0], command[1..])
                {
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
        }
        catch (Win32Exception e)
        {
            throw new CommandFailedException(
                $"--lab=namespaces needs the programs ip (iproute2) and nft (nftables): {e.Message}",
                e
            );
        }

        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(bound.Token),
                error = process.StandardError.ReadToEndAsync(bound.Token);
            await process.StandardInput.WriteAsync(input.AsMemory(), bound.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(bound.Token);
            return process.ExitCode == 0
                ? await output
                : throw new CommandFailedException($"'{string.Join(' ', command)}' failed: {(await error).Trim()}");
        }
    }
}
