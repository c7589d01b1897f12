using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>What can be seen of a member after a moment.</summary>
internal sealed record MemberState
{
    public required bool IsUp { get; init; }

    public required bool IsPaused { get; init; }

    /// <summary>Everything up to here is held, and would survive a crash.</summary>
    public required long Held { get; init; }

    /// <summary>A majority is known to hold everything up to here.</summary>
    public required long Stable { get; init; }

    public required long Delivered { get; init; }

    /// <summary>All are known to hold everything up to here; it is forgotten.</summary>
    public required long Dropped { get; init; }

    /// <summary>What is held of the last global numbers.</summary>
    public required IReadOnlyList<NumberHolding> Numbers { get; init; }

    /// <summary>Requests that are held and that no Sequence has named yet, in the whole group.</summary>
    public required IReadOnlyList<RequestId> Waiting { get; init; }

    /// <summary>Whether both look the same.</summary>
    public bool LooksLike(MemberState other) =>
        this with { Numbers = other.Numbers, Waiting = other.Waiting } == other
        && Numbers.SequenceEqual(other.Numbers)
        && Waiting.SequenceEqual(other.Waiting);
}
