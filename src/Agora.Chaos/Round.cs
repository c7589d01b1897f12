using Agora.Evaluation;

namespace Agora.Chaos;

/// <summary>What the clients of a round share.</summary>
/// <param name="Number">The round's number, from 0.</param>
/// <param name="Options">What was asked for.</param>
/// <param name="Names">Names and categories of this round alone.</param>
/// <param name="Listings">What is on sale.</param>
/// <param name="Findings">Counts everything, and keeps what is wrong.</param>
/// <param name="Allowed">When a call may fail.</param>
/// <param name="Time">The clock that all of them use.</param>
/// <param name="Closing">Ends the round: clients finish their calls and begin no other.</param>
internal sealed record Round(
    int Number,
    ChaosOptions Options,
    RunNames Names,
    Listings Listings,
    Findings Findings,
    AllowedFailures Allowed,
    TimeProvider Time,
    CancellationToken Closing
);
