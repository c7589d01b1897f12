using Agora.Contracts.Products;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// Settles what dead servers left behind: purchases whose reservation is open for too long, and votes that did not
/// reach their item. Every buyer server searches from time to time, at random moments. Two that find the same purchase
/// do no harm: every step is idempotent, and <see cref="PurchaseSaga"/> comes to one end.
/// </summary>
internal sealed class PurchaseRecovery(
    CustomersDatabase customers,
    ProductsDatabase products,
    PurchaseSaga saga,
    VoteForwarder votes,
    ServerSettings settings,
    ServerMetrics metrics,
    TimeProvider time,
    ILogger<PurchaseRecovery> logger
) : BackgroundService
{
    private const int BatchSize = Settlements.MaxBatch;

    protected override async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        var wasReachable = true;
        try
        {
            while (true)
            {
                await Task.Delay(
                    settings.RecoveryInterval * (0.5 + Random.Shared.NextDouble()),
                    time,
                    cancellationToken
                );
                try
                {
                    await SettleAllAsync(cancellationToken);
                    wasReachable = true;
                }
                catch (UnavailableException e)
                {
                    if (wasReachable)
                    {
                        logger.LogWarning(
                            "Unfinished purchases and votes cannot be settled now; the next round retries: {Reason}",
                            e.Message
                        );
                    }

                    wasReachable = false;
                }
                catch (Exception e) when (!cancellationToken.IsCancellationRequested)
                {
                    // A failure of this round must end neither the later rounds nor the server.
                    logger.LogError(e, "Settling unfinished purchases and votes failed");
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>
    /// One search. <see cref="Settlements"/> takes the last step of what is found; an undone purchase has none. If a
    /// batch is full, the next round takes the rest: the oldest come first.
    /// </summary>
    /// <exception cref="UnavailableException">A service could not be reached, so something is not settled; everything
    /// else that was found is.</exception>
    internal async Task SettleAllAsync(CancellationToken cancellationToken)
    {
        var before = (time.GetUtcNow() - settings.AbandonedAfter).ToUnixTimeMilliseconds();
        var open = await InTimeAsync(
            deadline => products.GetOpenReservationsAsync(new() { Before = before, Limit = BatchSize }, deadline),
            cancellationToken
        );
        var votesLeft = await InTimeAsync(
            deadline => customers.GetUnforwardedVotesAsync(new() { Before = before, Limit = BatchSize }, deadline),
            cancellationToken
        );
        UnavailableException? unavailable = null;
        foreach (var vote in votesLeft.Votes)
        {
            await TryAsync(deadline => votes.ForwardAsync(vote, deadline), "Vote", vote.VoteId);
        }

        foreach (var reservation in open.Reservations)
        {
            await TryAsync(deadline => RescueAsync(reservation, deadline), "Purchase", reservation.PurchaseId);
        }

        if (unavailable is not null)
        {
            throw unavailable;
        }

        // A purchase or vote that cannot be settled does not stop the others.
        async Task TryAsync(Func<CancellationToken, Task> settle, string what, ByteString id)
        {
            try
            {
                await InTimeAsync(settle, cancellationToken);
            }
            catch (UnavailableException e)
            {
                unavailable = e;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                logger.LogError(
                    e,
                    "{What} {Id} was left unsettled and cannot be settled",
                    what,
                    PurchaseSaga.TransactionId(id)
                );
            }
        }
    }

    private async Task RescueAsync(Reservation reservation, CancellationToken cancellationToken)
    {
        var decided = await saga.RescueAsync(reservation, cancellationToken);
        metrics.PurchaseRescued(decided.State);
        logger.LogInformation(
            "Purchase {Purchase} was left unsettled and is now {State}",
            PurchaseSaga.TransactionId(decided.PurchaseId),
            decided.State
        );
    }

    private async Task<T> InTimeAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        T result = default!;
        await InTimeAsync(
            async deadline =>
            {
                result = await work(deadline);
            },
            cancellationToken
        );
        return result;
    }

    private async Task InTimeAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(settings.CallDeadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        await work(either.Token);
    }
}
