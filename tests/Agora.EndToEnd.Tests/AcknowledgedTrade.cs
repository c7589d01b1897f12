using Agora.Client;
using Agora.Rest;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>What was acknowledged up to some moment.</summary>
/// <param name="Sellers">The sellers and their items.</param>
/// <param name="Buyers">The buyers and their receipts.</param>
public sealed record AcknowledgedTrade(
    IReadOnlyList<(string Username, IReadOnlyList<string> Items)> Sellers,
    IReadOnlyList<(string Username, IReadOnlyList<Receipt> Receipts)> Buyers
)
{
    /// <summary>Checks that all of it is there. There may be more.</summary>
    public async Task IsThereAsync(Func<SellerClient> seller, Func<BuyerClient> buyer)
    {
        foreach (var (username, receipts) in Buyers)
        {
            using var client = buyer();
            await client.LoginAsync(username, Traders.Password);
            var history = await TradeLedger.PurchasesAsync(client);
            Assert.Subset(
                TradeLedger.Lines(history.Select(p => (p.PurchaseId, p.Total, p.Lines))).ToHashSet(),
                TradeLedger.Lines(receipts.Select(r => (r.PurchaseId, r.Total, r.Lines))).ToHashSet()
            );
            await client.LogoutAsync();
        }

        foreach (var (username, items) in Sellers)
        {
            using var client = seller();
            await client.LoginAsync(username, Traders.Password);
            Assert.Subset((await TradeLedger.ItemsAsync(client)).Select(i => i.Id).ToHashSet(), items.ToHashSet());
            await client.LogoutAsync();
        }
    }
}
