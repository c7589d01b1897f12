using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Sends Greetings: what this member tells another of itself, and what it knows of the other. Only what is on disk is
/// said.
/// </summary>
internal sealed class Greetings(
    OwnLife life,
    MessageLog log,
    Membership membership,
    Peers peers,
    Questions questions,
    Outbox outbox
)
{
    /// <summary>Greets a member.</summary>
    /// <param name="member">Which.</param>
    /// <param name="asks">Whether an answer is wanted.</param>
    /// <param name="answer">The token of the question that this answers, 0 for none.</param>
    /// <param name="incarnation">The incarnation that the member says it is of, or is known to be of.</param>
    /// <param name="now">The time.</param>
    public void Greet(int member, bool asks, long answer, long incarnation, long now)
    {
        ref readonly var known = ref peers[member].Life;
        var claims = membership.IsOfView(member) ? peers[member].Claims : null;
        outbox.AddGreeting(
            member,
            new Greeting
            {
                Incarnation = life.Incarnation,
                LifeNumber = life.Number,
                Ask = asks ? questions.NewToken(now) : 0,
                Answer = answer,
                YourLife = known.Id,
                YourLifeNumber = known.Incarnation == incarnation ? known.LifeNumber : 0,
                Epoch = membership.DurableEpoch,
                Promised = membership.DurablePromised,
                Returns = life.Returns,
                Operated = membership.OperatedDurably && membership.DurableEpoch == membership.Epoch.Number,
                Dropped = log.Dropped,
                AllHeld = log.AllHeld,
                YourHeld = claims?.Held ?? -1,
                YourSequences = claims is null ? -1 : Math.Max(claims.Sequences, log.HighestNumberOf(member)),
                YourLocal = claims is null ? -1 : Math.Max(claims.Locals[member], log.Requests[member].Highest),
            }
        );
    }
}
