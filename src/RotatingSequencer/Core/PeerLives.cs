using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Lives. A member that starts greets all others with a question, and answers theirs. It is heard once it has answered,
/// and it says nothing of its own before all others have answered: by then each of them has stopped to listen to its
/// earlier lives, and has said what those had claimed. So a member learns that its journal is an older copy, or lacks
/// its end, before that can do harm; and of two processes with copies of one journal, one at most is ever heard.
/// </summary>
internal sealed class PeerLives(
    CoreOptions options,
    OwnLife own,
    MessageLog log,
    Membership membership,
    Peers peers,
    ReadBarrier barrier,
    Proposals proposals,
    Greetings greetings,
    Questions questions,
    Outbox outbox,
    Schedule schedule
)
{
    /// <summary>Takes a Greeting.</summary>
    /// <param name="from">Who sends it.</param>
    /// <param name="life">The life that sends it.</param>
    /// <param name="greeting">What it says.</param>
    /// <param name="held">How far the sender claims to hold everything.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="JournalLostException">This member's journal is an older copy, or lacks its end.</exception>
    /// <exception cref="MemberReplacedException">Another process runs with a copy of the journal.</exception>
    public void TakeGreeting(int from, long life, in Greeting greeting, long held, long now)
    {
        ref var known = ref peers[from].Life;
        // Only an answer to a question of this start shows that the sender lives now.
        var answers = questions.WasAsked(greeting.Answer);
        if (answers)
        {
            questions.Answered(from, greeting.Answer, now);
            StopIfLaterLifeExists(from, greeting);
            if (known.Id != life && IsNewer(from, known, greeting))
            {
                membership.Unsettle();
                known = new PeerLife
                {
                    Id = life,
                    Incarnation = greeting.Incarnation,
                    LifeNumber = greeting.LifeNumber,
                    Token = greeting.Answer,
                    Dropped = -1,
                    MyLocal = -1,
                    MyNumber = -1,
                };
                proposals.DropUnlessOf(from, known.Incarnation);
            }
        }

        var isKnown = known.Id == life;
        if (isKnown)
        {
            Note(ref known, greeting);
            if (answers && greeting.YourLife == own.Id)
            {
                Meet(from, greeting, held);
            }
            else if (greeting.YourLife != own.Id && known.Met)
            {
                // Perhaps it knows a later life of this member by now: its answer to a question will tell.
                known.Met = false;
                membership.Unsettle();
            }
        }

        if (greeting.Ask != 0)
        {
            var differs = greeting.Epoch == membership.Epoch.Number && !membership.IsJoining && !known.Agrees;
            var asks = (!isKnown || !known.Met || differs) && now >= known.AskAt;
            known.AskAt = asks ? now + peers[from].RoundTrip.Timeout : known.AskAt;
            greetings.Greet(from, asks, greeting.Ask, greeting.Incarnation, now);
        }

        if (
            greeting.Epoch < membership.DurableEpoch
            && (greeting.Epoch > 0 || greeting.Incarnation == membership.Epoch.Incarnations[from])
        )
        {
            outbox.AddInstall(from, membership.Epoch);
        }
    }

    /// <summary>
    /// An unknown life may be a new one, or one of another process with a copy of that member's journal: either learns
    /// from the question which life is known here.
    /// </summary>
    public void AskWhoItIs(int from, long now)
    {
        ref var known = ref peers[from].Life;
        if (now >= known.AskAt)
        {
            known.AskAt = now + peers[from].RoundTrip.Timeout;
            greetings.Greet(from, asks: true, answer: 0, known.Incarnation, now);
        }
    }

    /// <summary>
    /// Greets a member that has not answered yet, or does not agree yet; and repeats a proposal to it.
    /// </summary>
    public void Contact(int member, long now)
    {
        ref var life = ref peers[member].Life;
        var proposes = life.Met && proposals.IsPromiseAwaited(member);
        var greets = !life.Met || (!membership.Operates && (!life.Agrees || membership.IsFrozen));
        if (!proposes && !greets)
        {
            life.Due = 0;
            life.Attempts = 0;
            return;
        }

        if (now >= life.Due)
        {
            if (proposes)
            {
                proposals.Send(member);
            }

            if (greets)
            {
                greetings.Greet(member, asks: true, answer: 0, life.Incarnation, now);
            }

            life.Due = now + schedule.Pause(peers[member].RoundTrip.Timeout, life.Attempts++);
        }

        schedule.Wake(life.Due);
    }

    /// <summary>Whether a life that has just answered takes the place of the one that was known.</summary>
    private bool IsNewer(int from, in PeerLife known, in Greeting greeting)
    {
        if (known.Incarnation == greeting.Incarnation)
        {
            return greeting.LifeNumber > known.LifeNumber;
        }

        // An incarnation that was replaced may still run somewhere, and has to learn it. It replaces nobody.
        return known.Id == 0
            || (
                greeting.Answer > known.Token
                && !(membership.IsOfView(from) && greeting.Epoch > 0 && greeting.Epoch < membership.View.Number)
            );
    }

    /// <summary>Notes what a known life says of itself, and of this member.</summary>
    private void Note(ref PeerLife known, in Greeting greeting)
    {
        if (greeting.Epoch > known.Epoch || greeting.Promised > known.Promised)
        {
            membership.Unsettle();
        }

        // Greetings may come late: what they say of an epoch only grows within it.
        var isLater = greeting.Epoch > known.Epoch;
        if (isLater || greeting.Epoch == known.Epoch)
        {
            known.Operated = greeting.Operated || (known.Operated && !isLater);
            known.MyLocal = isLater ? greeting.YourLocal : Math.Max(known.MyLocal, greeting.YourLocal);
            known.MyNumber = isLater ? greeting.YourSequences : Math.Max(known.MyNumber, greeting.YourSequences);
        }

        known.Epoch = Math.Max(known.Epoch, greeting.Epoch);
        known.Promised = Math.Max(known.Promised, greeting.Promised);
        known.Returns = greeting.Returns;
        known.Dropped = Math.Max(known.Dropped, greeting.Dropped);
    }

    /// <summary>A known life has answered. In the same epoch the two agree, or this journal was lost.</summary>
    private void Meet(int from, in Greeting greeting, long held)
    {
        ref var known = ref peers[from].Life;
        if (!known.Met || !known.Agrees)
        {
            membership.Unsettle();
        }

        known.Met = true;
        known.Attempts = 0;
        if (membership.IsJoining || greeting.Epoch != membership.Epoch.Number || !membership.IsOfView(from))
        {
            return;
        }

        var claims = log.Claims;
        if (
            greeting.YourHeld > claims.Held
            || greeting.YourSequences > claims.Sequences
            || greeting.YourLocal > claims.Locals[options.Self]
            || greeting.AllHeld > claims.Held
        )
        {
            throw new JournalLostException(
                $"Member {from} has heard that this member holds everything up to "
                    + $"{Math.Max(greeting.YourHeld, greeting.AllHeld)} and its own Requests up to "
                    + $"{greeting.YourLocal}, but its journal ends at {claims.Held} and "
                    + $"{claims.Locals[options.Self]}: the end of the journal was lost, or it is an older copy."
            );
        }

        if (!known.Agrees)
        {
            known.Agrees = true;
            barrier.Agreed(held);
        }
    }

    private void StopIfLaterLifeExists(int from, in Greeting greeting)
    {
        if (greeting.YourLife != own.Id && greeting.YourLifeNumber >= own.Number)
        {
            if (membership.HasTakenPart)
            {
                throw new MemberReplacedException(
                    $"Member {from} hears another process with a copy of this member's journal, which has started "
                        + "since. Only one of the two may run."
                );
            }

            throw new JournalLostException(
                $"Member {from} has heard a later start of this member: its journal is an older copy, or another "
                    + "process runs with a copy."
            );
        }
    }
}
