using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Cluster;

namespace Agora.Launcher;

/// <summary>
/// A network namespace for each process of a marketplace: a host of its own, with its own address, on a bridge. What a process receives of TCP can be lost below TCP
/// there (nftables), so that the system itself has to repair it. Needs root on Linux. The names follow from the data directory, so that whatever a
/// killed supervisor left behind is found and removed by the next one.
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

    /// <summary>Decides about names and addresses, and makes nothing yet.</summary>
    public LabNamespaces(DataDirectory data, IReadOnlyList<ClusterProcess> processes)
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            throw new CommandFailedException("--lab=namespaces needs root on Linux; '--lab' alone does not");
        }
        byte[] hash = HashOf(data);
        _prefix = PrefixOf(data);

        // One of 16,384 networks of 254 hosts, in a range that few others use.
        _net = [10, (byte)(192 + (hash[3] & 0x3F)), hash[4]];
        _spaces = processes.Select((process, i) => (process.Name, Space: (string.Create(CultureInfo.InvariantCulture, $"{_prefix}-{i}"), Address(i + 1))))
            .ToDictionary(p => p.Name, p => p.Space);
    }

    /// <summary>What relays listen on and send from.</summary>
    public IPAddress RelayAddress => Address(253);

    /// <summary>The bridge's own: the supervisor comes from there, and loses nothing.</summary>
    private IPAddress BridgeAddress => Address(254);

    /// <summary>Removes what a supervisor left behind that was killed, once its processes have ended.</summary>
    public static async Task RemoveLeftoversAsync(DataDirectory data, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && Directory.Exists("/run/netns"))
        {
            string prefix = PrefixOf(data);
            await RemoveAsync(prefix, cancellationToken);

            // Cables go by themselves, but later than their namespaces; new ones of the same names would be refused until then.
            long begun = Stopwatch.GetTimestamp();
            while (Directory.GetDirectories(Interfaces, prefix + "-*") is [string link, ..])
            {
                if (Stopwatch.GetElapsedTime(begun) > s_bound)
                {
                    throw new CommandFailedException($"the interface {Path.GetFileName(link)} of an earlier lab does not go away; 'ip link del {Path.GetFileName(link)}' may remove it");
                }
                await Task.Delay(s_pause, cancellationToken);
            }
        }
    }

    /// <summary>Makes the namespaces.</summary>
    /// <exception cref="CommandFailedException">It is not allowed or not possible here; the message says what is missing.</exception>
    public async Task MakeAsync(CancellationToken cancellationToken)
    {
        _made = true;

        // One batch, which ends at the first line that fails.
        StringBuilder batch = new();
        batch.AppendLine(CultureInfo.InvariantCulture, $"link add {_prefix} type bridge");
        batch.AppendLine(CultureInfo.InvariantCulture, $"addr add {BridgeAddress}/24 dev {_prefix}");
        batch.AppendLine(CultureInfo.InvariantCulture, $"addr add {RelayAddress}/24 dev {_prefix}");
        batch.AppendLine(CultureInfo.InvariantCulture, $"link set {_prefix} up");
        foreach ((string name, _) in _spaces.Values)
        {
            batch.AppendLine(CultureInfo.InvariantCulture, $"netns add {name}");
            batch.AppendLine(CultureInfo.InvariantCulture, $"link add {name} type veth peer name eth0 netns {name}");
            batch.AppendLine(CultureInfo.InvariantCulture, $"link set {name} master {_prefix} up");
        }
        await RunAsync(batch.ToString(), cancellationToken, "ip", "-batch", "-");
        foreach ((string name, IPAddress address) in _spaces.Values)
        {
            await RunAsync($"link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\n", cancellationToken, "ip", "-n", name, "-batch", "-");
        }
    }

    /// <summary>The cluster with every process at the address of its namespace.</summary>
    public ClusterFile Move(ClusterFile cluster)
    {
        string HostOf(string component, int replica, string host) =>
            _spaces.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"{component}/{replica}"), out (string, IPAddress Address) space) ? $"{space.Address}" : host;
        ServerAddress[] Servers(string component, ServerGroup group) => [.. group.Replicas.Select((r, i) => r with { Host = HostOf(component, i, r.Host) })];
        DatabaseAddress[] Databases(string component, DatabaseGroup group) => [.. group.Replicas.Select((r, i) => r with { Host = HostOf(component, i, r.Host) })];
        return cluster with
        {
            // Nobody else reaches the bridge that they are on.
            PlainHttp = cluster.PlainHttp || cluster.Https is null,
            Web = cluster.Web with { Replicas = Servers(Components.Web, cluster.Web) },
            Payments = cluster.Payments with { Replicas = Servers(Components.Payments, cluster.Payments) },
            SellerServers = cluster.SellerServers with { Replicas = Servers(Components.SellerServer, cluster.SellerServers) },
            BuyerServers = cluster.BuyerServers with { Replicas = Servers(Components.BuyerServer, cluster.BuyerServers) },
            Customers = cluster.Customers with { Replicas = Databases(Components.Customers, cluster.Customers) },
            Products = cluster.Products with { Replicas = Databases(Components.Products, cluster.Products) },
        };
    }

    /// <summary>The same command, inside the process's namespace, under the same process id.</summary>
    public ProcessStartInfo Enter(ProcessStartInfo start, ClusterProcess process)
    {
        string[] command = ["netns", "exec", _spaces[process.Name].Name, start.FileName, .. start.ArgumentList];
        start.FileName = "ip";
        start.ArgumentList.Clear();
        foreach (string word in command)
        {
            start.ArgumentList.Add(word);
        }
        return start;
    }

    /// <summary>Loses TCP segments that come from the relays, before TCP sees them.</summary>
    /// <param name="shareOf">The share for each process.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task LoseAsync(Func<string, double> shareOf, CancellationToken cancellationToken)
    {
        foreach ((string process, (string name, _)) in _spaces)
        {
            int share = (int)Math.Round(shareOf(process) * 10_000);

            // In one transaction; the table is made first so that there is one to be deleted.
            string rule = share == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
                $"ip saddr {RelayAddress} meta l4proto tcp numgen random mod 10000 < {share} counter drop");
            string rules = $$"""
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

    // A namespace takes its end of the cable, and thereby both, with it, some time after.
    private static async Task RemoveAsync(string prefix, CancellationToken cancellationToken)
    {
        StringBuilder batch = new();
        foreach (string space in Directory.Exists("/run/netns") ? Directory.GetFiles("/run/netns", prefix + "-*") : [])
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

    private static async Task<string> RunAsync(string input, CancellationToken cancellationToken, params string[] command)
    {
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(s_bound);
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(command[0], command[1..])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        }
        catch (Win32Exception e)
        {
            throw new CommandFailedException($"--lab=namespaces needs the programs ip (iproute2) and nft (nftables): {e.Message}", e);
        }
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(bound.Token), error = process.StandardError.ReadToEndAsync(bound.Token);
            await process.StandardInput.WriteAsync(input.AsMemory(), bound.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(bound.Token);
            return process.ExitCode == 0
                ? await output
                : throw new CommandFailedException($"'{string.Join(' ', command)}' failed: {(await error).Trim()}");
        }
    }
}
