using System.Diagnostics;

namespace Agora.Replication.Telemetry;

/// <summary>
/// Measures and traces what a replica is asked to order, whichever engine does it. While nobody listens it only passes
/// on.
/// </summary>
internal sealed class ObservedReplicator(IReplicator engine) : IReplicator
{
    private const string Ok = "ok";

    /// <inheritdoc/>
    public Task Completion => engine.Completion;

    /// <inheritdoc/>
    public ReplicatorStatus Status => engine.Status;

    /// <inheritdoc/>
    public ReplicatorDetails Details => engine.Details;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => engine.StartAsync(cancellationToken);

    /// <inheritdoc/>
    public Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken) =>
        CommandMetrics.AreOrdersMeasured || Tracing.IsOn
            ? ObserveSubmitAsync(command, cancellationToken)
            : engine.SubmitAsync(command, cancellationToken);

    /// <inheritdoc/>
    public Task ReadBarrierAsync(CancellationToken cancellationToken) =>
        CommandMetrics.AreOrdersMeasured || Tracing.IsOn
            ? ObserveBarrierAsync(cancellationToken)
            : engine.ReadBarrierAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => engine.DisposeAsync();

    private async Task<ReadOnlyMemory<byte>> ObserveSubmitAsync(Command command, CancellationToken cancellationToken)
    {
        using var span = Tracing.Order(ref command);
        var (started, outcome) = (Stopwatch.GetTimestamp(), Ok);
        CommandMetrics.Submitted();
        try
        {
            return await engine.SubmitAsync(command, cancellationToken);
        }
        catch (Exception e)
        {
            outcome = Fail(span, e);
            throw;
        }
        finally
        {
            CommandMetrics.Ordered(started, outcome);
        }
    }

    private async Task ObserveBarrierAsync(CancellationToken cancellationToken)
    {
        using var span = Tracing.Barrier();
        var (started, outcome) = (Stopwatch.GetTimestamp(), Ok);
        try
        {
            await engine.ReadBarrierAsync(cancellationToken);
        }
        catch (Exception e)
        {
            outcome = Fail(span, e);
            throw;
        }
        finally
        {
            CommandMetrics.Asked(started, outcome);
        }
    }

    private static string Fail(Activity? span, Exception e)
    {
        span?.SetStatus(ActivityStatusCode.Error, e.Message);
        return e switch
        {
            ReplicaUnavailableException => "unavailable",
            OperationCanceledException => "cancelled",
            _ => "error",
        };
    }
}
