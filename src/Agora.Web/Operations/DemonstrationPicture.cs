namespace Agora.Web.Operations;

/// <summary>A demonstration that runs, or has run.</summary>
/// <param name="Kind">Which.</param>
/// <param name="BeganAt">When it began, in UTC.</param>
/// <param name="Step">What it does now, or how it ended, as a sentence.</param>
/// <param name="Result">What was measured; null while it runs, and if it was broken off.</param>
/// <param name="IsRunning">It runs.</param>
public sealed record DemonstrationPicture(
    DemonstrationKind Kind,
    DateTime BeganAt,
    string Step,
    DemonstrationResult? Result,
    bool IsRunning
);

/// <summary>What a demonstration has measured.</summary>
/// <param name="What">What was done, as a sentence.</param>
/// <param name="Loads">The kinds of calls that were made meanwhile.</param>
public sealed record DemonstrationResult(string What, IReadOnlyList<DemonstrationLoad> Loads)
{
    /// <summary>
    /// Nothing that was confirmed is missing, and nothing happened twice. Of a call that failed, the client does not
    /// know whether it happened.
    /// </summary>
    public bool IsWhole =>
        Loads.All(l => l.Confirmed is null || (l.Found >= l.Confirmed && l.Found <= l.Confirmed + l.Failed));
}

/// <summary>One kind of calls.</summary>
/// <param name="Name">E.g. <c>Writes to products</c>.</param>
/// <param name="Calls">How many were made.</param>
/// <param name="Failed">How many failed for their user, after all the client's attempts.</param>
/// <param name="UsualMilliseconds">The median of the calls before anything was done.</param>
/// <param name="PauseMilliseconds">The longest time without an answer, from when it was done.</param>
/// <param name="Confirmed">How many writes were confirmed; null for reads.</param>
/// <param name="Found">How many of them were there at the end; null if that could not be read.</param>
public sealed record DemonstrationLoad(
    string Name,
    int Calls,
    int Failed,
    double UsualMilliseconds,
    double PauseMilliseconds,
    long? Confirmed,
    long? Found
);
