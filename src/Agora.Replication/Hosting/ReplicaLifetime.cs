using Agora.Cluster;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Hosting;

/// <summary>
/// Starts the replicator before the listener opens and stops it after that has closed. Ends the process when the
/// replicator had to stop, or when what the replica holds turns out to be of no use: a replica whose log or state is
/// broken must not serve. Its next start sets that aside.
/// </summary>
internal sealed class ReplicaLifetime(
    IReplicator replicator,
    ReplicatedStore store,
    ReplicaDirectory directory,
    StateHealth health,
    IHostApplicationLifetime application,
    ILogger<ReplicaLifetime> logger
) : IHostedService
{
    private CancellationTokenRegistration _stopping;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        directory.LogStart(logger);
        await replicator.StartAsync(cancellationToken);
        store.TracedFrom = replicator.Status.Known;
        logger.LogInformation("Replica started, applied up to {Position}", store.Applied);

        // The listener waits for the calls under way before it closes, and they wait for the group. So the replicator,
        // which ends them, must begin to stop first. StopAsync awaits it.
        _stopping = application.ApplicationStopping.Register(() => _ = replicator.DisposeAsync().AsTask());
        _ = EndProcessOnFailureAsync();
        _ = CondemnOnDamageAsync();
        _ = EndProcessWhenCondemnedAsync();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.DisposeAsync();
        await replicator.DisposeAsync();

        // Throws what stopped the replicator, if something did: the process then ends with a failure.
        await replicator.Completion.WaitAsync(cancellationToken);
        if (directory.Condemned.IsCompleted)
        {
            throw OfNoUse(await directory.Condemned);
        }

        store.Flush();
        logger.LogInformation("Replica stopped, applied up to {Position}", store.Applied);
    }

    private FixableException OfNoUse(string reason) =>
        new(
            directory.Path,
            reason,
            directory.ComesBack
                ? "The next start sets it aside, and the replica fetches the state from the others"
                : "No other replica can give it back: put it back from a copy of the same moment"
        );

    private async Task CondemnOnDamageAsync() => health.MarkWrong(await store.Damage);

    private async Task EndProcessWhenCondemnedAsync()
    {
        var reason = await directory.Condemned;
        logger.LogCritical("What this replica holds is of no use, and it ends: {Reason}", reason);
        EndProcess();
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
            EndProcess();
        }
    }

    // A start that is interrupted would end with a message of its own, and not with the reason.
    private void EndProcess() => application.ApplicationStarted.Register(application.StopApplication);
}
