namespace Agora.Linearizability;

/// <summary>A call on one object.</summary>
/// <param name="Operation">What was asked and answered.</param>
/// <param name="Invoked">When the caller began.</param>
/// <param name="Returned">When the answer was there. <see cref="long.MaxValue"/> means that none came: the call may
/// have happened at any time since, or never.</param>
/// <param name="After">The index in the history of a call that happens before this one, although both overlap; −1 for
/// none.</param>
public readonly record struct TimedCall<TOperation>(
    TOperation Operation,
    long Invoked,
    long Returned = long.MaxValue,
    int After = -1
)
{
    /// <summary>Whether an answer came.</summary>
    public bool IsAnswered => Returned != long.MaxValue;
}
