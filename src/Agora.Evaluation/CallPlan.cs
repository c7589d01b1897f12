using Agora.Lab;

namespace Agora.Evaluation;

/// <summary>One call of a plan.</summary>
/// <param name="Function">The function.</param>
/// <param name="Seed">The seed of its arguments, which are chosen among what the client has seen by then.</param>
internal readonly record struct PlannedCall(MarketplaceFunction Function, ulong Seed);

/// <summary>
/// What a client calls in a run. The seed alone decides it before the run: the functions and their order do not depend
/// on answers. So two runs with the same seed make the same calls.
/// </summary>
/// <remarks>
/// A client begins with a tour of all functions of its role, then draws from the mix. It calls in visits: Login, calls,
/// Logout. It draws a function only where success is to be expected: it removes nothing from an empty cart, and rates
/// nothing that it has not bought. A card may be declined, so there is always one purchase more than votes.
/// </remarks>
internal static class CallPlan
{
    /// <summary>Calls from a Login to the Logout that ends its visit, both included.</summary>
    public const int VisitLength = 250;

    /// <summary>The fewest calls that have room for a tour.</summary>
    public const int MinCalls = 20;

    private static readonly MarketplaceFunction[] s_sellersTour =
    [
        MarketplaceFunction.SellerCreateAccount,
        MarketplaceFunction.SellerLogin,
        MarketplaceFunction.RegisterItemForSale,
        MarketplaceFunction.ChangeItemPrice,
        MarketplaceFunction.UpdateUnitsForSale,
        MarketplaceFunction.DisplayItemsForSale,
        MarketplaceFunction.SellerGetSellerRating,
    ];

    private static readonly MarketplaceFunction[] s_buyersTour =
    [
        MarketplaceFunction.BuyerCreateAccount,
        MarketplaceFunction.BuyerLogin,
        MarketplaceFunction.SearchItemsForSale,
        MarketplaceFunction.GetItem,
        MarketplaceFunction.BuyerGetSellerRating,
        MarketplaceFunction.AddItemToCart,
        MarketplaceFunction.SaveCart,
        MarketplaceFunction.RemoveItemFromCart,
        MarketplaceFunction.ClearCart,
        MarketplaceFunction.AddItemToCart,
        MarketplaceFunction.DisplayCart,
        MarketplaceFunction.MakePurchase,
        MarketplaceFunction.AddItemToCart,
        MarketplaceFunction.MakePurchase,
        MarketplaceFunction.ProvideFeedback,
        MarketplaceFunction.GetBuyerPurchases,
    ];

    private static readonly (MarketplaceFunction Function, int Weight)[] s_sellersMix =
    [
        (MarketplaceFunction.RegisterItemForSale, 10),
        (MarketplaceFunction.ChangeItemPrice, 30),
        (MarketplaceFunction.UpdateUnitsForSale, 15),
        (MarketplaceFunction.DisplayItemsForSale, 25),
        (MarketplaceFunction.SellerGetSellerRating, 20),
    ];

    private static readonly (MarketplaceFunction Function, int Weight)[] s_buyersMix =
    [
        (MarketplaceFunction.SearchItemsForSale, 25),
        (MarketplaceFunction.GetItem, 20),
        (MarketplaceFunction.AddItemToCart, 16),
        (MarketplaceFunction.RemoveItemFromCart, 4),
        (MarketplaceFunction.SaveCart, 4),
        (MarketplaceFunction.ClearCart, 1),
        (MarketplaceFunction.DisplayCart, 8),
        (MarketplaceFunction.MakePurchase, 8),
        (MarketplaceFunction.ProvideFeedback, 5),
        (MarketplaceFunction.BuyerGetSellerRating, 6),
        (MarketplaceFunction.GetBuyerPurchases, 5),
    ];

    /// <summary>
    /// The calls of one client in one run. The condition plays no part: all conditions are measured with the same
    /// calls.
    /// </summary>
    public static PlannedCall[] Of(bool seller, long seed, int run, int client, int calls)
    {
        var random = new SeededRandom(seed, run, seller ? 1 : 2, client);
        return seller
            ? Make(
                s_sellersTour,
                s_sellersMix,
                MarketplaceFunction.SellerLogin,
                MarketplaceFunction.SellerLogout,
                calls,
                ref random
            )
            : Make(
                s_buyersTour,
                s_buyersMix,
                MarketplaceFunction.BuyerLogin,
                MarketplaceFunction.BuyerLogout,
                calls,
                ref random
            );
    }

    /// <summary>
    /// The calls of a wholesaler, who registers items before the run, so that the first buyer finds something.
    /// </summary>
    public static PlannedCall[] OfWholesaler(long seed, int run, int items)
    {
        var random = new SeededRandom(seed, run, 3, 0);
        MarketplaceFunction[] calls =
        [
            MarketplaceFunction.SellerCreateAccount,
            MarketplaceFunction.SellerLogin,
            .. Enumerable.Repeat(MarketplaceFunction.RegisterItemForSale, items),
            MarketplaceFunction.SellerLogout,
        ];
        return [.. calls.Select(function => new PlannedCall(function, random.Next()))];
    }

    private static PlannedCall[] Make(
        MarketplaceFunction[] tour,
        (MarketplaceFunction Function, int Weight)[] mix,
        MarketplaceFunction login,
        MarketplaceFunction logout,
        int calls,
        ref SeededRandom random
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(calls, MinCalls);
        var steps = new PlannedCall[calls];
        // What the calls so far should have led to: lines in the cart, purchases, and votes.
        int lines = 0,
            bought = 0,
            rated = 0;
        for (var i = 0; i < calls; i++)
        {
            // No visit begins where only one call is left.
            var function =
                i == calls - 1 || (i % VisitLength == VisitLength - 1 && i < calls - 2) ? logout
                : i > 0 && i % VisitLength == 0 ? login
                : i < tour.Length ? tour[i]
                : Draw(mix, lines, bought - rated, ref random);
            switch (function)
            {
                case MarketplaceFunction.AddItemToCart:
                    lines++;
                    break;
                case MarketplaceFunction.RemoveItemFromCart:
                    lines--;
                    break;
                case MarketplaceFunction.ClearCart:
                // A new session begins with the saved cart, if there is one. That makes more possible, not less.
                case MarketplaceFunction.BuyerLogin:
                    lines = 0;
                    break;
                case MarketplaceFunction.MakePurchase:
                    bought += lines > 0 ? 1 : 0;
                    lines = 0;
                    break;
                case MarketplaceFunction.ProvideFeedback:
                    rated++;
                    break;
            }

            steps[i] = new(function, random.Next());
        }

        return steps;
    }

    private static MarketplaceFunction Draw(
        (MarketplaceFunction Function, int Weight)[] mix,
        int lines,
        int unrated,
        ref SeededRandom random
    )
    {
        bool Possible(MarketplaceFunction function) =>
            function switch
            {
                MarketplaceFunction.RemoveItemFromCart
                or MarketplaceFunction.SaveCart
                or MarketplaceFunction.ClearCart
                or MarketplaceFunction.MakePurchase => lines > 0,
                MarketplaceFunction.ProvideFeedback => unrated >= 2,
                _ => true,
            };
        var total = 0;
        foreach (var (function, weight) in mix)
        {
            total += Possible(function) ? weight : 0;
        }

        var drawn = random.Below(total);
        foreach (var (function, weight) in mix)
        {
            if (Possible(function) && (drawn -= weight) < 0)
            {
                return function;
            }
        }

        throw new InvalidOperationException("The weights do not add up.");
    }
}
