using Agora.Evaluation;

namespace Agora.Chaos;

/// <summary>
/// Says which calls may fail: those that no promise covers, and those that no marketplace could have answered.
/// Thread-safe.
/// </summary>
internal sealed class AllowedFailures(bool beyond, TimeProvider time)
{
    // A call that began before the end of a fault may have its answer a little after it.
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);

    // A process that stands still this long was stopped from outside: the machine slept, or others used all of it.
    private static readonly TimeSpan s_standstill = TimeSpan.FromSeconds(4);
    private const int MaxIntervals = 1000;

    private readonly Lock _gate = new();
    private readonly Queue<(long From, long To)> _payments = new();
    private readonly Queue<(long From, long To)> _standstills = new();
    private long _paymentsBadSince = long.MaxValue;
    private long _beat = long.MaxValue;

    /// <summary>How often the whole of this process stood still, and with it the relays and all clients.</summary>
    public int Standstills { get; private set; }

    /// <summary>Notes that the payment service is bad from now on, or well again.</summary>
    public void SetPaymentsBad(bool bad)
    {
        lock (_gate)
        {
            if (bad)
            {
                _paymentsBadSince = Math.Min(_paymentsBadSince, time.GetTimestamp());
            }
            else if (_paymentsBadSince != long.MaxValue)
            {
                Add(_payments, (_paymentsBadSince, time.GetTimestamp()));
                _paymentsBadSince = long.MaxValue;
            }
        }
    }

    /// <summary>Whether a call that began then and has failed now was allowed to fail.</summary>
    public bool MayFail(MarketplaceFunction function, long invoked) =>
        beyond || StoodStill(invoked) || (function == MarketplaceFunction.MakePurchase && PaymentsWereBad(invoked));

    /// <summary>
    /// Whether the servers may have abandoned a purchase that began then. They do so after half a minute. A purchase
    /// takes that long where the payment service is away, or where its servers die again and again.
    /// </summary>
    public bool MayBeAbandoned(long invoked) =>
        beyond
        || StoodStill(invoked)
        || PaymentsWereBad(invoked)
        || time.GetElapsedTime(invoked) > TimeSpan.FromSeconds(25);

    /// <summary>Notices standstills until cancelled.</summary>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var before = time.GetTimestamp();
            Volatile.Write(ref _beat, before);
            await Task.Delay(TimeSpan.FromMilliseconds(500), time, cancellationToken);
            if (time.GetElapsedTime(before) > s_standstill)
            {
                lock (_gate)
                {
                    Standstills++;
                    Add(_standstills, (before, time.GetTimestamp()));
                }
            }
        }
    }

    private bool PaymentsWereBad(long since)
    {
        lock (_gate)
        {
            return _paymentsBadSince != long.MaxValue
                || _payments.Any(p => time.GetElapsedTime(p.To, since) <= s_grace);
        }
    }

    private bool StoodStill(long since)
    {
        lock (_gate)
        {
            // The last standstill may have ended just now, before the watch has noticed it.
            return _standstills.Any(s => s.To >= since)
                || (
                    Volatile.Read(ref _beat) is var beat and not long.MaxValue
                    && time.GetElapsedTime(beat) > s_standstill
                );
        }
    }

    private static void Add(Queue<(long, long)> queue, (long, long) interval)
    {
        queue.Enqueue(interval);
        if (queue.Count > MaxIntervals)
        {
            queue.Dequeue();
        }
    }
}
