using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>What a database replica says of itself and its group. Counts begin at its start.</summary>
/// <param name="Engine"><c>raft</c> or <c>rotating-sequencer</c>.</param>
/// <param name="Ready">Reads and writes would be served now, as far as it knows.</param>
/// <param name="Leader">The replica number of the leader, where there is one and it is known.</param>
/// <param name="Term">The term that it has reached; null if its engine has none.</param>
/// <param name="Known">The highest position that it has heard of.</param>
/// <param name="Committed">A majority holds everything up to here, as far as it knows.</param>
/// <param name="RepairsAsked">How often it asked for messages that it missed.</param>
/// <param name="RepairsAnswered">How many messages it sent again because another replica asked.</param>
/// <param name="Resyncs">How often it fetched the whole state from another replica.</param>
/// <param name="Peers">The other replicas.</param>
public sealed record DatabaseStatus(
    string Engine,
    bool Ready,
    int? Leader,
    long? Term,
    long Known,
    long Committed,
    long RepairsAsked,
    long RepairsAnswered,
    long Resyncs,
    IReadOnlyList<PeerLink> Peers
)
{
    /// <summary>The name of Raft as an engine.</summary>
    public const string Raft = "raft";

    /// <summary>How far it is with joining its group; null while it takes part.</summary>
    public JoiningProgress? Joining { get; init; }

    /// <summary>
    /// How far its clock is ahead of the median of the others; null while it has compared it with none.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ClockAheadMilliseconds { get; init; }

    /// <summary>Why it does not serve, and what else an operator should know of it, as sentences.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}
