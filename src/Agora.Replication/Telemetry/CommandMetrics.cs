using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Agora.Replication.Telemetry;

/// <summary>
/// How long a replica takes to order, to apply and to ask the group before a read, as the meter <c>Agora.Commands</c>.
/// Measures nothing while nobody listens.
/// </summary>
internal static class CommandMetrics
{
    private static readonly Meter s_meter = new("Agora.Commands");

    private static readonly InstrumentAdvice<double> s_seconds = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    };

    private static readonly Histogram<double> s_order = s_meter.CreateHistogram(
        "agora.command.duration",
        "s",
        "From a command's submission at this replica until it is durable at a majority and applied here, by outcome.",
        advice: s_seconds
    );

    private static readonly Histogram<double> s_barrier = s_meter.CreateHistogram(
        "agora.read_barrier.duration",
        "s",
        "Until this replica has made sure that a read sees everything acknowledged before, by outcome.",
        advice: s_seconds
    );

    private static readonly Histogram<double> s_apply = s_meter.CreateHistogram(
        "agora.apply.duration",
        "s",
        "One transaction, which applies a batch of commands.",
        advice: s_seconds
    );

    private static readonly Counter<long> s_applied = s_meter.CreateCounter<long>(
        "agora.commands.applied",
        "{command}",
        "Commands applied here."
    );

    private static readonly UpDownCounter<long> s_underWay = s_meter.CreateUpDownCounter<long>(
        "agora.commands.under_way",
        "{command}",
        "Commands submitted at this replica and not answered yet."
    );

    private static readonly Histogram<double> s_sync = s_meter.CreateHistogram(
        "agora.log.sync.duration",
        "s",
        "One sync of the Raft log or ballot to the disk.",
        advice: s_seconds
    );

    /// <summary>Somebody listens to what is measured around a submission or a read.</summary>
    public static bool AreOrdersMeasured => s_order.Enabled;

    /// <summary>Somebody listens to what is measured around a transaction.</summary>
    public static bool IsApplyMeasured => s_apply.Enabled;

    public static void Submitted() => s_underWay.Add(1);

    public static void Ordered(long started, string outcome)
    {
        s_underWay.Add(-1);
        s_order.Record(Since(started), Outcome(outcome));
    }

    public static void Asked(long started, string outcome) => s_barrier.Record(Since(started), Outcome(outcome));

    public static void Applied(long started, int commands)
    {
        s_apply.Record(Since(started));
        s_applied.Add(commands);
    }

    /// <summary>When something begins that <see cref="Synced"/> ends; 0 while nobody listens.</summary>
    public static long SyncBegins() => s_sync.Enabled ? Stopwatch.GetTimestamp() : 0;

    public static void Synced(long began)
    {
        if (began != 0)
        {
            s_sync.Record(Since(began));
        }
    }

    private static double Since(long started) => Stopwatch.GetElapsedTime(started).TotalSeconds;

    private static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
}
