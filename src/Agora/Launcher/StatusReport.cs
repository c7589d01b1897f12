using Agora.Cluster;
using Agora.Contracts.Replication;

namespace Agora.Launcher;

/// <summary>Combines what the supervisor knows with what the processes answer.</summary>
internal static class StatusReport
{
    /// <param name="processes">All processes of the cluster.</param>
    /// <param name="answers">Their answers, in the same order.</param>
    /// <param name="local">What the supervisor knows of a process without asking it.</param>
    /// <param name="missing">What is not served, and what it waits for; null if that was not asked.</param>
    public static ClusterStatus Of(
        IReadOnlyList<ClusterProcess> processes,
        IReadOnlyList<ProbeAnswer> answers,
        Func<ClusterProcess, LocalView?> local,
        IReadOnlyList<string>? missing
    )
    {
        // The highest position that any replica of the group knows. Lag is the distance to it.
        var known = processes
            .Zip(answers)
            .Where(p => p.Second.Replica is not null)
            .GroupBy(p => p.First.Component, p => Math.Max(p.Second.Replica!.Known, p.Second.Replica.Applied))
            .ToDictionary(g => g.Key, g => g.Max());

        ProcessStatus[] rows =
        [
            .. processes.Zip(
                answers,
                (process, answer) =>
                {
                    var view = local(process);
                    return new ProcessStatus(
                        process.Name,
                        process.Component,
                        process.Replica,
                        view?.Pid,
                        State(view, answer),
                        view?.Restarts ?? 0,
                        answer.Replica?.Role,
                        answer.Replica?.Applied,
                        known.TryGetValue(process.Component, out var highest)
                            ? highest - answer.Replica?.Applied
                            : null,
                        view?.MemoryBytes,
                        process.Endpoints.ToDictionary(e => e.Name, e => e.Address),
                        view?.LastExit,
                        view?.StartedAt,
                        answer.At,
                        answer.Replica is { } reply ? Database(reply) : null
                    )
                    {
                        Functions = answer.Functions,
                        Build = answer.Replica is { Build.Length: > 0 } replica ? replica.Build : answer.Build,
                        Disk = DiskOf(answer) ?? view?.Disk,
                        CertificateUntil = CertificateOf(answer) ?? view?.CertificateUntil,
                    };
                }
            ),
        ];
        return new ClusterStatus(missing is { Count: 0 }, rows) { Missing = missing ?? [] };
    }

    private static DiskSpace? DiskOf(ProbeAnswer answer) =>
        answer.Replica?.Details?.Ground is { DiskSize: > 0 } ground ? new(ground.DiskFree, ground.DiskSize) : null;

    private static DateTime? CertificateOf(ProbeAnswer answer) =>
        answer.Replica?.Details?.Ground is { HasCertificateUntil: true } ground
            ? DateTimeOffset.FromUnixTimeMilliseconds(ground.CertificateUntil).UtcDateTime
            : null;

    private static DatabaseStatus Database(StatusReply reply)
    {
        // A replica of an earlier version reports no details.
        var details = reply.Details ?? new ReplicaDetails { Committed = reply.Applied };
        return new DatabaseStatus(
            reply.Engine,
            reply.Ready,
            reply.HasLeader ? reply.Leader : null,
            details.HasTerm ? details.Term : null,
            Math.Max(reply.Known, reply.Applied),
            details.Committed,
            details.RepairsAsked,
            details.RepairsAnswered,
            details.Resyncs,
            [
                .. details.Peers.Select(p => new PeerLink(
                    p.Replica,
                    p.HasReaches ? p.Reaches : null,
                    p.HasHeardMillisecondsAgo ? p.HeardMillisecondsAgo : null,
                    p.HasRoundTripMicroseconds ? p.RoundTripMicroseconds : null,
                    p.HasReceived ? p.Received : null,
                    p.HasSent ? p.Sent : null
                )),
            ]
        )
        {
            Joining = details.Joining is { } joining
                ? new JoiningProgress(joining.Reason, joining.Fetched, joining.HasTotal ? joining.Total : null)
                : null,
            Problems = [.. details.Problems],
            ClockAheadMilliseconds = details.Ground is { HasClockAhead: true } ground ? ground.ClockAhead : null,
        };
    }

    private static string State(LocalView? view, ProbeAnswer answer) =>
        view switch
        {
            null => answer.Answers ? ProcessState.Running : ProcessState.Unreachable,
            { IsUp: true } => answer.Answers ? ProcessState.Running : view.Value.State,
            { } down => down.State,
        };
}
