using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>The options of a <see cref="BroadcastCore"/>. Times are in microseconds.</summary>
internal sealed record CoreOptions
{
    public required int Self { get; init; }
    public required int Members { get; init; }

    /// <summary>This many members are more than half of the group.</summary>
    public int Majority => (Members / 2) + 1;

    /// <summary>Longest datagram, seal included.</summary>
    public int MaxDatagram { get; init; } = 1_400;

    /// <summary>
    /// About how long a Request's body may be. What is longer than a datagram goes in <see cref="RequestParts"/>; 0: a
    /// Request is never longer.
    /// </summary>
    public int MaxBody { get; init; }

    /// <summary>The longest body of a Request.</summary>
    public int MaxRequestBody => RequestParts.MaxBody(MaxDatagram, Members, MaxBody);

    /// <summary>A longer body goes in parts of this length.</summary>
    public int PartLength => RequestParts.LengthOf(MaxDatagram, Members);

    /// <summary>How many Requests of one member may be under way, that is, not known to be held by all.</summary>
    public int Window { get; init; } = 256;

    /// <summary>How many own Requests go out without numbers before waiting payloads share a Request.</summary>
    public int Pipeline { get; init; } = 4;

    /// <summary>How long claims that nobody waits for wait for something to travel with.</summary>
    public long AcknowledgeDelay { get; init; } = 2_000;

    /// <summary>Shortest time from noticing a gap to asking: reordering is not loss.</summary>
    public long Grace { get; init; } = 100;

    /// <summary>Longest pause between two questions to a member that does not answer.</summary>
    public long MaxPause { get; init; } = 500_000;

    /// <summary>Time between heartbeats of a silent member.</summary>
    public long Heartbeat { get; init; } = 1_000_000;

    /// <summary>
    /// Whether records go to a journal. Without one, what is held counts as durable at once, and members must not fail.
    /// </summary>
    public bool Journal { get; init; }

    /// <summary>A random name of this start, not 0.</summary>
    public required long Life { get; init; }

    /// <summary>
    /// Whether the application's state is not the one that the journal needs: it has to be copied from another member.
    /// </summary>
    public bool StateLost { get; init; }

    /// <summary>
    /// For scripts of a group that has formed: the life of each member. Null: the group forms, and this member greets
    /// the others.
    /// </summary>
    public IReadOnlyList<long>? Formed { get; init; }

    /// <summary>Where to count; null for new counters.</summary>
    public CoreCounters? Counters { get; init; }

    /// <summary>Seed of the jitter.</summary>
    public required ulong Seed { get; init; }

    /// <summary>
    /// The tokens of this start's questions are higher. It is random, so that no answer to a question of an earlier
    /// start is mistaken for one to a question of this start.
    /// </summary>
    public required long FirstToken { get; init; }
}
