using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>Where a server listens for HTTP.</summary>
public sealed record ServerAddress
{
    /// <summary>Host name or IP address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port.</summary>
    public int Port { get; init; }

    /// <summary>
    /// TCP port for operators: health and metrics. Null for none. Off loopback it speaks TLS, and only processes of the
    /// cluster and operators may ask.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OperatorsPort { get; init; }

    /// <summary>
    /// Where readers of this file connect instead, for example to a proxy, to a mapped port, or to the lab.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ServerAddress? Via { get; init; }

    /// <summary>The address to connect to.</summary>
    public ServerAddress Dial() => Via ?? this;
}
