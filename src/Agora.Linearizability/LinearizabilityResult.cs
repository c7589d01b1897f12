namespace Agora.Linearizability;

/// <summary>What the search has found.</summary>
public enum Verdict
{
    /// <summary>There is an order of the calls that explains the answers.</summary>
    Linearizable,

    /// <summary>No order of the calls explains the answers.</summary>
    Impossible,

    /// <summary>
    /// The search stopped at its limit: calls that were not answered can be combined in too many ways.
    /// </summary>
    Undecided,
}

/// <summary>How a search ended, and where it got stuck.</summary>
/// <param name="Verdict">What the search has found.</param>
/// <param name="Explained">Indexes in the history of the calls that the best attempt could put in an order.</param>
/// <param name="State">The state after them.</param>
/// <param name="Stuck">Indexes in the history of the calls of which none could come next.</param>
public sealed record LinearizabilityResult<TState>(
    Verdict Verdict,
    IReadOnlyList<int> Explained,
    TState State,
    IReadOnlyList<int> Stuck
);
