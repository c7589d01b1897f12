using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// Negative acknowledgement: asks the owner of what is missing, and answers members that ask.
/// </content>
internal sealed partial class BroadcastCore
{
    /// <summary>Most ranges in one Retransmit request, if that many fit a datagram.</summary>
    private const int MaxRanges = 96;

    /// <summary>
    /// Most bytes in answer to one Retransmit request: a burst that overflows the asker's socket helps nobody.
    /// </summary>
    private const int MaxAnswerBytes = 96 * 1024;

    /// <summary>Unanswered questions after which another holder is asked besides the owner.</summary>
    private const int OwnerAttempts = 3;

    private readonly Repair[] _repairs;
    private readonly MissingRange[] _missing;

    /// <summary>
    /// Asks the owner of what is missing. A message that was just noticed as missing may only be late, so it gets a
    /// grace. After a question a round trip passes before it is repeated, then growing, jittered pauses. A message that
    /// turns out to be missing meanwhile has a grace and pauses of its own: neither delays or speeds up the other.
    /// </summary>
    private void AskForGaps(int owner, long now)
    {
        if (IsFrozen)
        {
            return;
        }

        ref var repair = ref _repairs[owner];
        var seen = new MessagePosition(
            Math.Min(_seen.Locals[owner], _requests[owner].Limit - 1),
            Math.Min(_seen.Sequences, _sequences.Limit - 1)
        );
        var first = FirstMissing(owner, MessagePosition.BeforeAll, seen);
        if (first == MessagePosition.AfterAll)
        {
            repair.AskAt = repair.AskAgainAt = long.MaxValue;
            return;
        }

        var timeout = _roundTrips[owner].Timeout;
        if (now >= repair.AskAt)
        {
            repair.AskAt = long.MaxValue;
            var helper = CanAnswer(owner) ? null : FindHolder(owner, repair);
            repair.Asked = AskFor(owner, repair.Asked, repair.Noticed, helper, now);
            if (repair.AskAgainAt == long.MaxValue)
            {
                repair.AskAgain = repair.Asked;
                repair.AskAgainAt = now + Pause(timeout, repair.Attempts = 0);
            }
        }

        if (repair.AskAt == long.MaxValue && FirstMissing(owner, repair.Asked, seen) != MessagePosition.AfterAll)
        {
            repair.Noticed = seen;
            repair.AskAt = now + Math.Max(_options.Grace, _roundTrips[owner].Smoothed / 4);
        }

        if (repair.Attempts > 0 && (repair.PartsCame || first.ExceedsAnyOf(repair.First)))
        {
            repair.PartsCame = false;
            // The owner answers again: the rest need not wait as long as before.
            repair.AskAgainAt = Math.Min(repair.AskAgainAt, now + Pause(timeout, repair.Attempts = 0));
        }

        if (now >= repair.AskAgainAt)
        {
            repair.First = FirstMissing(owner, MessagePosition.BeforeAll, repair.AskAgain);
            repair.Attempts = repair.First == MessagePosition.AfterAll ? 0 : repair.Attempts + 1;
            AskFor(
                owner,
                MessagePosition.BeforeAll,
                repair.AskAgain,
                repair.Attempts >= OwnerAttempts || !CanAnswer(owner) ? FindHolder(owner, repair) : null,
                now
            );
            repair.AskAgain = repair.Asked;
            repair.AskAgainAt = now + Pause(timeout, repair.Attempts);
        }

        Wake(Math.Min(repair.AskAt, repair.AskAgainAt));
    }

    /// <summary>
    /// The first missing one of the owner's Requests and of its Sequences, above one position and up to another.
    /// </summary>
    private MessagePosition FirstMissing(int owner, MessagePosition above, MessagePosition last) =>
        new(
            FirstMissingRequest(owner, above.Request, last.Request),
            FirstMissingSequence(owner, above.Sequence, last.Sequence)
        );

    private long FirstMissingRequest(int owner, long above, long last)
    {
        var q = Math.Max(_requests[owner].Contiguous, above) + 1;
        while (q <= last && _requests[owner].Holds(q))
        {
            q++;
        }

        return q <= last ? q : long.MaxValue;
    }

    private long FirstMissingSequence(int owner, long above, long last)
    {
        var k = Math.Max(_sequences.Contiguous, above) + 1;
        k += (owner - (k % _members) + _members) % _members;
        while (k <= last && _sequences.Holds(k))
        {
            k += _members;
        }

        return k <= last ? k : long.MaxValue;
    }

    /// <summary>
    /// Asks for what is missing above one position and up to another; returns how far the message got.
    /// </summary>
    private MessagePosition AskFor(int owner, MessagePosition above, MessagePosition last, int? helper, long now)
    {
        var count = 0;
        // Sequences first: few of one owner can be missing, since the chain waits for them, while there may be more
        // Requests than a message can name. An owner's Sequences are never consecutive: a group of one misses nothing.
        var k = FirstMissingSequence(owner, above.Sequence, last.Sequence);
        for (; k != long.MaxValue && count < _missing.Length; k = FirstMissingSequence(owner, k, last.Sequence))
        {
            _missing[count++] = new(MissingRange.Sequences, k, 1);
        }

        var q = FirstMissingRequest(owner, above.Request, last.Request);
        for (; q != long.MaxValue && count < _missing.Length; q = FirstMissingRequest(owner, q, last.Request))
        {
            var start = q;
            var parts = MissingPartsOf(new(owner, q));
            while (
                parts == 0
                && q < last.Request
                && !_requests[owner].Holds(q + 1)
                && MissingPartsOf(new(owner, q + 1)) == 0
            )
            {
                q++;
            }

            _missing[count++] = new(owner, start, q - start + 1, parts);
        }

        if (count > 0)
        {
            if (CanAnswer(owner))
            {
                Ask(owner, _missing.AsSpan(0, count), now);
            }

            if (helper is { } holder)
            {
                Ask(holder, _missing.AsSpan(0, count), now);
            }
        }

        return new(Math.Min(last.Request, q - 1), Math.Min(last.Sequence, k - 1));
    }

    /// <summary>Whether an owner has its messages: not while it joins, nor can this member ask itself.</summary>
    private bool CanAnswer(int owner) => owner != _self && _lives[owner].Epoch == _view.Number;

    /// <summary>
    /// Another member that claims to hold what the owner does not send. The original description asks owners only; this
    /// helps while an owner is down.
    /// </summary>
    private int? FindHolder(int owner, in Repair repair)
    {
        for (var i = 0; i < _members; i++)
        {
            var m = (owner + 1 + repair.Attempts + i) % _members;
            if (
                m != owner
                && CanAnswer(m)
                && (_peers[m].Locals[owner] >= repair.First.Request || _peers[m].Sequences >= repair.First.Sequence)
            )
            {
                return m;
            }
        }

        return null;
    }

    private void OnRetransmit(int from, in Message message, bool joins, long epoch, long now)
    {
        if (message.Answer != 0)
        {
            Measure(from, message.Answer, now);
            if (!joins && IsOfView(from) && epoch == _view.Number && !IsFrozen)
            {
                OnAnswer(from, message.Answer);
            }
        }

        var budget = epoch == _view.Number && IsOfView(from) && !IsFrozen ? MaxAnswerBytes : 0;
        var missing = message.Missing;
        while (budget > 0 && !missing.IsEmpty && MissingRange.TryRead(ref missing, _members, out var range))
        {
            budget -=
                range.Sender == MissingRange.Sequences
                    ? AnswerSequences(from, range, now)
                    : AnswerRequests(from, range, budget, now);
        }

        if (message.Ask != 0 && CanRead)
        {
            Outbox.AddRetransmit(from, ask: 0, answer: message.Ask, []);
        }
        else if (message.Ask != 0)
        {
            // A reader must not count this member, but the asker gets its claims.
            Outbox.AddClaims(from);
        }
    }

    private int AnswerRequests(int to, MissingRange range, int budget, long now)
    {
        var spent = 0;
        var requests = _requests[range.Sender];
        // Own Requests are sent only once they are durable.
        var end = Math.Min(
            range.First + range.Count,
            range.Sender == _self ? _claims.Locals[_self] + 1 : requests.HeldEnd
        );
        for (var q = Math.Max(range.First, requests.First); q < end && spent < budget; q++)
        {
            if (requests.Holds(q) && requests[q].LastSent.TrySend(to, now, _roundTrips[to].Smoothed / 2))
            {
                Outbox.AddRequest(to, new(range.Sender, q), requests[q].Body, range.Parts);
                Counters.AnsweredMessages++;
                spent += range.Parts == 0 ? requests[q].Length : RequestParts.CountOf(range.Parts) * _partLength;
            }
        }

        return spent;
    }

    private int AnswerSequences(int to, MissingRange range, long now)
    {
        const int EncodedLength = 16;
        var spent = 0;
        var end = Math.Min(range.First + range.Count, _sequences.HeldEnd);
        for (var k = Math.Max(range.First, _sequences.First); k < end; k++)
        {
            if (
                _sequences.Holds(k)
                && (k % _members != _self || k <= _claims.Sequences)
                && _sequences[k].LastSent.TrySend(to, now, _roundTrips[to].Smoothed / 2)
            )
            {
                Outbox.AddSequence(to, k, _sequences[k].Id);
                Counters.AnsweredMessages++;
                spent += EncodedLength;
            }
        }

        return spent;
    }

    /// <summary>A position among one member's Requests, and one among its Sequences.</summary>
    private readonly record struct MessagePosition(long Request, long Sequence)
    {
        public static readonly MessagePosition BeforeAll = new(-1, -1);
        public static readonly MessagePosition AfterAll = new(long.MaxValue, long.MaxValue);

        public bool ExceedsAnyOf(MessagePosition other) => Request > other.Request || Sequence > other.Sequence;
    }

    /// <summary>
    /// The repair of one member's messages: AskAgain ≤ Asked ≤ Noticed ≤ what was seen to exist.
    /// </summary>
    private struct Repair()
    {
        /// <summary>Up to here gaps were noticed when the grace began that ends at <see cref="AskAt"/>.</summary>
        public MessagePosition Noticed = MessagePosition.BeforeAll;
        public long AskAt = long.MaxValue;

        /// <summary>Up to here gaps were asked for at least once.</summary>
        public MessagePosition Asked = MessagePosition.BeforeAll;

        /// <summary>
        /// Up to here gaps had been asked for when the pause began that ends at <see cref="AskAgainAt"/>.
        /// </summary>
        public MessagePosition AskAgain = MessagePosition.BeforeAll;
        public long AskAgainAt = long.MaxValue;

        /// <summary>
        /// The first gap at the last repeated question, and how many repeated questions were in vain.
        /// </summary>
        public MessagePosition First = MessagePosition.BeforeAll;
        public int Attempts;

        /// <summary>Parts of a Request came that is not whole yet.</summary>
        public bool PartsCame;
    }
}
