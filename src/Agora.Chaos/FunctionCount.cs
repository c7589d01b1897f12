namespace Agora.Chaos;

/// <summary>One function's calls.</summary>
/// <param name="Role"><c>seller</c> or <c>buyer</c>.</param>
/// <param name="Function">Its name.</param>
/// <param name="Succeeded">Calls that succeeded.</param>
/// <param name="Refused">Calls that were refused, as they had to be.</param>
/// <param name="Failed">Calls without an answer within the client's timeout.</param>
/// <param name="Unknown">Failed calls whose client never asked again what became of them.</param>
/// <param name="LongestSeconds">The longest call that was answered.</param>
public sealed record FunctionCount(
    string Role,
    string Function,
    long Succeeded,
    long Refused,
    long Failed,
    long Unknown,
    double LongestSeconds
);
