namespace Agora.Lab;

/// <summary>What a link does to a datagram.</summary>
/// <param name="Arrives">It is not lost.</param>
/// <param name="Delay">It arrives after this time.</param>
/// <param name="CopyDelay">A second copy arrives after this time; null for no copy.</param>
public readonly record struct DatagramFate(bool Arrives, TimeSpan Delay, TimeSpan? CopyDelay);

/// <summary>What a link does to a chunk of a stream.</summary>
/// <param name="Delay">It is sent on after this time; later chunks do not overtake it.</param>
/// <param name="Reset">The connection is reset instead.</param>
public readonly record struct ChunkFate(TimeSpan Delay, bool Reset);

/// <summary>Counts the datagrams, and the chunks of streams, that a link has handled so far.</summary>
/// <param name="Passed">Sent on.</param>
/// <param name="Lost">Datagrams that were lost, and chunks that were late because a segment was lost.</param>
/// <param name="Doubled">Sent on twice.</param>
/// <param name="HeldBack">Held back, so that later ones overtook them.</param>
/// <param name="CutOff">Lost because the link was cut.</param>
/// <param name="Overflowed">Lost because too much was on its way.</param>
/// <param name="Resets">Connections that were reset.</param>
/// <param name="Stalls">Times that a stream stalled.</param>
public readonly record struct LinkCounts(
    long Passed,
    long Lost,
    long Doubled,
    long HeldBack,
    long CutOff,
    long Overflowed,
    long Resets,
    long Stalls
);

/// <summary>
/// One direction between two parties. Decides what happens to everything that passes. The <i>n</i>-th datagram gets the
/// same random numbers in every run with the same seed, whatever the conditions were before it. Thread-safe.
/// </summary>
public sealed class Link
{
    // The time that TCP on Linux takes to repair a lost segment. If other segments follow, their acknowledgements
    // reveal the loss after a round trip. The last segment is sent again when a timer expires, which then doubles. The
    // timer for a segment that opens a connection is longer.
    private const int SegmentSize = 1448;
    private const int MaxRetries = 5;
    private static readonly TimeSpan s_retransmission = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_openingRetransmission = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_minRoundTrip = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly bool _streamsLoseBelow;
    private SeededRandom _datagrams;
    private SeededRandom _chunks;
    private LinkConditions _conditions;
    private LinkCounts _counts;
    private volatile TaskCompletionSource? _cut;

    internal Link(string from, string to, ulong seed, LinkConditions conditions, bool streamsLoseBelow)
    {
        (From, To, _conditions, _streamsLoseBelow) = (from, to, conditions, streamsLoseBelow);
        _datagrams = SeededRandom.For(seed, $"{from}>{to} datagrams");
        _chunks = SeededRandom.For(seed, $"{from}>{to} chunks");
    }

    /// <summary>The sender.</summary>
    public string From { get; }

    /// <summary>The receiver.</summary>
    public string To { get; }

    /// <summary>What the link does now.</summary>
    public LinkConditions Conditions
    {
        get => Volatile.Read(ref _conditions);
        internal set => Volatile.Write(ref _conditions, value);
    }

    /// <summary>Nothing passes.</summary>
    public bool IsCut => _cut is not null;

    /// <summary>Completes when the link is not cut.</summary>
    public Task WhenHealed => _cut?.Task ?? Task.CompletedTask;

    /// <summary>What the link has done so far.</summary>
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
        var conditions = Conditions;
        lock (_gate)
        {
            // Always all of them, so that the next datagram's numbers do not depend on what happens to this one.
            double lost = _datagrams.NextDouble(),
                jitter = _datagrams.NextDouble(),
                held = _datagrams.NextDouble(),
                heldFor = _datagrams.NextDouble();
            double doubled = _datagrams.NextDouble(),
                copyJitter = _datagrams.NextDouble();
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

            bool isHeld = held < conditions.Reordering,
                isDoubled = doubled < conditions.Duplication;
            var delay =
                conditions.Delay
                + (conditions.Jitter * jitter)
                + (isHeld ? conditions.HoldBack * heldFor : TimeSpan.Zero);
            _counts = _counts with
            {
                Passed = _counts.Passed + 1,
                HeldBack = _counts.HeldBack + (isHeld ? 1 : 0),
                Doubled = _counts.Doubled + (isDoubled ? 1 : 0),
            };
            return new DatagramFate(
                true,
                delay,
                isDoubled ? conditions.Delay + (conditions.Jitter * copyJitter) : null
            );
        }
    }

    /// <summary>
    /// Decides about the next chunk of a stream. Above TCP no byte can be lost, so a lost segment shows as the time
    /// that its repair takes.
    /// </summary>
    /// <param name="bytes">The length of the chunk.</param>
    public ChunkFate NextChunk(int bytes)
    {
        var conditions = Conditions;
        lock (_gate)
        {
            double jitter = _chunks.NextDouble(),
                reset = _chunks.NextDouble(),
                stall = _chunks.NextDouble();
            if (reset < conditions.Resets)
            {
                _counts = _counts with { Resets = _counts.Resets + 1 };
                return new ChunkFate(TimeSpan.Zero, true);
            }

            var repair = Repair(conditions, (bytes + SegmentSize - 1) / SegmentSize, s_retransmission);
            var stalls = stall < conditions.Stalls;
            _counts = _counts with
            {
                Passed = _counts.Passed + 1,
                Lost = _counts.Lost + (repair > TimeSpan.Zero ? 1 : 0),
                Stalls = _counts.Stalls + (stalls ? 1 : 0),
            };
            return new ChunkFate(
                conditions.Delay
                    + (conditions.Jitter * jitter)
                    + repair
                    + (stalls ? conditions.StallLength : TimeSpan.Zero),
                false
            );
        }
    }

    /// <summary>How long the segment that opens a connection takes, or the one that answers it.</summary>
    public TimeSpan NextOpening()
    {
        var conditions = Conditions;
        lock (_gate)
        {
            return conditions.Delay
                + (conditions.Jitter * _chunks.NextDouble())
                + Repair(conditions, 1, s_openingRetransmission);
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

    internal void Heal()
    {
        TaskCompletionSource? cut;
        lock (_gate)
        {
            (cut, _cut) = (_cut, null);
        }

        cut?.SetResult();
    }

    private TimeSpan Repair(LinkConditions conditions, int segments, TimeSpan timer)
    {
        if (conditions.Loss == 0 || _streamsLoseBelow)
        {
            return TimeSpan.Zero;
        }

        var repair = TimeSpan.Zero;
        var roundTrip = (2 * conditions.Delay) + conditions.Jitter;
        for (var i = 1; i < segments; i++)
        {
            if (_chunks.NextDouble() < conditions.Loss)
            {
                // Segments in one flight are repaired together.
                repair = roundTrip > s_minRoundTrip ? roundTrip : s_minRoundTrip;
            }
        }

        for (var i = 0; i < MaxRetries && _chunks.NextDouble() < conditions.Loss; i++)
        {
            repair += roundTrip + (timer * (1 << i));
        }

        return repair;
    }
}
