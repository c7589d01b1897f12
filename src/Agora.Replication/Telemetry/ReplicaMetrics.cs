using System.Diagnostics.Metrics;

namespace Agora.Replication.Telemetry;

/// <summary>
/// What a replica tells of itself and its group: what its status says, as the meter <c>Agora.Replica</c>. Nothing is
/// read before somebody asks.
/// </summary>
internal sealed class ReplicaMetrics : IDisposable
{
    private readonly Meter _meter = new("Agora.Replica");

    public ReplicaMetrics(
        IReplicator replicator,
        ReplicatedStore store,
        ReplicaClock clock,
        StateHealth health,
        ReplicaDirectory directory
    )
    {
        _meter.CreateObservableGauge(
            "agora.replica.position",
            () => Positions(replicator, store),
            "{position}",
            "Positions of the log: known here, held by a majority (committed), applied, and durable in the file."
        );
        Gauge("replica.lag", "{position}", "Positions that are known here and not applied.", () => Lag(replicator));
        Gauge(
            "replica.ready",
            null,
            "1 while reads and writes would be served here, as far as the replica knows, else 0.",
            () => replicator.Status.Ready && clock.Problem is null && health.Wrong is null ? 1 : 0
        );
        Gauge(
            "replica.leads",
            null,
            "1 at the leader, with the rotating sequencer at the member that assigns the next number, else 0.",
            () => replicator.Status.Role is "leader" or "sequencer" ? 1 : 0
        );
        Gauge(
            "replica.joining",
            null,
            "1 while the replica joins its group and takes no part yet, else 0.",
            () => replicator.Details.Joining is null ? 0 : 1
        );
        Gauge(
            "replica.wrong",
            null,
            "1 while the state or the clock is known to be wrong, so that the replica does not serve, else 0.",
            () => health.Wrong is not null || clock.IsWrong ? 1 : 0
        );
        _meter.CreateObservableGauge(
            "agora.replica.term",
            () => Measure(replicator.Details.Term),
            "{term}",
            "The Raft term that the replica has reached."
        );
        _meter.CreateObservableCounter(
            "agora.replica.repairs",
            () => Repairs(replicator.Details),
            "{message}",
            "Retransmissions: how often the replica asked for what it missed, and how many messages it sent again."
        );
        _meter.CreateObservableCounter(
            "agora.replica.resyncs",
            () => replicator.Details.Resyncs,
            "{copy}",
            "How often the replica copied the whole state from another one."
        );
        Peers(replicator);
        _meter.CreateObservableGauge(
            "agora.clock.offset",
            () => Measure(clock.Ahead?.TotalSeconds),
            "s",
            "How far the replica's clock is ahead of the median of the others; negative if behind."
        );
        _meter.CreateObservableGauge(
            "agora.data.size",
            () => Sizes(directory.Path),
            "By",
            "Bytes of the replica's files: its state, its log, and what it has set aside."
        );
    }

    public void Dispose() => _meter.Dispose();

    private void Gauge(string name, string? unit, string description, Func<long> read) =>
        _meter.CreateObservableGauge($"agora.{name}", read, unit, description);

    private void Peers(IReplicator replicator)
    {
        _meter.CreateObservableGauge(
            "agora.peer.reachable",
            () =>
                replicator
                    .Details.Peers.Where(p => p.Reaches is not null)
                    .Select(p => Of(p.Replica, p.Reaches is true ? 1L : 0)),
            description: "1 while this replica and the peer reach each other, else 0; nothing where it cannot know."
        );
        _meter.CreateObservableGauge(
            "agora.peer.round_trip",
            () =>
                replicator
                    .Details.Peers.Where(p => p.RoundTrip is not null)
                    .Select(p => Of(p.Replica, p.RoundTrip.GetValueOrDefault().TotalSeconds)),
            "s",
            "The usual time from a question to the peer until its answer."
        );
        _meter.CreateObservableGauge(
            "agora.peer.silence",
            () =>
                replicator
                    .Details.Peers.Where(p => p.HeardAgo is not null)
                    .Select(p => Of(p.Replica, p.HeardAgo.GetValueOrDefault().TotalSeconds)),
            "s",
            "How long ago something of the peer came."
        );
        _meter.CreateObservableCounter(
            "agora.peer.datagrams",
            () => replicator.Details.Peers.SelectMany(Datagrams),
            "{datagram}",
            "Datagrams sent to the peer and received from it, where the engine sends datagrams."
        );
    }

    private static long Lag(IReplicator replicator) =>
        replicator.Status is var status ? Math.Max(0, status.Known - status.Applied) : 0;

    private static Measurement<long>[] Positions(IReplicator replicator, ReplicatedStore store)
    {
        var status = replicator.Status;
        return
        [
            Kind(status.Known, "kind", "known"),
            Kind(replicator.Details.Committed, "kind", "committed"),
            Kind(status.Applied, "kind", "applied"),
            Kind(store.Durable, "kind", "durable"),
        ];
    }

    private static Measurement<long>[] Repairs(ReplicatorDetails details) =>
        [Kind(details.RepairsAsked, "direction", "asked"), Kind(details.RepairsAnswered, "direction", "answered")];

    private static IEnumerable<Measurement<long>> Datagrams(ReplicatorPeer peer)
    {
        if (peer is { Sent: { } sent, Received: { } received })
        {
            KeyValuePair<string, object?> replica = new("peer", peer.Replica);
            yield return new(sent, replica, new("direction", "sent"));
            yield return new(received, replica, new("direction", "received"));
        }
    }

    // Nothing where it is not known.
    private static IEnumerable<Measurement<T>> Measure<T>(T? value)
        where T : struct => value is { } number ? [new(number)] : [];

    private static Measurement<T> Of<T>(int peer, T value)
        where T : struct => new(value, new KeyValuePair<string, object?>("peer", peer));

    private static Measurement<long> Kind(long value, string label, string kind) =>
        new(value, new KeyValuePair<string, object?>(label, kind));

    // The first folder decides what a file is a part of. A file may go while it is looked at.
    private static Measurement<long>[] Sizes(string directory)
    {
        Dictionary<string, long> sizes = new()
        {
            ["state"] = 0,
            ["log"] = 0,
            ["set-aside"] = 0,
        };
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            try
            {
                var part = Path.GetRelativePath(directory, file.FullName).Split(Path.DirectorySeparatorChar)[0] switch
                {
                    "raft" or "journal" => "log",
                    SetAside.DirectoryName => "set-aside",
                    _ => "state",
                };
                sizes[part] += file.Length;
            }
            catch (IOException)
            {
                continue;
            }
        }

        return [.. sizes.Select(size => Kind(size.Value, "part", size.Key))];
    }
}
