namespace Agora.Chaos;

/// <summary>One round of chaos.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Seconds">How long users traded under faults.</param>
/// <param name="Calls">Calls, failed ones included.</param>
/// <param name="Accounts">Accounts that users opened, one each.</param>
/// <param name="Wrong">What the audit found wrong.</param>
/// <param name="WholeAfterSeconds">How long it took, after everything was healed, until every process served
/// again.</param>
/// <param name="MarketplaceMiB">Resident memory of all processes at its end.</param>
/// <param name="OwnMiB">Resident memory of chaos itself: clients, relays, model.</param>
/// <param name="CustomersRepeats">Commands that came to the customers database again after it had applied them.</param>
/// <param name="ProductsRepeats">The same for the products database.</param>
public sealed record RoundResult(
    int Number,
    double Seconds,
    long Calls,
    int Accounts,
    IReadOnlyList<string> Wrong,
    double WholeAfterSeconds,
    double MarketplaceMiB,
    double OwnMiB,
    long CustomersRepeats,
    long ProductsRepeats
);
