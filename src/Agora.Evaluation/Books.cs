using Agora.Contracts.Customers;
using Agora.Contracts.Products;

namespace Agora.Evaluation;

/// <summary>What the databases hold about a seller.</summary>
internal sealed record SellerBook(
    long? AccountId,
    long ThumbsUp,
    long ThumbsDown,
    long ItemsSold,
    IReadOnlyList<ItemRecord> Items
);

/// <summary>What the customers database holds about a buyer.</summary>
internal sealed record BuyerBook(
    long? AccountId,
    long ItemsPurchased,
    IReadOnlyList<PurchaseRecord> Purchases,
    IReadOnlyDictionary<string, int> SavedCart
);

/// <summary>The marketplace's books about one run.</summary>
/// <param name="Sellers">In the order of the sellers' answers.</param>
/// <param name="Buyers">In the order of the buyers' answers.</param>
/// <param name="Charges">Cents by transaction: every approved charge since the last audit.</param>
internal sealed record Books(
    IReadOnlyList<SellerBook> Sellers,
    IReadOnlyList<BuyerBook> Buyers,
    IReadOnlyDictionary<string, long> Charges
);
