using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Agora.Cluster;

namespace Agora.Replication;

/// <summary>
/// Whose a replica's files are: the replica's place in its group. Addresses are no part of it, so a replica may move to
/// another host. Files of another owner are never used: what they hold was promised, acknowledged or applied by another
/// replica, in another group, or by another majority.
/// </summary>
/// <param name="Cluster">The cluster's id, made with its keys; empty where there are none, as in tests.</param>
/// <param name="Database">The database, such as <c>products</c>.</param>
/// <param name="Engine">What orders its commands.</param>
/// <param name="Replica">The replica's number.</param>
/// <param name="Replicas">How many the group has.</param>
internal sealed record ReplicaOwner(
    string Cluster,
    string Database,
    ReplicationEngine Engine,
    int Replica,
    int Replicas
)
{
    /// <summary>The mark of a single replica's files.</summary>
    public OwnerMark Mark => MarkOf(string.Create(CultureInfo.InvariantCulture, $"{GroupText}/{Replica}"));

    /// <summary>
    /// The mark of the whole group. Two replicas whose marks differ were given different cluster files, and must not
    /// take part in each other's decisions: each would count another majority.
    /// </summary>
    public OwnerMark Group => MarkOf(GroupText);

    private string GroupText =>
        string.Create(CultureInfo.InvariantCulture, $"agora/{Cluster}/{Database}/{Engine}/{Replicas}");

    /// <summary>What tells two groups apart, for people; null where they are the same.</summary>
    public string? GroupDifference(ReplicaOwner other) =>
        other.Database != Database ? $"belongs to the database {other.Database}, and this replica to {Database}"
        : other.Cluster != Cluster
            ? $"belongs to another cluster ({Shown(other.Cluster)}; this one is {Shown(Cluster)})"
        : other.Engine != Engine ? $"runs on {Words(other.Engine)}, and this replica on {Words(Engine)}"
        : other.Replicas != Replicas
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"belongs to a group of {other.Replicas}, and this replica to a group of {Replicas}"
            )
        : null;

    /// <summary>What tells two owners apart, for people; null where they are the same.</summary>
    public string? Difference(ReplicaOwner other) =>
        GroupDifference(other)
        ?? (
            other.Replica == Replica
                ? null
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"belongs to replica {other.Replica}, and this is replica {Replica}"
                )
        );

    private static string Shown(string cluster) => cluster.Length > 0 ? cluster : "without an id";

    private static string Words(ReplicationEngine engine) =>
        engine == ReplicationEngine.Raft ? "Raft" : "the rotating sequencer";

    private static OwnerMark MarkOf(string text) => OwnerMark.Read(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
