using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// Settles what dead servers left behind: purchases whose reservation is open for too long, and votes that did not reach their item. Every buyer server
/// looks from time to time, at moments of its own; two that find the same do no harm, since every step is idempotent and
/// <see cref="PurchaseSaga"/> comes to one end.
/// </summary>
internal sealed class PurchaseRecovery(
    CustomersDatabase customers, ProductsDatabase products, PurchaseSaga saga, Votes votes, ServerContext context, ILogger<PurchaseRecovery> logger)
    : BackgroundService
{
    private const int BatchSize = Settlements.Most;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var wasReachable = true;
        try
        {
            while (true)
            {
                await Task.Delay(context.Settings.RecoveryInterval * (0.5 + Random.Shared.NextDouble()), context.Time, stoppingToken);
                try
                {
                    await SettleAllAsync(stoppingToken);
                    wasReachable = true;
                }
                catch (UnavailableException e)
                {
                    if (wasReachable)
                    {
                        logger.LogWarning("What was left unfinished cannot be settled now, it will be later: {Reason}", e.Message);
                    }
                    wasReachable = false;
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    // Whatever went wrong in this round must end neither the next ones nor the server.
                    logger.LogError(e, "Settling what was left unfinished failed");
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>
    /// One search. What is found goes its last step with <see cref="Settlements"/>, except that an undone purchase has none left. A batch that is full is
    /// followed by the next round, soon enough: the oldest come first and go away.
    /// </summary>
    /// <exception cref="UnavailableException">Something could not be settled for want of a service; all else that was found has been.</exception>
    internal async Task SettleAllAsync(CancellationToken cancellationToken)
    {
        var before = (context.Time.GetUtcNow() - context.Settings.AbandonedAfter).ToUnixTimeMilliseconds();
        var open = await InTimeAsync(
            deadline => products.GetOpenReservationsAsync(new() { Before = before, Limit = BatchSize }, deadline), cancellationToken);
        var votesLeft = await InTimeAsync(
            deadline => customers.GetUnforwardedVotesAsync(new() { Before = before, Limit = BatchSize }, deadline), cancellationToken);
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

        // One that cannot be settled does not keep the others from it.
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
                logger.LogError(e, "{What} {Id}, left unsettled, cannot be settled", what, PurchaseSaga.TransactionId(id));
            }
        }
    }

    private async Task RescueAsync(Reservation reservation, CancellationToken deadline)
    {
        var decided = await saga.RescueAsync(reservation, deadline);
        context.Metrics.PurchaseRescued(decided.State);
        logger.LogInformation("Purchase {Purchase}, left unsettled, is {State}", PurchaseSaga.TransactionId(decided.PurchaseId), decided.State);
    }

    private async Task<T> InTimeAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        T result = default!;
        await InTimeAsync(async deadline => { result = await work(deadline); }, cancellationToken);
        return result;
    }

    private async Task InTimeAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(context.Settings.CallDeadline, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        await work(either.Token);
    }
}

/// <summary>
/// A vote crosses both databases like a purchase: customers record it once per purchase, under its id; products add it to the item,
/// once per id; then customers are told that its item has it. Dying in between leaves it unforwarded, for <see cref="PurchaseRecovery"/>.
/// </summary>
internal sealed class Votes(ProductsDatabase products, Settlements settlements)
{
    /// <summary>Adds a recorded vote to its item. That customers are told so, the user need not wait for: who misses it adds it again, which counts once.</summary>
    public async Task ForwardAsync(Vote vote, CancellationToken deadline)
    {
        var added = await products.ExecuteAsync(
            RequestId.Random(), new() { AddFeedback = new() { VoteId = vote.VoteId, ItemId = vote.ItemId, Up = vote.Up } }, deadline);
        if (added.Error is not (Contracts.Products.Error.None or Contracts.Products.Error.NoSuchItem))
        {
            throw new InvalidOperationException($"The products database answered {added.Error} to a vote.");
        }
        settlements.Add(new(SettlementKind.Counted, vote.VoteId));
    }
}
