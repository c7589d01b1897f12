using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Lives. A member that starts greets all others with a question, and answers theirs. It is heard once it has answered,
/// and it says nothing of its own before all others have answered: by then each of them has stopped to listen to its
/// earlier lives, and has said what those had claimed. So a member learns that its journal is an older copy, or lacks
/// its end, before that can do harm; and of two processes with copies of one journal, one at most is ever heard.
/// <para>
/// Such copies may both be written to, and each may be started again and again. So a member remembers on its disk which
/// life it listens to, and takes another start of that journal in its place only if that has seen this life begin: a
/// journal names its own starts.
/// </para>
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
    JournalRecords records,
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
    /// <returns>Whether it answers a question of this start: then the sender lives now.</returns>
    /// <exception cref="JournalLostException">This member's journal is an older copy, or lacks its end.</exception>
    /// <exception cref="MemberReplacedException">Another process runs with a copy of the journal.</exception>
    public bool TakeGreeting(int from, long life, in Greeting greeting, long held, long now)
    {
        ref var known = ref peers[from].Life;
        var namesAnother = NamesAnotherProcess(from, greeting);
        var answers = questions.WasAsked(greeting.Answer);
        if (answers)
        {
            questions.Answered(from, greeting.Answer, now);
            if (namesAnother)
            {
                StopForAnotherProcess(from);
            }

            if (known.Id != life && IsNewer(from, known, greeting) && ComesAfterTheLast(from, life, greeting))
            {
                Listen(from, life, greeting);
            }
        }

        if (known.Id == life)
        {
            Note(ref known, greeting, held);
            if (greeting.YourLife == own.Id)
            {
                known.HearsMeAt = Math.Max(known.HearsMeAt, greeting.LivesHeard);
                if (answers)
                {
                    Meet(from, greeting, held);
                }
            }
            else if (known.Met)
            {
                // Perhaps it knows a later life of this member by now: its answer to a question will tell.
                known.Met = false;
                membership.Unsettle();
            }
        }

        if (greeting.Ask != 0)
        {
            Answer(from, life, greeting, namesAnother, now);
        }

        if (
            greeting.Epoch < membership.DurableEpoch
            && (greeting.Epoch > 0 || greeting.Incarnation == membership.Epoch.Incarnations[from])
        )
        {
            outbox.AddInstall(from, membership.Epoch);
        }

        return answers;
    }

    /// <summary>
    /// An unknown life may be a new one, or one of another process with a copy of that member's journal: either learns
    /// from the question which life is known here. A known one may have begun to listen to another process with a copy
    /// of this member's journal: the answer tells.
    /// </summary>
    public void AskWhoItIs(int from, long now)
    {
        ref var known = ref peers[from].Life;
        if (now >= known.AskAt)
        {
            known.AskAt = now + peers[from].RoundTrip.Timeout;
            greetings.Greet(from, asks: true, answer: 0, IncarnationOf(from), now);
        }
    }

    /// <summary>
    /// Greets a member that has not answered yet, or does not agree yet; and repeats a proposal to it.
    /// </summary>
    public void Contact(int member, long now)
    {
        ref var life = ref peers[member].Life;
        if (life.AnswerDue != 0 && life.IsOnDisk)
        {
            greetings.Greet(member, asks: !life.Met, life.AnswerDue, life.Incarnation, now);
            life.AnswerDue = 0;
        }

        var proposes = life.Met && proposals.IsPromiseAwaited(member);
        var greets = !life.Met || (!membership.Operates && (!life.Agrees || membership.IsFrozen));
        if (!greets && peers.AllMet && life.ToldAt != outbox.LivesHeard)
        {
            // So that it need not ask before it counts this member's claims again.
            greetings.Greet(member, asks: false, answer: 0, life.Incarnation, now);
        }

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
                greetings.Greet(member, asks: true, answer: 0, IncarnationOf(member), now);
            }

            life.Due = now + schedule.Pause(peers[member].RoundTrip.Timeout, life.Attempts++);
        }

        schedule.Wake(life.Due);
    }

    /// <summary>Answers a question, and asks in turn where something is to be learned.</summary>
    private void Answer(int from, long life, in Greeting greeting, bool namesAnother, long now)
    {
        ref var known = ref peers[from].Life;
        var isKnown = known.Id == life;
        var differs = greeting.Epoch == membership.Epoch.Number && !membership.IsJoining && !known.Agrees;
        // The other process that it names has to be known about before anything is answered.
        var asks = (!isKnown || !known.Met || differs || namesAnother) && now >= known.AskAt;
        known.AskAt = asks ? now + peers[from].RoundTrip.Timeout : known.AskAt;
        var answer = namesAnother ? 0 : greeting.Ask;
        if (isKnown && !known.IsOnDisk)
        {
            known.AnswerDue = answer;
        }
        else if (asks || answer != 0)
        {
            greetings.Greet(from, asks, answer, greeting.Incarnation, now, life);
        }
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

    /// <summary>
    /// Whether a greeting names a life of this member that is of another process. One whose incarnation was replaced,
    /// and has yet to learn it, is not believed: what it has heard of others is of before.
    /// </summary>
    private bool NamesAnotherProcess(int from, in Greeting greeting)
    {
        var isReplaced =
            greeting.Epoch > 0
            && greeting.Epoch < membership.Epoch.Number
            && greeting.Incarnation != membership.Epoch.Incarnations[from];
        return !isReplaced && own.IsForeign(greeting.YourLife, greeting.YourLifeNumber);
    }

    /// <summary>
    /// Whether a life is the last of its incarnation that was heard, or has seen that one begin: it has answered a
    /// question that named it.
    /// </summary>
    private bool ComesAfterTheLast(int from, long life, in Greeting greeting)
    {
        var last = peers.Heard.Of(from, greeting.Incarnation);
        var named = peers[from].Named;
        return last.Id == 0
            || last.Id == life
            || (greeting.LifeNumber > last.Number && named.Life == last && greeting.Answer >= named.Since);
    }

    /// <summary>Listens to a life from now on, and to none that was known before it.</summary>
    private void Listen(int from, long life, in Greeting greeting)
    {
        membership.Unsettle();
        HeardLife heard = new(greeting.Incarnation, greeting.LifeNumber, life);
        var isRecorded = peers[from].Life.Id == 0 && peers.Heard.Of(from, greeting.Incarnation) == heard;
        peers[from].Life = new PeerLife
        {
            Id = life,
            Incarnation = greeting.Incarnation,
            LifeNumber = greeting.LifeNumber,
            Token = greeting.Answer,
            Held = -1,
            Dropped = -1,
            MyLocal = -1,
            MyNumber = -1,
            IsOnDisk = isRecorded || !options.Journal,
            HearsMeAt = -1,
            ToldAt = -1,
        };
        outbox.LivesHeard++;
        if (!isRecorded)
        {
            peers.Heard.Add(from, heard, membership.View.Incarnations[from]);
            records.AddHeard(from, heard);
        }

        proposals.DropUnlessOf(from, greeting.Incarnation);
    }

    /// <summary>The incarnation that a member is known to be of; or, after a start, was asked as.</summary>
    private long IncarnationOf(int member)
    {
        var peer = peers[member];
        return peer.Life.Id != 0 ? peer.Life.Incarnation : peer.Named.Life.Incarnation;
    }

    /// <summary>Notes what a known life says of itself, and of this member.</summary>
    private void Note(ref PeerLife known, in Greeting greeting, long held)
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
            known.Held = isLater ? held : Math.Max(known.Held, held);
            known.MyLocal = isLater ? greeting.YourLocal : Math.Max(known.MyLocal, greeting.YourLocal);
            known.MyNumber = isLater ? greeting.YourSequences : Math.Max(known.MyNumber, greeting.YourSequences);
        }

        known.Epoch = Math.Max(known.Epoch, greeting.Epoch);
        if (known.Operated && known.Epoch > membership.Epoch.Number && !membership.IsJoining)
        {
            throw new JournalLostException(
                $"This member has entered epoch {known.Epoch}, as all others have, but its journal only knows of "
                    + $"{membership.Epoch.Number}: the end of the journal was lost, or it is an older copy."
            );
        }

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

    /// <summary>Stops this start: another member has heard a process with a copy of the journal.</summary>
    private void StopForAnotherProcess(int from)
    {
        throw membership.HasTakenPart
            ? new MemberReplacedException(
                $"Member {from} hears another process with a copy of this member's journal. "
                    + "Only one of the two may run."
            )
            : new JournalLostException(
                $"Member {from} has heard a start of this member that its journal does not know: the journal is an "
                    + "older copy, or another process runs with a copy."
            );
    }
}
