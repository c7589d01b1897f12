namespace Agora.Lab;

/// <summary>What becomes of a datagram.</summary>
/// <param name="Arrives">It is not lost.</param>
/// <param name="Delay">After this time.</param>
/// <param name="CopyDelay">A second one arrives after this time; null without one.</param>
public readonly record struct DatagramFate(bool Arrives, TimeSpan Delay, TimeSpan? CopyDelay);

/// <summary>What becomes of a chunk of a stream.</summary>
/// <param name="Delay">It goes on after this time; what follows does not overtake it.</param>
/// <param name="Reset">The connection is reset instead.</param>
public readonly record struct ChunkFate(TimeSpan Delay, bool Reset);

/// <summary>What has happened on a link so far: datagrams, and for streams their chunks.</summary>
/// <param name="Passed">Sent on.</param>
/// <param name="Lost">Lost, or in a stream: came late because a segment was lost.</param>
/// <param name="Doubled">Sent on twice.</param>
/// <param name="HeldBack">Held back, so that later ones overtake them.</param>
/// <param name="CutOff">Lost because the link was cut.</param>
/// <param name="Overflowed">Lost because too much was on the way already.</param>
/// <param name="Resets">Connections reset.</param>
/// <param name="Stalls">Times that a stream stalled.</param>
public readonly record struct LinkCounts(
    long Passed, long Lost, long Doubled, long HeldBack, long CutOff, long Overflowed, long Resets, long Stalls);

/// <summary>
/// One direction between two parties. Decides what becomes of whatever passes: the <i>n</i>-th datagram meets the same dice in every run with the same
/// seed, whatever the conditions were before it. Thread-safe.
/// </summary>
public sealed class Link
{
    // What a lost segment costs a TCP connection of today, as Linux has it: one that others follow is noticed by their acknowledgements after a
    // round trip; the last one only when the timer runs out, which then doubles; one that opens a connection, by a longer timer.
    private const int SegmentSize = 1448;
    private const int MostRetries = 5;
    private static readonly TimeSpan s_retransmission = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_openingRetransmission = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_shortestRoundTrip = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly bool _streamsLoseBelow;
    private Dice _datagrams;
    private Dice _chunks;
    private LinkConditions _conditions;
    private LinkCounts _counts;
    private volatile TaskCompletionSource? _cut;

    internal Link(string from, string to, ulong seed, LinkConditions conditions, bool streamsLoseBelow)
    {
        (From, To, _conditions, _streamsLoseBelow) = (from, to, conditions, streamsLoseBelow);
        _datagrams = Dice.For(seed, $"{from}>{to} datagrams");
        _chunks = Dice.For(seed, $"{from}>{to} chunks");
    }

    /// <summary>Who sends.</summary>
    public string From { get; }

    /// <summary>Who receives.</summary>
    public string To { get; }

    /// <summary>What it does now.</summary>
    public LinkConditions Conditions
    {
        get => Volatile.Read(ref _conditions);
        internal set => Volatile.Write(ref _conditions, value);
    }

    /// <summary>Whether nothing passes.</summary>
    public bool IsCut => _cut is not null;

    /// <summary>Completes when the link is not cut.</summary>
    public Task WhenMended => _cut?.Task ?? Task.CompletedTask;

    /// <summary>What has happened so far.</summary>
    public LinkCounts Counts
    {
        get
        {
            lock (_gate)
            {
                return _counts;
            }
        }
    }

    /// <summary>Decides about the next datagram.</summary>
    public DatagramFate NextDatagram()
    {
        LinkConditions conditions = Conditions;
        lock (_gate)
        {
            // All of them, always: so the next datagram's dice do not depend on what became of this one.
            double lost = _datagrams.Next(), jitter = _datagrams.Next(), held = _datagrams.Next(), heldFor = _datagrams.Next();
            double doubled = _datagrams.Next(), copyJitter = _datagrams.Next();
            if (IsCut)
            {
                _counts = _counts with { CutOff = _counts.CutOff + 1 };
                return default;
            }
            if (lost < conditions.Loss)
            {
                _counts = _counts with { Lost = _counts.Lost + 1 };
                return default;
            }
            bool isHeld = held < conditions.Reordering, isDoubled = doubled < conditions.Duplication;
            TimeSpan delay = conditions.Delay + (conditions.Jitter * jitter) + (isHeld ? conditions.HoldBack * heldFor : TimeSpan.Zero);
            _counts = _counts with
            {
                Passed = _counts.Passed + 1,
                HeldBack = _counts.HeldBack + (isHeld ? 1 : 0),
                Doubled = _counts.Doubled + (isDoubled ? 1 : 0),
            };
            return new DatagramFate(true, delay, isDoubled ? conditions.Delay + (conditions.Jitter * copyJitter) : null);
        }
    }

    /// <summary>
    /// Decides about the next chunk of a stream. Above TCP no byte can be lost: a lost segment shows as the time that its repair takes.
    /// </summary>
    /// <param name="bytes">Its length.</param>
    public ChunkFate NextChunk(int bytes)
    {
        LinkConditions conditions = Conditions;
        lock (_gate)
        {
            double jitter = _chunks.Next(), reset = _chunks.Next(), stall = _chunks.Next();
            if (reset < conditions.Resets)
            {
                _counts = _counts with { Resets = _counts.Resets + 1 };
                return new ChunkFate(TimeSpan.Zero, true);
            }
            TimeSpan repair = Repair(conditions, (bytes + SegmentSize - 1) / SegmentSize, s_retransmission);
            bool stalls = stall < conditions.Stalls;
            _counts = _counts with
            {
                Passed = _counts.Passed + 1,
                Lost = _counts.Lost + (repair > TimeSpan.Zero ? 1 : 0),
                Stalls = _counts.Stalls + (stalls ? 1 : 0),
            };
            return new ChunkFate(conditions.Delay + (conditions.Jitter * jitter) + repair + (stalls ? conditions.StallLength : TimeSpan.Zero), false);
        }
    }

    /// <summary>How long the segment takes that opens a connection, or the one that answers it.</summary>
    public TimeSpan NextOpening()
    {
        LinkConditions conditions = Conditions;
        lock (_gate)
        {
            return conditions.Delay + (conditions.Jitter * _chunks.Next()) + Repair(conditions, 1, s_openingRetransmission);
        }
    }

    internal void CountOverflow()
    {
        lock (_gate)
        {
            _counts = _counts with { Passed = _counts.Passed - 1, Overflowed = _counts.Overflowed + 1 };
        }
    }

    internal void CountCutOff()
    {
        lock (_gate)
        {
            _counts = _counts with { Passed = _counts.Passed - 1, CutOff = _counts.CutOff + 1 };
        }
    }

    internal void Cut()
    {
        lock (_gate)
        {
            _cut ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    internal void Mend()
    {
        TaskCompletionSource? mended;
        lock (_gate)
        {
            (mended, _cut) = (_cut, null);
        }
        mended?.SetResult();
    }

    private TimeSpan Repair(LinkConditions conditions, int segments, TimeSpan timer)
    {
        if (conditions.Loss == 0 || _streamsLoseBelow)
        {
            return TimeSpan.Zero;
        }
        TimeSpan repair = TimeSpan.Zero;
        TimeSpan roundTrip = (2 * conditions.Delay) + conditions.Jitter;
        for (int i = 1; i < segments; i++)
        {
            if (_chunks.Next() < conditions.Loss)
            {
                // Those of one flight are repaired together.
                repair = roundTrip > s_shortestRoundTrip ? roundTrip : s_shortestRoundTrip;
            }
        }
        for (int i = 0; i < MostRetries && _chunks.Next() < conditions.Loss; i++)
        {
            repair += roundTrip + (timer * (1 << i));
        }
        return repair;
    }
}
