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
    /// <param name="greeted">The life that is greeted, 0 when that is the one which is known.</param>
    public void Greet(int member, bool asks, long answer, long incarnation, long now, long greeted = 0)
    {
        ref readonly var known = ref peers[member].Life;
        if (known.Id != 0 && !known.IsOnDisk)
        {
            // It is greeted again once it is. What is not on the disk is not said.
            return;
        }

        peers[member].Life.ToldAt = outbox.LivesHeard;
        var token = asks ? questions.NewToken(now) : 0;
        var (yourLife, yourNumber) = LifeToName(member, incarnation, greeted, token);
        var claims = membership.IsOfView(member) ? peers[member].Claims : null;
        outbox.AddGreeting(
            member,
            new Greeting
            {
                Incarnation = life.Incarnation,
                LifeNumber = life.Number,
                Ask = token,
                Answer = answer,
                YourLife = yourLife,
                YourLifeNumber = yourNumber,
                LivesHeard = outbox.LivesHeard,
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

    /// <summary>
    /// The life that is listened to; or, where another start of an incarnation is greeted, the one of that incarnation
    /// that was heard last. With the latter's number, the receiver can say whether it comes after it.
    /// </summary>
    private (long Id, long Number) LifeToName(int member, long incarnation, long greeted, long token)
    {
        var peer = peers[member];
        var known = (peer.Life.Id, Number: peer.Life.Incarnation == incarnation ? peer.Life.LifeNumber : 0);
        var heard = peers.Heard.Of(member, incarnation);
        if (heard.Id == 0)
        {
            return known;
        }

        if (known.Number == 0 && heard.Id != greeted)
        {
            known = (heard.Id, heard.Number);
        }

        if (token != 0 && known.Id == heard.Id && peer.Named.Life != heard)
        {
            peer.Named = (heard, token);
        }

        return known;
    }
}
