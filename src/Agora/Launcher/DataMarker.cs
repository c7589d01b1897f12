using System.Globalization;
using System.Text.Json.Serialization;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// The content of <c>agora-data.json</c>: the shape of the cluster that a data directory belongs to, and its id.
/// </summary>
internal sealed record DataMarker(int Format, DatabaseShape Customers, DatabaseShape Products)
{
    /// <summary>The cluster's id; null until a replica of it was started here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Cluster { get; init; }

    public static DataMarker Of(ClusterFile cluster) =>
        new(1, DatabaseShape.Of(cluster.Customers), DatabaseShape.Of(cluster.Products));

    public override string ToString() => $"{Customers} for customers and {Products} for products";
}

/// <summary>The number of a database's replicas, and the protocol that orders its commands.</summary>
internal sealed record DatabaseShape(int Replicas, ReplicationEngine Engine)
{
    public static DatabaseShape Of(DatabaseGroup group) => new(group.Replicas.Count, group.Engine);

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Replicas} {(Replicas == 1 ? "replica" : "replicas")} under "
                + $"{(Engine == ReplicationEngine.Raft ? "Raft" : "the rotating sequencer")}"
        );
}
