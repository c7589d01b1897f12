namespace Agora.Cluster;

/// <summary>What a database replica knows of another one.</summary>
/// <param name="Replica">The other's replica number.</param>
/// <param name="Reaches">Whether the two reach each other now; null if it has no reason to know.</param>
/// <param name="HeardMillisecondsAgo">How long ago something of it came, at the time of the answer.</param>
/// <param name="RoundTripMicroseconds">The usual time from a question to its answer.</param>
/// <param name="Received">Datagrams of it that came, where the engine sends datagrams.</param>
/// <param name="Sent">Datagrams sent to it, where the engine sends datagrams.</param>
public sealed record PeerLink(
    int Replica,
    bool? Reaches,
    long? HeardMillisecondsAgo,
    long? RoundTripMicroseconds,
    long? Received,
    long? Sent
);
