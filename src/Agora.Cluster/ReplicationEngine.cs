using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>The protocol that orders a database's commands.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ReplicationEngine>))]
public enum ReplicationEngine
{
    /// <summary>Our rotating-sequencer atomic broadcast, over UDP.</summary>
    [JsonStringEnumMemberName("rotating-sequencer")]
    RotatingSequencer,

    /// <summary>Raft, over TCP.</summary>
    [JsonStringEnumMemberName("raft")]
    Raft,
}
