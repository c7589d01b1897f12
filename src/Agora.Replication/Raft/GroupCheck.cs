using System.Collections.Concurrent;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// Compares what this replica and the others know of their group. Replicas with different cluster files would each
/// count another majority; so they refuse each other, and say so.
/// </summary>
/// <remarks>
/// The refusal itself is elsewhere, and needs no answer of the other: Raft's connections and those for reports name the
/// group's mark (<see cref="PeerTls"/>, <see cref="ReportWire"/>), and so does every call that matters. Here the
/// replicas find out what the difference is, for log and status.
/// </remarks>
internal sealed class GroupCheck(ReplicaOwner own, ILogger logger)
{
    /// <summary>The metadata that names the caller's group.</summary>
    public const string Header = "agora-group";

    private readonly ConcurrentDictionary<string, string> _differences = [];
    private readonly ConcurrentDictionary<int, bool> _confirmed = [];
    private readonly ConcurrentDictionary<string, string> _logged = []; // The other asks again and again.

    /// <summary>The mark of this replica's group, as a header carries it.</summary>
    public string Mark { get; } = own.Group.ToString();

    /// <summary>This replica's place, as it tells the others.</summary>
    public ReplicaPlace Place { get; } =
        new()
        {
            Cluster = own.Cluster,
            Database = own.Database,
            Engine = own.Engine.ToString(),
            Replica = own.Replica,
            Replicas = own.Replicas,
        };

    /// <summary>Which replicas are refused and why, for people.</summary>
    public IReadOnlyList<string> Problems => [.. _differences.OrderBy(d => d.Key).Select(d => d.Value)];

    /// <summary>Another replica has said that it belongs to this group.</summary>
    public bool IsConfirmed(int replica) => _confirmed.GetValueOrDefault(replica);

    /// <summary>Refuses a call of a replica that does not name this group.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION.</exception>
    public static void RefuseOtherGroups(ServerCallContext context, string mark)
    {
        if (context.RequestHeaders.GetValue(Header) != mark)
        {
            throw new RpcException(
                new Status(StatusCode.FailedPrecondition, "The caller belongs to another group, or to none.")
            );
        }
    }

    /// <summary>Takes note of what another replica says; returns whether it belongs to the same group.</summary>
    /// <param name="name">How the other is called here.</param>
    /// <param name="place">What it says.</param>
    public bool Compare(string name, ReplicaPlace? place)
    {
        var difference =
            place is null ? "does not say which group it belongs to"
            : Enum.TryParse<ReplicationEngine>(place.Engine, out var engine)
                ? own.GroupDifference(
                    new ReplicaOwner(place.Cluster, place.Database, engine, place.Replica, place.Replicas)
                )
            : $"runs on {place.Engine}";
        if (difference is null)
        {
            _confirmed[place!.Replica] = true;
            _differences.TryRemove(name, out _);
            return true;
        }

        var problem = $"{name} is refused: it {difference}; give both the same cluster file and keys";
        _differences[name] = problem;
        if (_logged.GetValueOrDefault(name) != problem)
        {
            _logged[name] = problem;
            logger.LogError("{Problem}", problem);
        }

        return false;
    }
}
