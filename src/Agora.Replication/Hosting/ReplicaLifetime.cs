using Agora.Cluster;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Hosting;

/// <summary>
/// Starts the replicator before the listener opens and stops it after that has closed. Ends the process when the
/// replicator had to stop: a replica whose log or state is broken must not serve.
/// </summary>
internal sealed class ReplicaLifetime(
    IReplicator replicator,
    ReplicatedStore store,
    IHostApplicationLifetime application,
    ILogger<ReplicaLifetime> logger
) : IHostedService
{
    private CancellationTokenRegistration _stopping;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await replicator.StartAsync(cancellationToken);
        logger.LogInformation("Replica started, applied up to {Position}", store.Applied);

        // The listener waits for the calls under way before it closes, and they wait for the group. So the replicator,
        // which ends them, must begin to stop first. StopAsync awaits it.
        _stopping = application.ApplicationStopping.Register(() => _ = replicator.DisposeAsync().AsTask());
        _ = EndProcessOnFailureAsync();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.DisposeAsync();
        await replicator.DisposeAsync();

        // Throws what stopped the replicator, if something did: the process then ends with a failure.
        await replicator.Completion.WaitAsync(cancellationToken);
        store.Flush();
        logger.LogInformation("Replica stopped, applied up to {Position}", store.Applied);
    }

    private async Task EndProcessOnFailureAsync()
    {
        try
        {
            await replicator.Completion;
        }
        catch (Exception e)
        {
            // Where an operator can fix it, the last line of the process says how.
            logger.LogCritical(
                e is FixableException ? null : e,
                "The replica cannot go on and ends: {Reason}",
                e.Message
            );
            application.StopApplication();
        }
    }
}
