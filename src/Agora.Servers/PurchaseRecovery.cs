using Agora.Contracts.Customers;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// Settles what dead servers left behind: purchases pending for too long, and votes that did not reach their item. Every buyer server
/// looks from time to time, at moments of its own; two that find the same do no harm, since every step is idempotent and
/// <see cref="PurchaseSaga"/> comes to one end.
/// </summary>
internal sealed class PurchaseRecovery(
    CustomersDatabase customers, PurchaseSaga saga, Votes votes, ServerContext context, ILogger<PurchaseRecovery> logger)
    : BackgroundService
{
    private const int BatchSize = 50;

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
                catch (UnavailableException e) when (wasReachable)
                {
                    wasReachable = false;
                    logger.LogWarning("What was left unfinished cannot be settled now, it will be later: {Reason}", e.Message);
                }
                catch (UnavailableException)
                {
                    // Said once already; the next round tries again.
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // A purchase that cannot be settled must not end the search for others, nor the server.
                    logger.LogError(e, "Settling what was left unfinished failed");
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>One search. A batch that is full is followed by the next round, soon enough: the oldest come first and go away.</summary>
    internal async Task SettleAllAsync(CancellationToken cancellationToken)
    {
        var before = context.Time.GetUtcNow() - context.Settings.AbandonedAfter;
        var query = new UnfinishedQuery { Before = before.ToUnixTimeMilliseconds(), Limit = BatchSize };
        var unfinished = await InTimeAsync(deadline => customers.GetUnfinishedAsync(query, deadline), cancellationToken);
        UnavailableException? unavailable = null;
        foreach (var purchase in unfinished.Purchases)
        {
            try
            {
                var settled = await InTimeAsync(deadline => saga.SettleAsync(purchase.PurchaseId, deadline), cancellationToken);
                context.Metrics.PurchaseRescued(settled.State);
                logger.LogInformation("Purchase {Purchase}, left pending, is now {State}",
                    PurchaseSaga.TransactionId(settled.PurchaseId), settled.State);
            }
            catch (UnavailableException e)
            {
                unavailable = e;
                break;
            }
            catch (InvalidOperationException e)
            {
                logger.LogError(e, "Purchase {Purchase}, left pending, cannot be settled", PurchaseSaga.TransactionId(purchase.PurchaseId));
            }
        }
        // Votes need no payment service, so they are passed on even where purchases must wait for it.
        foreach (var vote in unfinished.Votes)
        {
            await InTimeAsync(deadline => votes.ForwardAsync(vote, deadline), cancellationToken);
        }
        if (unavailable is not null)
        {
            throw unavailable;
        }
    }

    private async Task<T> InTimeAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(context.Settings.CallDeadline, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        return await work(either.Token);
    }
}

/// <summary>
/// A vote crosses both databases like a purchase: customers record it once per purchase, under its id; products add it to the item,
/// once per id; then customers forget that it had to be forwarded. Dying in between leaves it unforwarded, for
/// <see cref="PurchaseRecovery"/>.
/// </summary>
internal sealed class Votes(CustomersDatabase customers, ProductsDatabase products, ServerContext context, ILogger<Votes> logger)
{
    private const int MaxMarking = 256;

    private int _marking;

    /// <summary>Adds a recorded vote to its item, and says so to customers. Repeating it changes nothing.</summary>
    /// <returns>Whether the item exists.</returns>
    public async Task<bool> ForwardAsync(Vote vote, CancellationToken deadline)
    {
        var found = await AddAsync(vote, deadline);
        await customers.ExecuteAsync(RequestId.Random(), new() { MarkVoteForwarded = new() { VoteId = vote.VoteId } }, deadline);
        return found;
    }

    /// <summary>The same, but the user need not wait for the mark: who misses it forwards again, which counts once.</summary>
    public async Task ForwardSoonAsync(Vote vote, CancellationToken deadline)
    {
        await AddAsync(vote, deadline);
        if (Interlocked.Increment(ref _marking) <= MaxMarking)
        {
            _ = MarkAsync(vote.VoteId);
        }
        else
        {
            Interlocked.Decrement(ref _marking);
        }
    }

    private async Task<bool> AddAsync(Vote vote, CancellationToken deadline)
    {
        var added = await products.ExecuteAsync(
            RequestId.Random(), new() { AddFeedback = new() { VoteId = vote.VoteId, ItemId = vote.ItemId, Up = vote.Up } }, deadline);
        if (added.Error is not (Contracts.Products.Error.None or Contracts.Products.Error.NoSuchItem))
        {
            throw new InvalidOperationException($"The products database answered {added.Error} to a vote.");
        }
        return added.Error == Contracts.Products.Error.None;
    }

    private async Task MarkAsync(ByteString voteId)
    {
        try
        {
            using var deadline = new CancellationTokenSource(context.Settings.CallDeadline, context.Time);
            await customers.ExecuteAsync(RequestId.Random(), new() { MarkVoteForwarded = new() { VoteId = voteId } }, deadline.Token);
        }
        catch (Exception e)
        {
            // Nobody waits for this task: whatever went wrong ends here, in the log, and the next search for unfinished work repeats it.
            logger.LogInformation("A forwarded vote could not be marked, it will be later: {Reason}", e.Message);
        }
        finally
        {
            Interlocked.Decrement(ref _marking);
        }
    }
}
