using System.Numerics;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <content>
/// What keeps the group going when datagrams are lost: acknowledging when nothing else would carry the claims, asking for what is
/// missing, asking those that seem to be behind, the read barrier, and the heartbeat. A settled group does none of it but the last.
/// </content>
internal sealed partial class Protocol
{
    /// <summary>Ranges that one Retransmit request names at most, where that many fit a datagram.</summary>
    private const int MaximumRanges = 96;

    /// <summary>Bytes that one Retransmit request is answered with at most: a burst that overflows the asker's socket helps nobody.</summary>
    private const int MaximumAnswer = 96 * 1024;

    /// <summary>Unanswered questions after which another holder is asked as well as the owner.</summary>
    private const int OwnerAttempts = 3;

    private readonly Repair[] _repairs;
    private readonly Probe[] _probes;
    private readonly RoundTrip[] _roundTrips;
    private readonly MissingRange[] _missing;
    private ulong _random;
    private long _token;
    private long _acknowledgeAt;
    private long _acknowledged = -1;
    private long _nextHeartbeat;
    private Barrier _barrier;

    /// <summary>Whether a barrier round is under way.</summary>
    public bool BarrierUnderWay => _barrier.Token != 0;

    /// <summary>Begins a round: who asked before it may use its result.</summary>
    public void StartBarrier(long now)
    {
        _barrier = new Barrier { Token = _token + 1, Target = -1 };
        if (_members > 1)
        {
            Ask(Outbox.All, [], now);
            _barrier.Due = now + SlowestTimeout();
        }
    }

    /// <summary>
    /// The result of a round that a majority has answered: whatever was delivered anywhere before the round began lies at or below it,
    /// since what is delivered is held by a majority, and any two majorities share a member.
    /// </summary>
    public bool TryFinishBarrier(out long target)
    {
        target = Math.Max(_barrier.Target, _claims.Held);
        if (!BarrierUnderWay || BitOperations.PopCount(_barrier.Answered) + 1 < _majority)
        {
            return false;
        }

        _barrier = default;
        return true;
    }

    private void KeepAlive(long now)
    {
        WakeAt = long.MaxValue;
        ScheduleSync(now);
        if (_members == 1)
        {
            return;
        }

        Acknowledge(now);
        for (var m = 0; m < _members; m++)
        {
            if (m != _self)
            {
                RepairGaps(m, now);
                ProbeIfBehind(m, now);
            }
        }

        RepeatBarrier(now);
        Heartbeat(now);
    }

    /// <summary>
    /// Claims that are new travel with whatever goes to all; when nothing does, they go by themselves after a while. A submitter waits
    /// for them, though, when no Request waits for a number: then no Sequence will follow that would carry them.
    /// </summary>
    private void Acknowledge(long now)
    {
        if (Outbox.HasOpenToAll || !_claims.ExceedsAnyOf(Outbox.LastToAll))
        {
            _acknowledgeAt = 0;
            return;
        }

        if (_acknowledgeAt == 0)
        {
            _acknowledgeAt = now + _options.AcknowledgeDelay;
        }

        if (now >= _acknowledgeAt)
        {
            Outbox.AddClaims(Outbox.All);
            _acknowledgeAt = 0;
            return;
        }

        if (!AnyWaitsForNumber)
        {
            AcknowledgeToSubmitters();
        }

        Wake(_acknowledgeAt);
    }

    /// <summary>Tells the submitters of the last numbers that they are held here, as far as they wait for this member.</summary>
    private void AcknowledgeToSubmitters()
    {
        for (var g = Math.Max(_acknowledged, _claims.Held - _majority + 1) + 1; g <= _claims.Held; g++)
        {
            if (_sequences.Holds(g) && _sequences[g].Id.Sender != _self && IsAwaited(g, _sequences[g].Id.Sender))
            {
                Outbox.AddClaims(_sequences[g].Id.Sender);
            }
        }

        _acknowledged = _claims.Held;
    }

    /// <summary>Whether somebody waits for this member to hold one of the last numbers up to <paramref name="last"/>, above <paramref name="known"/>.</summary>
    private bool IsAnyAwaited(long known, long last)
    {
        for (var g = Math.Max(known, last - _majority + 1) + 1; g <= last; g++)
        {
            if (_sequences.Holds(g) && IsAwaited(g, _sequences[g].Id.Sender))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Who submitted a number needs a majority that holds it. It knows of itself and of the sequencers from that number on; the members next
    /// after the sequencer make up what lacks. Numbers further back than a majority have their majority of sequencers.
    /// </summary>
    private bool IsAwaited(long number, int submitter)
    {
        var sequencer = (int)(number % _members);
        if (_self == sequencer || _self == submitter)
        {
            return true;
        }

        // This member's place among those after the sequencer, the submitter left out.
        var place = (_self - sequencer + _members) % _members;
        place -= submitter != sequencer && place > (submitter - sequencer + _members) % _members ? 1 : 0;
        return place <= _majority - (sequencer == submitter ? 1 : 2);
    }

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

        // Sequences of one owner are never neighbours: with one member nothing is missing.
        var k = FirstMissingSequence(owner, above.Sequence, last.Sequence);
        for (; k != long.MaxValue && count < _missing.Length; k = FirstMissingSequence(owner, k, last.Sequence))
        {
            _missing[count++] = new(MissingRange.Sequences, k, 1);
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

    /// <summary>
    /// A member whose last known claims are behind this one's either misses something and does not know it (the end of a burst was
    /// lost), or its claims were lost on the way here. Asking it mends both: the question carries this member's claims, the answer
    /// its own.
    /// </summary>
    private void ProbeIfBehind(int member, long now)
    {
        ref var probe = ref _probes[member];
        if (!_claims.ExceedsAnyOf(_peers[member]))
        {
            probe.Due = 0;
            probe.Attempts = 0;
            return;
        }

        var pause = Math.Max(2 * _options.AcknowledgeDelay, 2 * _roundTrips[member].Timeout);
        if (probe.Due == 0)
        {
            probe.Due = now + pause;
        }

        if (now >= probe.Due)
        {
            Ask(member, [], now);
            probe.Due = now + Pause(pause, probe.Attempts++);
        }

        Wake(probe.Due);
    }

    private void RepeatBarrier(long now)
    {
        if (!BarrierUnderWay)
        {
            return;
        }

        if (now >= _barrier.Due)
        {
            for (var m = 0; m < _members; m++)
            {
                if (m != _self && (_barrier.Answered & (1UL << m)) == 0)
                {
                    Ask(m, [], now);
                }
            }

            _barrier.Due = now + Pause(SlowestTimeout(), _barrier.Attempts++);
        }

        Wake(_barrier.Due);
    }

    private void Heartbeat(long now)
    {
        if (now >= _nextHeartbeat)
        {
            Outbox.AddClaims(Outbox.All);
            MeasureRoundTrips(now);
        }

        if (Outbox.HasOpenToAll)
        {
            _nextHeartbeat = now + Jitter(_options.Heartbeat * 4 / 5);
        }

        Wake(_nextHeartbeat);
    }

    /// <summary>Asks whoever has not answered yet in this life: when something gets lost, the pauses should be known.</summary>
    private void MeasureRoundTrips(long now)
    {
        for (var m = 0; m < _members; m++)
        {
            if (m != _self && !_roundTrips[m].IsMeasured)
            {
                Ask(m, [], now);
            }
        }
    }

    private void Ask(int destination, ReadOnlySpan<MissingRange> missing, long now)
    {
        var token = ++_token;
        Outbox.AddRetransmit(destination, ask: token, answer: 0, missing);
        Counters.Asked++;
        for (var m = 0; m < _members; m++)
        {
            if (m == destination || destination == Outbox.All)
            {
                _probes[m].Token = token;
                _probes[m].AskedAt = now;
            }
        }
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

    private void OnAnswer(int from, long token, long now)
    {
        if (token == _probes[from].Token)
        {
            _roundTrips[from].Measured(now - _probes[from].AskedAt);
            _probes[from].Token = 0;
        }

        // Tokens only grow, so this answers a question asked within the round; its datagram's claims have been taken in already.
        if (BarrierUnderWay && token >= _barrier.Token && token <= _token)
        {
            _barrier.Answered |= 1UL << from;
            _barrier.Target = Math.Max(_barrier.Target, _peers[from].Held);
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

    private long SlowestTimeout()
    {
        var slowest = 0L;
        foreach (ref readonly var roundTrip in _roundTrips.AsSpan())
        {
            slowest = Math.Max(slowest, roundTrip.Timeout);
        }

        return slowest;
    }

    private long Pause(long first, int attempts) => Jitter(Math.Min(first << Math.Min(attempts, 10), _options.MaximumPause));

    /// <summary>Spreads what would otherwise happen at the same moment everywhere: up to half as long again, and never sooner.</summary>
    private long Jitter(long pause)
    {
        // SplitMix64 (Steele, Lea, Flood 2014).
        var z = _random += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return pause + (long)(z % (ulong)((pause / 2) + 1));
    }

    private void Wake(long at) => WakeAt = Math.Min(WakeAt, at);

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

    private struct Probe
    {
        public long Due;
        public int Attempts;

        /// <summary>The last question to this member, and when it was asked.</summary>
        public long Token;
        public long AskedAt;
    }

    private struct Barrier
    {
        public long Token;
        public ulong Answered;
        public long Target;
        public long Due;
        public int Attempts;
    }
}
