using System.Numerics;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <content>
/// What keeps the group going when datagrams are lost: acknowledging when nothing else would carry the claims, asking those
/// that seem to be behind, the read barrier, and the heartbeat. A settled group does none of it but the last.
/// </content>
internal sealed partial class Protocol
{
    /// <summary>Least pause between two measurements of the round trips, in microseconds.</summary>
    private const long MeasurePause = 250_000;

    private readonly Probe[] _probes;

    /// <summary>When each of the last questions was asked, by its token.</summary>
    private readonly long[] _askedAt = new long[256];
    private readonly RoundTrip[] _roundTrips;
    private ulong _random;
    private long _token;
    private long _acknowledgeAt;
    private long _acknowledged = -1;
    private long _nextHeartbeat;
    private long _measureAt;
    private Barrier _barrier;
    private Turn _turn;

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

        PassTurnAgain(now);
        RepeatBarrier(now);
        MeasureWhileBusy(now);
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

    /// <summary>
    /// While Requests wait for numbers, everybody waits for the next sequencer. When it does not show in time that it holds the last Sequence, or the
    /// Request that could be next, whoever sent those sends them to it again, unasked: it cannot ask for what it does not know of, and others that
    /// know take their time to tell.
    /// </summary>
    private void PassTurnAgain(long now)
    {
        var last = _sequences.Contiguous;
        var next = (int)((last + 1) % _members);
        var own = _numbered[_self] + 1;
        // After a restart the others' claims are not known, and what all hold is gone from the journal.
        var lacksSequence = _sequences.Holds(last) && last % _members == _self && last <= _sentSequence && _peers[next].Sequences < last && AnyWaitsForNumber;
        var lacksRequest = own <= _sentOwn && _peers[next].Locals[_self] < own;
        if (next == _self || !(lacksSequence || lacksRequest))
        {
            _turn.Due = 0;
            return;
        }

        if (_turn.Due == 0 || _turn.Number != last)
        {
            _turn = new Turn { Number = last, Due = now + _roundTrips[next].Timeout };
        }

        if (now >= _turn.Due)
        {
            if (lacksSequence)
            {
                Outbox.AddSequence(next, last, _sequences[last].Id);
            }

            if (lacksRequest)
            {
                Outbox.AddRequest(next, new(_self, own), _requests[_self][own].Body);
            }

            Counters.Repeated++;
            _turn.Due = now + Pause(_roundTrips[next].Timeout, _turn.Attempts++);
        }

        Wake(_turn.Due);
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

    /// <summary>
    /// How long an answer takes changes with the load, and the first answer, of a process that has just started, takes longest. So a question
    /// goes along with what goes to all, a few times a second; a silent group asks nothing.
    /// </summary>
    private void MeasureWhileBusy(long now)
    {
        if (Outbox.HasOpenToAll && now >= _measureAt)
        {
            Ask(Outbox.All, [], now);
            _measureAt = now + Math.Max(MeasurePause, 2 * SlowestTimeout());
        }
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
        _askedAt[token % _askedAt.Length] = now;
    }

    private void OnAnswer(int from, long token, long now)
    {
        // Not only of the last question: while the pauses are too short, another has always been asked before the answer comes.
        if (token > Math.Max(_probes[from].Answered, _token - _askedAt.Length) && token <= _token)
        {
            _roundTrips[from].Measured(now - _askedAt[token % _askedAt.Length]);
            _probes[from].Answered = token;
        }

        // Tokens only grow, so this answers a question asked within the round; its datagram's claims have been taken in already.
        if (BarrierUnderWay && token >= _barrier.Token && token <= _token)
        {
            _barrier.Answered |= 1UL << from;
            _barrier.Target = Math.Max(_barrier.Target, _peers[from].Held);
        }
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

    private struct Probe
    {
        public long Due;
        public int Attempts;

        /// <summary>The last question that this member has answered.</summary>
        public long Answered;
    }

    /// <summary>What the chain of numbers waits for.</summary>
    private struct Turn
    {
        /// <summary>The last number when the wait began.</summary>
        public long Number;
        public long Due;
        public int Attempts;
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
