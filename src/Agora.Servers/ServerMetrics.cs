using System.Diagnostics.Metrics;
using Agora.Contracts.Customers;
using Grpc.Core;

namespace Agora.Servers;

/// <summary>A server's own metrics; those of the runtime and of HTTP come from OpenTelemetry.</summary>
internal sealed class ServerMetrics
{
    public const string MeterName = "Agora.Servers";

    private readonly Histogram<double> _functions;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _purchases;
    private readonly Counter<long> _rescued;

    public ServerMetrics(IMeterFactory factory)
    {
        var meter = factory.Create(MeterName);
        _functions = meter.CreateHistogram(
            "agora.function.duration",
            "s",
            "Time to answer one call of a function, by its outcome.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
            }
        );
        _retries = meter.CreateCounter<long>(
            "agora.database.retries",
            description: "Calls of a database that went on to another replica."
        );
        _purchases = meter.CreateCounter<long>(
            "agora.purchases",
            description: "Purchases by the state that was answered."
        );
        _rescued = meter.CreateCounter<long>(
            "agora.purchases.rescued",
            description: "Purchases left unsettled by another server and settled by this one."
        );
    }

    /// <param name="function">The function's name.</param>
    /// <param name="outcome"><c>ok</c>, or the code of the error.</param>
    /// <param name="duration">From the request's arrival to its answer.</param>
    public void FunctionServed(string function, string outcome, TimeSpan duration) =>
        _functions.Record(duration.TotalSeconds, new("function", function), new("outcome", outcome));

    public void DatabaseRetry(string database, StatusCode reason) =>
        _retries.Add(1, new("database", database), new("reason", reason.ToString()));

    public void PurchaseAnswered(PurchaseState state) =>
        _purchases.Add(1, new KeyValuePair<string, object?>("state", state.ToString()));

    public void PurchaseRescued(PurchaseState state) =>
        _rescued.Add(1, new KeyValuePair<string, object?>("state", state.ToString()));
}
