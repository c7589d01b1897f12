using Agora.Contracts.Customers;
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

    // Of open reservations in one round. In full load some are open for the second until they are confirmed.
    private const int MaxPages = 20;

    // A round tries no more once it has taken so many times as long as one call may.
    private const int MaxDeadlines = 3;

    private readonly Sightings _purchases = new(time);
    private readonly Sightings _votes = new(time);

    // Where the search for open reservations goes on; null for the beginning.
    private Reservation? _last;

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
    /// One search, and an attempt at each thing that this server has seen open for long enough.
    /// <see cref="Settlements"/> takes the last step of what is found; an undone purchase has none. What failed most
    /// rarely comes first, and a round ends in time, so that what can never be settled does not hold up the rest.
    /// </summary>
    /// <exception cref="UnavailableException">A service could not be reached, so something is not settled; everything
    /// else that was tried is.</exception>
    internal async Task SettleAllAsync(CancellationToken cancellationToken)
    {
        var open = await SeePurchasesAsync(cancellationToken);
        var unforwarded = await SeeVotesAsync(cancellationToken);
        var begun = time.GetTimestamp();
        UnavailableException? unavailable = null;
        foreach (var (vote, sighting) in unforwarded)
        {
            await TryAsync(deadline => votes.ForwardAsync(vote, deadline), "Vote", vote.VoteId, sighting);
        }

        foreach (var (reservation, sighting) in open)
        {
            await TryAsync(
                deadline => RescueAsync(reservation, deadline),
                "Purchase",
                reservation.PurchaseId,
                sighting
            );
        }

        if (unavailable is not null)
        {
            throw unavailable;
        }

        // A purchase or vote that cannot be settled does not stop the others.
        async Task TryAsync(
            Func<CancellationToken, Task> settle,
            string what,
            ByteString id,
            Sightings.Sighting sighting
        )
        {
            if (time.GetElapsedTime(begun) > MaxDeadlines * settings.CallDeadline)
            {
                return;
            }

            // Forgotten once it is no longer open.
            sighting.Failures++;
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

    // From where the last round stopped: however many reservations are open, all of them are seen.
    private async Task<List<(Reservation, Sightings.Sighting)>> SeePurchasesAsync(CancellationToken cancellationToken)
    {
        List<(Reservation, Sightings.Sighting?)> seen = [];
        for (var page = 0; page < MaxPages; page++)
        {
            OpenReservationsQuery query = new()
            {
                Before = long.MaxValue,
                Limit = BatchSize,
                AfterAt = _last?.At ?? 0,
                AfterPurchase = _last?.PurchaseId ?? ByteString.Empty,
            };
            var open = await InTimeAsync(
                deadline => products.GetOpenReservationsAsync(query, deadline),
                cancellationToken
            );
            seen.AddRange(open.Reservations.Select(r => (r, _purchases.See(r.PurchaseId))));
            if (open.Reservations.Count < BatchSize)
            {
                _last = null;
                _purchases.EndSweep();
                break;
            }

            _last = open.Reservations[^1];
        }

        return _purchases.Due(seen, settings.AbandonedAfter, BatchSize);
    }

    private async Task<List<(Vote, Sightings.Sighting)>> SeeVotesAsync(CancellationToken cancellationToken)
    {
        var left = await InTimeAsync(
            deadline =>
                customers.GetUnforwardedVotesAsync(new() { Before = long.MaxValue, Limit = BatchSize }, deadline),
            cancellationToken
        );
        List<(Vote, Sightings.Sighting?)> seen = [.. left.Votes.Select(v => (v, _votes.See(v.VoteId)))];
        _votes.EndSweep();
        return _votes.Due(seen, settings.AbandonedAfter, BatchSize);
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
