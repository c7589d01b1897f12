namespace RotatingSequencer.Protocol;

/// <summary>What the protocol core has to know. Times are microseconds.</summary>
internal sealed record ProtocolOptions
{
    public required int Self { get; init; }
    public required int Members { get; init; }

    /// <summary>Largest datagram, seal included.</summary>
    public int MaximumDatagram { get; init; } = 1_400;

    /// <summary>How many Requests of one member may be unknown to be held by all.</summary>
    public int Window { get; init; } = 256;

    /// <summary>How many own Requests without a Sequence go out before those that wait are made to share one.</summary>
    public int Pipeline { get; init; } = 4;

    /// <summary>Claims that nobody waits for urgently wait this long for something to travel with.</summary>
    public long AcknowledgeDelay { get; init; } = 2_000;

    /// <summary>Least time from noticing a gap to asking: reordering is not loss.</summary>
    public long Grace { get; init; } = 100;

    /// <summary>Longest pause between two questions to a member that does not answer.</summary>
    public long MaximumPause { get; init; } = 500_000;

    /// <summary>Pause between heartbeats of a silent member.</summary>
    public long Heartbeat { get; init; } = 1_000_000;

    /// <summary>Whether records go to a journal. Without one, what is held counts as durable at once: members must then not fail.</summary>
    public bool Journal { get; init; }

    /// <summary>Seed of the jitter.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Below all tokens of this life's questions; random, so that no answer to a question of an earlier life is taken for one to a question of this.</summary>
    public required long FirstToken { get; init; }
}
