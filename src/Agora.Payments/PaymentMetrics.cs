using System.Diagnostics;
using System.Diagnostics.Metrics;
using Agora.Contracts.Payments;

namespace Agora.Payments;

/// <summary>What the payment service measures of its operations.</summary>
internal static class PaymentMetrics
{
    private static readonly Meter s_meter = new("Agora.Payments");

    private static readonly Histogram<double> s_duration = s_meter.CreateHistogram(
        "agora.payment.duration",
        "s",
        "One operation of the payment service, by its outcome: the transaction's state, or refused.",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
        }
    );

    public static async Task<TransactionState> MeasureAsync(string operation, Func<Task<TransactionState>> serve)
    {
        var (started, outcome) = (Stopwatch.GetTimestamp(), "refused");
        try
        {
            var state = await serve();
            outcome = state switch
            {
                TransactionState.Approved => "approved",
                TransactionState.Declined => "declined",
                TransactionState.Cancelled => "cancelled",
                _ => "unknown",
            };
            return state;
        }
        finally
        {
            s_duration.Record(
                Stopwatch.GetElapsedTime(started).TotalSeconds,
                new("operation", operation),
                new("outcome", outcome)
            );
        }
    }
}
