using System.Diagnostics;

namespace Agora.Evaluation.Chaos;

/// <summary>When a call may fail: what was promised, and what nobody could keep a promise in. Thread-safe.</summary>
internal sealed class Excuses(bool beyond)
{
    // What was begun before a fault has ended may be answered a little after it.
    private static readonly long s_grace = 5 * Stopwatch.Frequency;

    // A process that stands still as long was stopped from outside: the machine slept, or somebody else needed all of it.
    private static readonly TimeSpan s_standstill = TimeSpan.FromSeconds(4);
    private const int Most = 1000;

    private readonly Lock _gate = new();
    private readonly Queue<(long From, long To)> _payments = new();
    private readonly Queue<(long From, long To)> _standstills = new();
    private long _paymentsBadSince = long.MaxValue;
    private long _beat = long.MaxValue;

    /// <summary>The whole of this process stood still, and with it the relays and all clients.</summary>
    public int Standstills { get; private set; }

    /// <summary>The payment service is not well from now on, or well again.</summary>
    public void Payments(bool bad)
    {
        lock (_gate)
        {
            if (bad)
            {
                _paymentsBadSince = Math.Min(_paymentsBadSince, Stopwatch.GetTimestamp());
            }
            else if (_paymentsBadSince != long.MaxValue)
            {
                Add(_payments, (_paymentsBadSince, Stopwatch.GetTimestamp()));
                _paymentsBadSince = long.MaxValue;
            }
        }
    }

    /// <summary>Whether a call that was begun then and has failed now was allowed to.</summary>
    public bool MayFail(Function function, long invoked) => beyond || StoodStill(invoked) || (function == Function.MakePurchase && PaymentsWereBad(invoked));

    /// <summary>
    /// Whether a purchase that was begun then may have been given up: the servers do so where it was under way for half a minute, which takes a payment service
    /// that is not there, or servers that died with it again and again.
    /// </summary>
    public bool MayBeGivenUp(long invoked) => beyond || StoodStill(invoked) || PaymentsWereBad(invoked) || Stopwatch.GetElapsedTime(invoked) > TimeSpan.FromSeconds(25);

    /// <summary>Notices standstills until cancelled.</summary>
    public async Task WatchAsync(CancellationToken cancel)
    {
        while (true)
        {
            var before = Stopwatch.GetTimestamp();
            Volatile.Write(ref _beat, before);
            await Task.Delay(TimeSpan.FromMilliseconds(500), cancel);
            if (Stopwatch.GetElapsedTime(before) > s_standstill)
            {
                lock (_gate)
                {
                    Standstills++;
                    Add(_standstills, (before, Stopwatch.GetTimestamp()));
                }
            }
        }
    }

    private bool PaymentsWereBad(long since)
    {
        lock (_gate)
        {
            return _paymentsBadSince != long.MaxValue || _payments.Any(p => p.To + s_grace >= since);
        }
    }

    private bool StoodStill(long since)
    {
        lock (_gate)
        {
            // The one that has just ended may not have been noticed yet.
            return _standstills.Any(s => s.To >= since) || (Volatile.Read(ref _beat) is var beat and not long.MaxValue && Stopwatch.GetElapsedTime(beat) > s_standstill);
        }
    }

    private static void Add(Queue<(long, long)> queue, (long, long) interval)
    {
        queue.Enqueue(interval);
        if (queue.Count > Most)
        {
            queue.Dequeue();
        }
    }
}
