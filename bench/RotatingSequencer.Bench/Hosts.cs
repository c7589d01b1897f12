using System.Diagnostics;
using System.Net;
using Agora.Testing;

namespace RotatingSequencer.Bench;

/// <summary>
/// Where the members run: all on the loopback interface; or each in its own network namespace with its own address,
/// joined by a bridge in one more. There all systems lose datagrams in the same way. Namespaces need root, <c>ip</c>
/// and, for losses, <c>nft</c>.
/// </summary>
internal sealed class Hosts : IDisposable
{
    private readonly string? _name;

    private Hosts(string? name, IPEndPoint[] members) => (_name, Members) = (name, members);

    /// <summary>Where each member listens.</summary>
    public IPEndPoint[] Members { get; }

    /// <summary>Why namespaces cannot be used here; null if they can.</summary>
    public static string? WhyNoNamespaces =>
        !OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess ? "network namespaces need root on Linux"
        : Shell.Find("ip") is null ? "ip is not installed (Debian package iproute2)"
        : Shell.Find("nft") is null ? "nft is not installed (Debian package nftables)"
        : null;

    public static Hosts OnLoopback(int count) => new(null, FreePorts.TakeEndPoints(count));

    public static Hosts InNamespaces(int count)
    {
        var hosts = new Hosts(
            $"rsb{Environment.ProcessId}",
            [.. Enumerable.Range(1, count).Select(i => new IPEndPoint(new IPAddress([10, 77, 0, (byte)i]), 7_000))]
        );
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

    /// <summary>A command that runs where a member runs.</summary>
    public ProcessStartInfo At(int member, params IEnumerable<string> command) =>
        new(
            "nice",
            _name is null
                ? ["-n", "0", .. command]
                : ["-n", "0", "ip", "netns", "exec", NamespaceOf(member), .. command]
        );

    /// <summary>From now on each member loses this share of its incoming datagrams; only in namespaces.</summary>
    public void Lose(double share)
    {
        for (var member = 0; member < Members.Length; member++)
        {
            var drop =
                share == 0
                    ? ""
                    : "chain c { type filter hook ingress device eth0 priority 0; "
                        + $"numgen random mod 1000 < {(int)(share * 1000)} drop; }};";
            Shell.Run(
                $"ip netns exec {NamespaceOf(member)} nft "
                    + $"'table netdev loss; delete table netdev loss; table netdev loss {{ {drop} }};'"
            );
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
        Shell.Run(
            $"ip netns add {hub} && ip -n {hub} link add hub type bridge mcast_snooping 0"
                + $" && ip -n {hub} link set hub up"
        );
        for (var member = 0; member < Members.Length; member++)
        {
            var host = NamespaceOf(member);
            Shell.Run(
                $"ip netns add {host} && ip -n {host} link set lo up"
                    + $" && ip link add name port{member} netns {hub} type veth peer name eth0 netns {host}"
                    + $" && ip -n {hub} link set port{member} master hub up"
                    + $" && ip -n {host} address add {Members[member].Address}/24 dev eth0"
                    + $" && ip -n {host} link set eth0 up"
                    + $" && ip -n {host} route add 224.0.0.0/4 dev eth0"
            );
        }
    }

    private string NamespaceOf(int member) => $"{_name}-{member}";
}
