using System.Diagnostics;
using System.Net;
using Agora.Testing;

namespace RotatingSequencer.Bench;

/// <summary>
/// Where the members run: all on the loopback interface; or each in a network namespace of its own with its own address, joined by a bridge
/// in one more, where datagrams can be lost below every system alike. Needs root, <c>ip</c> and, for losses, <c>nft</c>.
/// </summary>
internal sealed class Hosts : IDisposable
{
    private readonly string? _name;

    private Hosts(string? name, IPEndPoint[] members) => (_name, Members) = (name, members);

    /// <summary>Where each member listens.</summary>
    public IPEndPoint[] Members { get; }

    /// <summary>Why there can be no namespaces here; null when there can.</summary>
    public static string? WhyNoNamespaces =>
        !OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess ? "network namespaces need root on Linux"
        : Shell.Find("ip") is null ? "ip is not installed (Debian package iproute2)"
        : Shell.Find("nft") is null ? "nft is not installed (Debian package nftables)" : null;

    public static Hosts OnLoopback(int count) => new(null, FreePorts.TakeEndPoints(count));

    public static Hosts InNamespaces(int count)
    {
        var hosts = new Hosts($"rsb{Environment.ProcessId}", [.. Enumerable.Range(1, count).Select(i => new IPEndPoint(new IPAddress([10, 77, 0, (byte)i]), 7_000))]);
        try
        {
            hosts.Build();
            return hosts;
        }
        catch
        {
            hosts.Dispose();
            throw;
        }
    }

    /// <summary>A command as it runs at a member's place.</summary>
    public ProcessStartInfo At(int member, params IEnumerable<string> command) =>
        new("nice", _name is null ? ["-n", "0", .. command] : ["-n", "0", "ip", "netns", "exec", NamespaceOf(member), .. command]);

    /// <summary>From now on each member loses this share of the datagrams that reach it; only in namespaces.</summary>
    public void Lose(double share)
    {
        for (var member = 0; member < Members.Length; member++)
        {
            var drop = share == 0 ? "" : $"chain c {{ type filter hook ingress device eth0 priority 0; numgen random mod 1000 < {(int)(share * 1000)} drop; }};";
            Shell.Run($"ip netns exec {NamespaceOf(member)} nft 'table netdev loss; delete table netdev loss; table netdev loss {{ {drop} }};'");
        }
    }

    public void Dispose()
    {
        if (_name is not null)
        {
            Shell.Run($"ip netns list | cut -d' ' -f1 | grep '^{_name}-' | xargs -rn1 ip netns delete");
        }
    }

    private void Build()
    {
        var hub = $"{_name}-hub";
        Shell.Run($"ip netns add {hub} && ip -n {hub} link add hub type bridge mcast_snooping 0 && ip -n {hub} link set hub up");
        for (var member = 0; member < Members.Length; member++)
        {
            var host = NamespaceOf(member);
            Shell.Run(
                $"ip netns add {host} && ip -n {host} link set lo up"
                + $" && ip link add name port{member} netns {hub} type veth peer name eth0 netns {host}"
                + $" && ip -n {hub} link set port{member} master hub up"
                + $" && ip -n {host} address add {Members[member].Address}/24 dev eth0 && ip -n {host} link set eth0 up"
                + $" && ip -n {host} route add 224.0.0.0/4 dev eth0");
        }
    }

    private string NamespaceOf(int member) => $"{_name}-{member}";
}

/// <summary>Runs the system's own commands.</summary>
internal static class Shell
{
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);

    /// <exception cref="InvalidOperationException">The command failed; the message has its error output.</exception>
    public static void Run(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{command}: {error.Trim()}");
        }
    }
}
