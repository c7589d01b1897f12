using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>Where a database replica listens.</summary>
public sealed record DatabaseAddress
{
    /// <summary>Host name or IP address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port of the gRPC service.</summary>
    public int GrpcPort { get; init; }

    /// <summary>The port for the other replicas: UDP with the rotating sequencer, TCP with Raft.</summary>
    public int PeerPort { get; init; }

    /// <summary>
    /// TCP port for operators: health and metrics. Null for none. Off loopback it speaks TLS, and only processes of the
    /// cluster and operators may ask.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OperatorsPort { get; init; }

    /// <summary>
    /// Where readers of this file connect instead, for example to a proxy, to mapped ports, or to the lab. The address
    /// above stays the replica's name: replicas of one database know each other by it.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DatabaseAddress? Via { get; init; }

    /// <summary>The address to connect or send to.</summary>
    public DatabaseAddress Dial() => Via ?? this;
}
