using System.Threading.Channels;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>The last step of one purchase or vote, which nobody waits for.</summary>
internal readonly record struct Settlement(SettlementKind Kind, ByteString Id);

internal enum SettlementKind
{
    /// <summary>A completed purchase: its units are to be confirmed as sold.</summary>
    Bought,

    /// <summary>A vote that its item has counted: it is to be marked so.</summary>
    Counted,
}

/// <summary>
/// Takes the last steps of purchases and votes behind their answers, and for many in one command: an ordered command costs every replica
/// much the same, whether it settles one or fifty.
/// </summary>
/// <remarks>
/// Dying loses the queue and nothing else: the databases hold each reservation as open until it is confirmed and each vote as not forwarded
/// until it is marked, and <see cref="PurchaseRecovery"/>, here or at another server, finds it. So what fails, or is too much, is simply let go.
/// </remarks>
internal sealed class Settlements(
    CustomersDatabase customers, ProductsDatabase products, ServerContext context, ILogger<Settlements> logger)
    : BackgroundService
{
    /// <summary>In one command. The products database takes no more.</summary>
    public const int Most = 50;

    private const int MostWaiting = 10_000;

    // Long enough for several to come together, and far below what a rescuer would take for abandoned.
    private static readonly TimeSpan s_gathering = TimeSpan.FromSeconds(1);

    private readonly Channel<Settlement> _waiting = Channel.CreateBounded<Settlement>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });

    /// <summary>Has the last steps taken soon.</summary>
    public void Add(Settlement settlement)
    {
        if (!_waiting.Writer.TryWrite(settlement))
        {
            logger.LogDebug("{Count} settlements wait already: one more is left to recovery", MostWaiting);
        }
    }

    private async Task FinishAsync(List<Settlement> settlements, CancellationToken deadline)
    {
        var bought = new Confirm();
        var counted = new MarkForwarded();
        foreach (var (kind, id) in settlements)
        {
            if (kind == SettlementKind.Bought)
            {
                bought.PurchaseIds.Add(id);
            }
            else
            {
                counted.VoteIds.Add(id);
            }
        }
        if (bought.PurchaseIds.Count > 0)
        {
            var reply = await products.ExecuteAsync(RequestId.Random(), new() { Confirm = bought }, deadline);
            foreach (var refused in reply.Confirmed.RefusedIds)
            {
                // No interleaving of the saga leads here.
                logger.LogError("Purchase {Purchase} is completed, but its units are not reserved", PurchaseSaga.TransactionId(refused));
            }
        }
        if (counted.VoteIds.Count > 0)
        {
            await customers.ExecuteAsync(RequestId.Random(), new() { MarkForwarded = counted }, deadline);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                await Task.Delay(s_gathering, context.Time, stoppingToken);
                await FinishWaitingAsync();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops, and takes no more calls. The databases stop after it.
            await FinishWaitingAsync();
        }
    }

    private async Task FinishWaitingAsync()
    {
        var some = new List<Settlement>(Most);
        try
        {
            while (Take(some))
            {
                using var deadline = new CancellationTokenSource(context.Settings.CallDeadline, context.Time);
                await FinishAsync(some, deadline.Token);
            }
        }
        catch (Exception e)
        {
            // Whatever went wrong, the next of these would probably fare alike, and this loop must go on.
            var left = some.Count;
            while (Take(some))
            {
                left += some.Count;
            }
            logger.LogInformation("{Count} settlements are left to recovery: {Reason}", left, e.Message);
        }
    }

    private bool Take(List<Settlement> some)
    {
        some.Clear();
        while (some.Count < Most && _waiting.Reader.TryRead(out var next))
        {
            some.Add(next);
        }
        return some.Count > 0;
    }
}
