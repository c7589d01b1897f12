using System.Threading.Channels;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// Takes the last steps of purchases and votes after their answers, many in one command: an ordered command costs every
/// replica about the same, whether it settles one or fifty.
/// </summary>
/// <remarks>
/// If the server dies, only the queue is lost. The databases hold each reservation as open until it is confirmed, and
/// each vote as unforwarded until it is marked, and <see cref="PurchaseRecovery"/> of any server finds them. So a step
/// that fails, or does not fit into the queue, is dropped.
/// </remarks>
internal sealed class Settlements(
    CustomersDatabase customers,
    ProductsDatabase products,
    ServerSettings settings,
    TimeProvider time,
    ILogger<Settlements> logger
) : BackgroundService
{
    /// <summary>How many are settled in one command. The products database accepts no more.</summary>
    public const int MaxBatch = 50;

    private const int MaxWaiting = 10_000;

    // Long enough to gather several, and far below the age at which a rescuer acts.
    private static readonly TimeSpan s_gatheringTime = TimeSpan.FromSeconds(1);

    private readonly Channel<Settlement> _waiting = Channel.CreateBounded<Settlement>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true }
    );

    /// <summary>Queues a last step.</summary>
    public void Add(Settlement settlement)
    {
        if (!_waiting.Writer.TryWrite(settlement))
        {
            logger.LogDebug("{Count} settlements wait: one more is left to recovery", MaxWaiting);
        }
    }

    private async Task TakeLastStepsAsync(List<Settlement> settlements, CancellationToken cancellationToken)
    {
        var confirm = new Confirm();
        var mark = new MarkForwarded();
        foreach (var (kind, id) in settlements)
        {
            if (kind == SettlementKind.ConfirmPurchase)
            {
                confirm.PurchaseIds.Add(id);
            }
            else
            {
                mark.VoteIds.Add(id);
            }
        }

        if (confirm.PurchaseIds.Count > 0)
        {
            var reply = await products.ExecuteAsync(
                RequestIds.Random(),
                new() { Confirm = confirm },
                cancellationToken
            );
            foreach (var refused in reply.Confirmed.RefusedIds)
            {
                // No order of the saga's steps leads here.
                logger.LogError(
                    "Purchase {Purchase} is completed, but its units are not reserved",
                    PurchaseSaga.TransactionId(refused)
                );
            }
        }

        if (mark.VoteIds.Count > 0)
        {
            await customers.ExecuteAsync(RequestIds.Random(), new() { MarkForwarded = mark }, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(cancellationToken))
            {
                await Task.Delay(s_gatheringTime, time, cancellationToken);
                await TakeLastStepsAsync();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The server stops and takes no more calls. The databases stop later.
            await TakeLastStepsAsync();
        }
    }

    private async Task TakeLastStepsAsync()
    {
        var batch = new List<Settlement>(MaxBatch);
        try
        {
            while (TryTakeBatch(batch))
            {
                using var deadline = new CancellationTokenSource(settings.CallDeadline, time);
                await TakeLastStepsAsync(batch, deadline.Token);
            }
        }
        catch (Exception e)
        {
            // The others would probably fail too, and this loop must go on.
            var left = batch.Count;
            while (TryTakeBatch(batch))
            {
                left += batch.Count;
            }

            logger.LogInformation("{Count} settlements are left to recovery: {Reason}", left, e.Message);
        }
    }

    private bool TryTakeBatch(List<Settlement> batch)
    {
        batch.Clear();
        while (batch.Count < MaxBatch && _waiting.Reader.TryRead(out var next))
        {
            batch.Add(next);
        }

        return batch.Count > 0;
    }
}
