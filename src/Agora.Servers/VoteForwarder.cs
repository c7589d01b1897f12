using Agora.Contracts.Customers;
using Agora.Contracts.Products;

namespace Agora.Servers;

/// <summary>
/// Forwards votes from the customers database to the items. Customers record a vote once for each purchase, under its
/// id; products add it to the item, once for each id; then customers mark it as forwarded. If a server dies in between,
/// the vote stays unforwarded, and <see cref="PurchaseRecovery"/> finds it.
/// </summary>
internal sealed class VoteForwarder(ProductsDatabase products, Settlements settlements)
{
    /// <summary>
    /// Adds a recorded vote to its item. The user does not wait for the mark: without it the vote is added again, which
    /// counts once.
    /// </summary>
    public async Task ForwardAsync(Vote vote, CancellationToken cancellationToken)
    {
        var added = await products.ExecuteAsync(
            RequestIds.Random(),
            new()
            {
                AddFeedback = new()
                {
                    VoteId = vote.VoteId,
                    ItemId = vote.ItemId,
                    Up = vote.Up,
                },
            },
            cancellationToken
        );
        if (added.Error is not (ProductsError.None or ProductsError.NoSuchItem))
        {
            throw new InvalidOperationException($"The products database answered {added.Error} to a vote.");
        }

        settlements.Add(new(SettlementKind.MarkVote, vote.VoteId));
    }
}
