using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// Lives. A member that starts greets all others with a question, and answers theirs. It is heard once it has answered,
/// and it says nothing of its own before all others have answered: by then each of them has stopped to listen to its
/// earlier lives, and has said what those had claimed. So a member learns that its journal is an older copy, or lacks
/// its end, before that can do harm; and of two processes with copies of one journal, one at most is ever heard.
/// </content>
internal sealed partial class BroadcastCore
{
    private readonly long _incarnation;
    private readonly long _life;
    private readonly long _lifeNumber;
    private readonly bool _returns;
    private readonly PeerLife[] _lives;

    /// <summary>Whether this start is on disk, so that a copy of the journal can be told from it.</summary>
    private bool _lifeDurable;

    /// <summary>The most that the members which agree held when they did so.</summary>
    private long _floor = -1;

    /// <summary>
    /// Whether this start holds what an earlier life of this member may have helped to deliver. The journal may lack
    /// it. Another member of that majority has it: so many have agreed that one of them is among these, and this member
    /// holds what they did. One that has joined holds everything up to the cut, and needs no such proof.
    /// </summary>
    private bool _isComplete;

    /// <summary>Whether this member's position counts for reads, its own and those of others.</summary>
    public bool CanRead => _isComplete && !IsJoining && !IsFrozen;

    private void NoteWhenComplete()
    {
        if (_isComplete || IsJoining || _claims.Held < _floor)
        {
            return;
        }

        var agree = 0;
        for (var m = 0; m < _members; m++)
        {
            agree += m != _self && _lives[m].Agrees ? 1 : 0;
        }

        _isComplete = agree >= Math.Min(_members - 1, _members - _majority + 1);
    }

    /// <summary>Whether this start has taken part in the group.</summary>
    private bool _hasOperated;

    private bool AllAgree => All(static (in PeerLife life) => life.Agrees);

    private bool AllMet => All(static (in PeerLife life) => life.Met);

    private delegate bool PeerTest(in PeerLife life);

    private bool All(PeerTest test)
    {
        for (var m = 0; m < _members; m++)
        {
            if (m != _self && !test(_lives[m]))
            {
                return false;
            }
        }

        return true;
    }

    private void BeginFormed(IReadOnlyList<long> lives)
    {
        for (var m = 0; m < _members; m++)
        {
            _lives[m] = new PeerLife
            {
                Life = lives[m],
                Incarnation = _epoch.Incarnations[m],
                LifeNumber = 1,
                Dropped = -1,
                Epoch = _epoch.Number,
                Promised = _epoch.Number,
                Met = true,
                Agrees = true,
            };
        }

        _operates = _hasOperated = _isComplete = _settled = _operated = _durableOperation = true;
    }

    /// <summary>Whether a member's present life is the one that this member's epoch counts on.</summary>
    private bool IsOfView(int member) => _lives[member].Incarnation == _view.Incarnations[member];

    private void OnGreeting(int from, long life, in Greeting greeting, long now)
    {
        // Only an answer to a question of this start shows that the sender lives now.
        var isAnswer = greeting.Answer > _options.FirstToken && greeting.Answer <= _token && greeting.YourLife == _life;
        var answersAny = greeting.Answer > _options.FirstToken && greeting.Answer <= _token;
        ref var known = ref _lives[from];
        if (answersAny)
        {
            Measure(from, greeting.Answer, now);
            StopIfLaterLifeExists(from, greeting);
            if (known.Life != life && IsNewer(from, known, greeting))
            {
                _settled = false;
                known = new PeerLife
                {
                    Life = life,
                    Incarnation = greeting.Incarnation,
                    LifeNumber = greeting.LifeNumber,
                    Token = greeting.Answer,
                    Dropped = -1,
                    MyLocal = -1,
                    MyNumber = -1,
                };
                if (_proposal is not null && _proposal.Incarnations[from] != known.Incarnation)
                {
                    _proposal = null;
                }
            }
        }

        var isKnown = known.Life == life;
        if (isKnown)
        {
            if (greeting.Epoch > known.Epoch || greeting.Promised > known.Promised)
            {
                _settled = false;
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
            if (isAnswer)
            {
                OnMeeting(from, greeting);
            }
            else if (greeting.YourLife != _life && known.Met)
            {
                // Perhaps it knows a later life of this member by now: its answer to a question will tell.
                known.Met = false;
                _settled = false;
            }
        }

        if (greeting.Ask != 0)
        {
            var asks = !isKnown || !known.Met || (greeting.Epoch == _epoch.Number && !IsJoining && !known.Agrees);
            asks &= now >= known.AskAt;
            known.AskAt = asks ? now + _roundTrips[from].Timeout : known.AskAt;
            Greet(from, asks, greeting.Ask, greeting.Incarnation, now);
        }

        if (greeting.Epoch < _durableEpoch && (greeting.Epoch > 0 || greeting.Incarnation == _epoch.Incarnations[from]))
        {
            Outbox.AddInstall(from, _epoch);
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
        return known.Life == 0
            || (
                greeting.Answer > known.Token
                && !(IsOfView(from) && greeting.Epoch > 0 && greeting.Epoch < _view.Number)
            );
    }

    /// <summary>
    /// An unknown life may be a new one, or one of another process with a copy of that member's journal: either learns
    /// from the question which life is known here.
    /// </summary>
    private void AskWhoItIs(int from, long now)
    {
        ref var known = ref _lives[from];
        if (now >= known.AskAt)
        {
            known.AskAt = now + _roundTrips[from].Timeout;
            Greet(from, asks: true, answer: 0, known.Incarnation, now);
        }
    }

    private void OnMeeting(int from, in Greeting greeting)
    {
        ref var known = ref _lives[from];
        _settled &= known.Met && known.Agrees;
        known.Met = true;
        known.Attempts = 0;
        if (IsJoining || greeting.Epoch != _epoch.Number || !IsOfView(from))
        {
            return;
        }

        if (
            greeting.YourHeld > _claims.Held
            || greeting.YourSequences > _claims.Sequences
            || greeting.YourLocal > _claims.Locals[_self]
            || greeting.AllHeld > _claims.Held
        )
        {
            throw new JournalLostException(
                $"Member {from} has heard that this member holds everything up to "
                    + $"{Math.Max(greeting.YourHeld, greeting.AllHeld)} and its own Requests up to "
                    + $"{greeting.YourLocal}, but its journal ends at {_claims.Held} and {_claims.Locals[_self]}: "
                    + "the end of the journal was lost, or it is an older copy."
            );
        }

        if (!known.Agrees)
        {
            known.Agrees = true;
            _floor = Math.Max(_floor, _incoming.Held);
        }
    }

    private void StopIfLaterLifeExists(int from, in Greeting greeting)
    {
        if (greeting.YourLife != _life && greeting.YourLifeNumber >= _lifeNumber)
        {
            if (_hasOperated)
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

    /// <summary>
    /// Greets a member that has not answered yet, or does not agree yet; and repeats a proposal to it.
    /// </summary>
    private void Contact(int member, long now)
    {
        ref var life = ref _lives[member];
        var proposes = _proposal is not null && life.Met && _promises[member] is null;
        var greets = !life.Met || (!_operates && (!life.Agrees || IsFrozen));
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
                Outbox.AddPrepare(member, _proposal!);
            }

            if (greets)
            {
                Greet(member, asks: true, answer: 0, life.Incarnation, now);
            }

            life.Due = now + Pause(_roundTrips[member].Timeout, life.Attempts++);
        }

        Wake(life.Due);
    }

    private void Greet(int member, bool asks, long answer, long incarnation, long now)
    {
        ref readonly var life = ref _lives[member];
        var peer = IsOfView(member) ? _peers[member] : null;
        Outbox.AddGreeting(
            member,
            new Greeting
            {
                Incarnation = _incarnation,
                LifeNumber = _lifeNumber,
                Ask = asks ? NewToken(now) : 0,
                Answer = answer,
                YourLife = life.Life,
                YourLifeNumber = life.Incarnation == incarnation ? life.LifeNumber : 0,
                Epoch = _durableEpoch,
                Promised = _durablePromised,
                Returns = _returns,
                Operated = _durableOperation && _durableEpoch == _epoch.Number,
                Dropped = Dropped,
                AllHeld = _allHeld,
                YourHeld = peer?.Held ?? -1,
                YourSequences = peer is null ? -1 : Math.Max(peer.Sequences, HighestNumberOf(member)),
                YourLocal = peer is null ? -1 : Math.Max(peer.Locals[member], _requests[member].Highest),
            }
        );
    }

    /// <summary>
    /// The highest number held that a member assigned. The journal may hold it above a gap, so no claim shows it; but
    /// its owner must not assign it again.
    /// </summary>
    private long HighestNumberOf(int member)
    {
        var number = _sequences.Highest;
        while (number >= _sequences.First && !(number % _members == member && _sequences.Holds(number)))
        {
            number--;
        }

        return number >= _sequences.First ? number : -1;
    }
}
