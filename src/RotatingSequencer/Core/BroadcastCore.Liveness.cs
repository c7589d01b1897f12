using System.Numerics;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// Keeps the group going when datagrams are lost: acknowledgements when nothing else carries the claims, questions to
/// members that seem to lag, the read barrier, and the heartbeat. A settled group only sends heartbeats.
/// </content>
internal sealed partial class BroadcastCore
{
    /// <summary>Shortest time between two measurements of the round trips, in microseconds.</summary>
    private const long MinMeasureInterval = 250_000;

    private readonly Probe[] _probes;

    /// <summary>When each of the last questions was asked, indexed by its token.</summary>
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

    /// <summary>Begins a round. Reads that began before it may use its result.</summary>
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
    /// The result of a round that a majority has answered. Everything that was delivered anywhere before the round
    /// began is at or below it: a majority holds what is delivered, and any two majorities share a member.
    /// </summary>
    public bool TryFinishBarrier(out long target)
    {
        target = Math.Max(_barrier.Target, _claims.Held);
        if (!BarrierUnderWay || !CanRead || BitOperations.PopCount(_barrier.Answered) + 1 < _majority)
        {
            return false;
        }

        _barrier = default;
        return true;
    }

    private void KeepAlive(long now)
    {
        ScheduleSync(now);
        if (_members == 1)
        {
            return;
        }

        Acknowledge(now);
        for (var m = 0; m < _members; m++)
        {
            if (m == _self)
            {
                if (IsJoining)
                {
                    AskForGaps(m, now);
                }

                continue;
            }

            AskForGaps(m, now);
            ProbeIfBehind(m, now);
            if (!_settled)
            {
                Contact(m, now);
            }
        }

        RepeatForNextSequencer(now);
        RepeatBarrier(now);
        MeasureWhileBusy(now);
        Heartbeat(now);
    }

    /// <summary>
    /// New claims travel with the next datagram to all; when there is none, they are sent alone after a while. When no
    /// Request waits for a number, no Sequence will follow that could carry them, so waiting submitters get them at
    /// once.
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

    /// <summary>
    /// Acknowledges the last numbers to those of their submitters that wait for this member.
    /// </summary>
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

    /// <summary>
    /// Whether some member waits until this one holds one of the last numbers, above <paramref name="known"/> and up to
    /// <paramref name="last"/>.
    /// </summary>
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
    /// The submitter of a number needs a majority that holds it. It counts itself and the sequencer of that number. The
    /// members next after the sequencer complete the majority. Older numbers have a majority of later sequencers.
    /// </summary>
    private bool IsAwaited(long number, int submitter)
    {
        var sequencer = (int)(number % _members);
        if (_self == sequencer || _self == submitter)
        {
            return true;
        }

        // Where this member comes after the sequencer, not counting the submitter.
        var place = (_self - sequencer + _members) % _members;
        place -= submitter != sequencer && place > (submitter - sequencer + _members) % _members ? 1 : 0;
        return place <= _majority - (sequencer == submitter ? 1 : 2);
    }

    /// <summary>
    /// When a member's last known claims are below this one's, it misses something without knowing (the end of a burst
    /// was lost), or its claims were lost on the way here. A question repairs both: it carries this member's claims,
    /// and the answer carries the other's.
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
    /// While Requests wait for numbers, everybody waits for the next sequencer. When it does not claim in time the last
    /// Sequence, or the Request that could be next, their sender repeats them to it, unasked: it cannot ask for
    /// something that it does not know, and the claims of others may come late.
    /// </summary>
    private void RepeatForNextSequencer(long now)
    {
        var last = _sequences.Contiguous;
        var next = (int)((last + 1) % _members);
        var own = _numbered[_self] + 1;
        // After a restart the claims of the others are unknown, and the journal no longer has what all hold.
        var lacksSequence =
            _sequences.Holds(last)
            && last % _members == _self
            && last <= _sentSequence
            && _peers[next].Sequences < last
            && AnyWaitsForNumber;
        var lacksRequest = own <= _sentOwn && _peers[next].Locals[_self] < own;
        if (!_operates || next == _self || !(lacksSequence || lacksRequest))
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

            // Perhaps it went to all only now.
            if (lacksRequest && _requests[_self][own].LastSent.TrySend(next, now, _roundTrips[next].Smoothed / 2))
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
    /// Round trips change with the load, and the first answer of a process that has just started takes longest. So a
    /// few times a second a question travels with a datagram to all; a silent group asks nothing.
    /// </summary>
    private void MeasureWhileBusy(long now)
    {
        if (Outbox.HasOpenToAll && now >= _measureAt)
        {
            Ask(Outbox.All, [], now);
            _measureAt = now + Math.Max(MinMeasureInterval, 2 * SlowestTimeout());
        }
    }

    /// <summary>
    /// Asks each member that has not answered since this one started: timeouts should fit when something gets lost.
    /// </summary>
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
        Outbox.AddRetransmit(destination, ask: NewToken(now), answer: 0, missing);
        Counters.Asked++;
        Counters.RepairsAsked += missing.Length > 0 ? 1 : 0;
    }

    private long NewToken(long now)
    {
        _askedAt[++_token % _askedAt.Length] = now;
        return _token;
    }

    private void Measure(int from, long token, long now)
    {
        // Answers to earlier questions count as well: while timeouts are too short, the next question always goes out
        // before the answer comes.
        if (token > Math.Max(_probes[from].Answered, _token - _askedAt.Length) && token <= _token)
        {
            _roundTrips[from].Measured(now - _askedAt[token % _askedAt.Length]);
            _probes[from].Answered = token;
        }
    }

    private void OnAnswer(int from, long token)
    {
        // Tokens only grow, so this answers a question of the round. The claims of its datagram are already stored.
        if (BarrierUnderWay && token >= _barrier.Token && token <= _token)
        {
            _barrier.Answered |= 1UL << from;
            _barrier.Target = Math.Max(_barrier.Target, _incoming.Held);
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

    private long Pause(long first, int attempts) =>
        Jitter(Math.Min(first << Math.Min(attempts, 10), _options.MaxPause));

    /// <summary>
    /// Adds up to half of the pause, at random, so that members do not all act at the same moment.
    /// </summary>
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

        /// <summary>Token of the last question that the member has answered.</summary>
        public long Answered;
    }

    /// <summary>The wait for the next sequencer.</summary>
    private struct Turn
    {
        /// <summary>The highest number without a gap when the wait began.</summary>
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
