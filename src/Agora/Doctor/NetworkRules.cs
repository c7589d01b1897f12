using System.Globalization;
using Agora.Cluster;

namespace Agora.Doctor;

/// <summary>
/// Findings about the network between replicas, from what two looks differ in: datagrams that one replica sent and the
/// other did not receive, retransmissions for each number, and replicas that do not reach each other.
/// </summary>
internal static class NetworkRules
{
    private const string Advice =
        "See the network between the hosts: a full or broken link, a firewall, a size of packets that does not fit. "
        + "Nothing is lost: what is missing is asked for again, but everything waits for it";

    public static void Look(ClusterStatus before, ClusterStatus after, List<Finding> found)
    {
        foreach (var group in after.Processes.Where(p => p.Database is not null).GroupBy(p => p.Component))
        {
            ProcessStatus[] replicas = [.. group];
            Losses(before, replicas, found);
            Repairs(before, group.Key, replicas, found);
            Cuts(replicas, found);
        }
    }

    private static void Losses(ClusterStatus before, ProcessStatus[] replicas, List<Finding> found)
    {
        foreach (var from in replicas)
        {
            foreach (var to in replicas)
            {
                var sent = Difference(before, from, p => Link(p, to.Replica)?.Sent);
                var received = Difference(before, to, p => Link(p, from.Replica)?.Received);
                if (
                    sent >= Thresholds.EnoughDatagrams
                    && received is { } came
                    && Share(sent.Value - came, sent.Value) is var lost
                )
                {
                    if (lost >= Thresholds.LossyShare)
                    {
                        found.Add(
                            new(
                                Finding.Warning,
                                $"{from.Name} → {to.Name}",
                                string.Create(
                                    CultureInfo.InvariantCulture,
                                    $"loses {lost:P0} of the datagrams ({came} of {sent} came)"
                                ),
                                Advice
                            )
                        );
                    }
                }
            }
        }
    }

    private static void Repairs(ClusterStatus before, string component, ProcessStatus[] replicas, List<Finding> found)
    {
        var asked = replicas.Sum(p => Difference(before, p, r => r.Database?.RepairsAsked) ?? 0);
        var numbers = replicas.Max(p => Difference(before, p, r => r.Database?.Known) ?? 0);
        if (
            numbers >= Thresholds.EnoughNumbers
            && Share(asked, numbers) is var share
            && share >= Thresholds.ManyRepairs
        )
        {
            found.Add(
                new(
                    Finding.Warning,
                    component,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"asks for {asked} retransmissions in {numbers} numbers: its network loses"
                    ),
                    Advice
                )
            );
        }
    }

    // Told once for a pair, and only where both run: a process that is down is a finding of its own.
    private static void Cuts(ProcessStatus[] replicas, List<Finding> found)
    {
        foreach (var one in replicas)
        {
            foreach (var other in replicas.Where(p => p.Replica > one.Replica))
            {
                if (
                    one is { State: ProcessState.Running }
                    && other is { State: ProcessState.Running }
                    && (Link(one, other.Replica)?.Reaches is false || Link(other, one.Replica)?.Reaches is false)
                )
                {
                    found.Add(
                        new(
                            Finding.Warning,
                            $"{one.Name} ↔ {other.Name}",
                            "do not reach each other, though both run",
                            "See the network and the firewalls between their hosts, and whether both have the same "
                                + "cluster file and keys"
                        )
                    );
                }
            }
        }
    }

    private static PeerLink? Link(ProcessStatus from, int to) =>
        from.Database?.Peers.FirstOrDefault(peer => peer.Replica == to);

    // Null for a process that was not there both times, or has restarted in between: its counts began anew.
    private static long? Difference(ClusterStatus before, ProcessStatus now, Func<ProcessStatus, long?> count) =>
        before.Processes.FirstOrDefault(p => p.Name == now.Name) is { } then
        && then.Pid == now.Pid
        && count(now) - count(then) is >= 0 and var difference
            ? difference
            : null;

    private static double Share(long part, long whole) => (double)part / whole;
}
