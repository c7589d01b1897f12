using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <content>Negative acknowledgement: asking the owner of what is missing, and answering who asks.</content>
internal sealed partial class Protocol
{
    /// <summary>Ranges that one Retransmit request names at most, where that many fit a datagram.</summary>
    private const int MaximumRanges = 96;

    /// <summary>Bytes that one Retransmit request is answered with at most: a burst that overflows the asker's socket helps nobody.</summary>
    private const int MaximumAnswer = 96 * 1024;

    /// <summary>Unanswered questions after which another holder is asked as well as the owner.</summary>
    private const int OwnerAttempts = 3;

    private readonly Repair[] _repairs;
    private readonly MissingRange[] _missing;

    /// <summary>
    /// Asks the owner of what is missing. What is noticed as missing may only be late, and gets a grace; what was asked for gets at least a
    /// round trip before it is asked for again, then with growing, jittered pauses. What turns up missing meanwhile goes through the same
    /// on its own, so that neither holds up nor hastens the other.
    /// </summary>
    private void RepairGaps(int owner, long now)
    {
        ref var repair = ref _repairs[owner];
        var seen = new Reach(
            Math.Min(_seen.Locals[owner], _requests[owner].Limit - 1), Math.Min(_seen.Sequences, _sequences.Limit - 1));
        var first = FirstMissing(owner, Reach.None, seen);
        if (first == Reach.Beyond)
        {
            repair.AskAt = repair.AskAgainAt = long.MaxValue;
            return;
        }

        var timeout = _roundTrips[owner].Timeout;
        if (now >= repair.AskAt)
        {
            repair.AskAt = long.MaxValue;
            repair.Asked = AskFor(owner, repair.Asked, repair.Noticed, helper: null, now);
            if (repair.AskAgainAt == long.MaxValue)
            {
                repair.AskAgain = repair.Asked;
                repair.AskAgainAt = now + Pause(timeout, repair.Attempts = 0);
            }
        }

        if (repair.AskAt == long.MaxValue && FirstMissing(owner, repair.Asked, seen) != Reach.Beyond)
        {
            repair.Noticed = seen;
            repair.AskAt = now + Math.Max(_options.Grace, _roundTrips[owner].Smoothed / 4);
        }

        if (repair.Attempts > 0 && first.IsBeyondAny(repair.First))
        {
            // The owner answers again: what is left need not wait as long as it did.
            repair.AskAgainAt = Math.Min(repair.AskAgainAt, now + Pause(timeout, repair.Attempts = 0));
        }

        if (now >= repair.AskAgainAt)
        {
            repair.First = FirstMissing(owner, Reach.None, repair.AskAgain);
            repair.Attempts = repair.First == Reach.Beyond ? 0 : repair.Attempts + 1;
            AskFor(owner, Reach.None, repair.AskAgain, repair.Attempts >= OwnerAttempts ? FindHolder(owner, repair) : null, now);
            repair.AskAgain = repair.Asked;
            repair.AskAgainAt = now + Pause(timeout, repair.Attempts);
        }

        Wake(Math.Min(repair.AskAt, repair.AskAgainAt));
    }

    /// <summary>The first that is missing of the owner's Requests and of its Sequences, of those above one reach and up to another.</summary>
    private Reach FirstMissing(int owner, Reach above, Reach last) =>
        new(FirstMissingRequest(owner, above.Request, last.Request), FirstMissingSequence(owner, above.Sequence, last.Sequence));

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

    /// <summary>Asks for what is missing above one reach and up to another; returns how far the message reached.</summary>
    private Reach AskFor(int owner, Reach above, Reach last, int? helper, long now)
    {
        var count = 0;
        // Sequences first: of one owner few can be missing, since the chain waits; of its Requests there may be more than one message can name.
        // Sequences of one owner are never neighbours: with one member nothing is missing.
        var k = FirstMissingSequence(owner, above.Sequence, last.Sequence);
        for (; k != long.MaxValue && count < _missing.Length; k = FirstMissingSequence(owner, k, last.Sequence))
        {
            _missing[count++] = new(MissingRange.Sequences, k, 1);
        }

        var q = FirstMissingRequest(owner, above.Request, last.Request);
        for (; q != long.MaxValue && count < _missing.Length; q = FirstMissingRequest(owner, q, last.Request))
        {
            var start = q;
            while (q < last.Request && !_requests[owner].Holds(q + 1))
            {
                q++;
            }

            _missing[count++] = new(owner, start, q - start + 1);
        }

        if (count > 0)
        {
            Ask(owner, _missing.AsSpan(0, count), now);
            if (helper is { } holder)
            {
                Ask(holder, _missing.AsSpan(0, count), now);
            }
        }

        return new(Math.Min(last.Request, q - 1), Math.Min(last.Sequence, k - 1));
    }

    /// <summary>Another member that claims to hold what the owner does not send: an addition to the description, for owners that are away.</summary>
    private int? FindHolder(int owner, in Repair repair)
    {
        for (var i = 0; i < _members; i++)
        {
            var m = (owner + 1 + repair.Attempts + i) % _members;
            if (m != owner && m != _self && (_peers[m].Locals[owner] >= repair.First.Request || _peers[m].Sequences >= repair.First.Sequence))
            {
                return m;
            }
        }

        return null;
    }

    private void OnRetransmit(int from, in Message message, long now)
    {
        if (message.Answer != 0)
        {
            OnAnswer(from, message.Answer, now);
        }

        var budget = MaximumAnswer;
        var missing = message.Missing;
        while (budget > 0 && !missing.IsEmpty && MissingRange.TryRead(ref missing, _members, out var range))
        {
            budget -= range.Sender == MissingRange.Sequences ? AnswerSequences(from, range, now) : AnswerRequests(from, range, budget, now);
        }

        if (message.Ask != 0)
        {
            Outbox.AddRetransmit(from, ask: 0, answer: message.Ask, []);
        }
    }

    private int AnswerRequests(int to, MissingRange range, int budget, long now)
    {
        var spent = 0;
        var requests = _requests[range.Sender];
        // Own Requests are said once they are durable, not before.
        var end = Math.Min(range.First + range.Count, range.Sender == _self ? _claims.Locals[_self] + 1 : requests.HeldEnd);
        for (var q = Math.Max(range.First, requests.First); q < end && spent < budget; q++)
        {
            if (requests.Holds(q) && requests[q].Answered.TryAnswer(to, now, _roundTrips[to].Smoothed / 2))
            {
                Outbox.AddRequest(to, new(range.Sender, q), requests[q].Body);
                Counters.AnsweredMessages++;
                spent += requests[q].Length;
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
            if (_sequences.Holds(k) && (k % _members != _self || k <= _claims.Sequences)
                && _sequences[k].Answered.TryAnswer(to, now, _roundTrips[to].Smoothed / 2))
            {
                Outbox.AddSequence(to, k, _sequences[k].Id);
                Counters.AnsweredMessages++;
                spent += EncodedLength;
            }
        }

        return spent;
    }

    /// <summary>How far something goes in one member's Requests and in its Sequences.</summary>
    private readonly record struct Reach(long Request, long Sequence)
    {
        public static readonly Reach None = new(-1, -1);
        public static readonly Reach Beyond = new(long.MaxValue, long.MaxValue);

        public bool IsBeyondAny(Reach other) => Request > other.Request || Sequence > other.Sequence;
    }

    /// <summary>What is missing of one member moves through these: AskAgain ≤ Asked ≤ Noticed ≤ what was seen to exist.</summary>
    private struct Repair()
    {
        /// <summary>Was missing when the grace began that ends at <see cref="AskAt"/>.</summary>
        public Reach Noticed = Reach.None;
        public long AskAt = long.MaxValue;

        /// <summary>Was asked for once at least.</summary>
        public Reach Asked = Reach.None;

        /// <summary>Was asked for when the pause began that ends at <see cref="AskAgainAt"/>.</summary>
        public Reach AskAgain = Reach.None;
        public long AskAgainAt = long.MaxValue;

        /// <summary>The first that was missing when something was last asked for again, and how often that was in vain.</summary>
        public Reach First = Reach.None;
        public int Attempts;
    }
}
