namespace Agora.Evaluation;

/// <summary>One call of a plan.</summary>
/// <param name="Function">The function.</param>
/// <param name="Dice">Seeds the choice of its arguments, among what the client has then seen.</param>
internal readonly record struct Step(Function Function, ulong Dice);

/// <summary>
/// What a client calls in a run, decided before the run from the seed alone: which functions in which order does not depend on answers,
/// so two runs with the same seed make the same calls.
/// </summary>
/// <remarks>
/// A client begins with a tour of all functions of its role, then draws from the mix. It comes in visits: Login, calls, Logout. A function
/// is drawn only where it can be expected to succeed: nothing is removed from an empty cart, nothing is rated that was not bought. That a
/// purchase may be declined is allowed for by one purchase more than votes.
/// </remarks>
internal static class Plan
{
    /// <summary>Calls between a Login and the Logout that ends its visit, both included.</summary>
    public const int Visit = 250;

    /// <summary>Fewer would not hold a tour.</summary>
    public const int Fewest = 20;

    private static readonly Function[] s_sellersTour =
    [
        Function.SellerCreateAccount, Function.SellerLogin, Function.RegisterItemForSale, Function.ChangeItemPrice,
        Function.UpdateUnitsForSale, Function.DisplayItemsForSale, Function.SellerGetSellerRating,
    ];

    private static readonly Function[] s_buyersTour =
    [
        Function.BuyerCreateAccount, Function.BuyerLogin, Function.SearchItemsForSale, Function.GetItem, Function.BuyerGetSellerRating,
        Function.AddItemToCart, Function.SaveCart, Function.RemoveItemFromCart, Function.ClearCart, Function.AddItemToCart,
        Function.DisplayCart, Function.MakePurchase, Function.AddItemToCart, Function.MakePurchase, Function.ProvideFeedback,
        Function.GetBuyerPurchases,
    ];

    private static readonly (Function Function, int Weight)[] s_sellersMix =
    [
        (Function.RegisterItemForSale, 10), (Function.ChangeItemPrice, 30), (Function.UpdateUnitsForSale, 15),
        (Function.DisplayItemsForSale, 25), (Function.SellerGetSellerRating, 20),
    ];

    private static readonly (Function Function, int Weight)[] s_buyersMix =
    [
        (Function.SearchItemsForSale, 25), (Function.GetItem, 20), (Function.AddItemToCart, 16), (Function.RemoveItemFromCart, 4),
        (Function.SaveCart, 4), (Function.ClearCart, 1), (Function.DisplayCart, 8), (Function.MakePurchase, 8),
        (Function.ProvideFeedback, 5), (Function.BuyerGetSellerRating, 6), (Function.GetBuyerPurchases, 5),
    ];

    /// <summary>The calls of one client in one run. The condition takes no part: all conditions are measured under the same calls.</summary>
    public static Step[] Of(bool seller, long seed, int run, int client, int calls)
    {
        var dice = new Dice(seed, run, seller ? 1 : 2, client);
        return seller
            ? Make(s_sellersTour, s_sellersMix, Function.SellerLogin, Function.SellerLogout, calls, ref dice)
            : Make(s_buyersTour, s_buyersMix, Function.BuyerLogin, Function.BuyerLogout, calls, ref dice);
    }

    /// <summary>A wholesaler's: it stocks the shop before the run, so that the first buyer finds something.</summary>
    public static Step[] OfWholesaler(long seed, int run, int items)
    {
        var dice = new Dice(seed, run, 3, 0);
        Function[] calls =
            [Function.SellerCreateAccount, Function.SellerLogin, .. Enumerable.Repeat(Function.RegisterItemForSale, items), Function.SellerLogout];
        return [.. calls.Select(function => new Step(function, dice.Next()))];
    }

    private static Step[] Make(
        Function[] tour, (Function Function, int Weight)[] mix, Function login, Function logout, int calls, ref Dice dice)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(calls, Fewest);
        var steps = new Step[calls];
        // As many as the answers should have made them: lines in the cart, lines bought and votes given.
        int lines = 0, bought = 0, rated = 0;
        for (var i = 0; i < calls; i++)
        {
            // A visit of which only one call would be left is not begun.
            var function = i == calls - 1 || (i % Visit == Visit - 1 && i < calls - 2) ? logout
                : i > 0 && i % Visit == 0 ? login
                : i < tour.Length ? tour[i]
                : Draw(mix, lines, bought - rated, ref dice);
            switch (function)
            {
                case Function.AddItemToCart:
                    lines++;
                    break;
                case Function.RemoveItemFromCart:
                    lines--;
                    break;
                case Function.ClearCart:
                // A new session begins with the saved cart, if there is one; that makes more possible, not less.
                case Function.BuyerLogin:
                    lines = 0;
                    break;
                case Function.MakePurchase:
                    bought += lines > 0 ? 1 : 0;
                    lines = 0;
                    break;
                case Function.ProvideFeedback:
                    rated++;
                    break;
            }
            steps[i] = new(function, dice.Next());
        }
        return steps;
    }

    private static Function Draw((Function Function, int Weight)[] mix, int lines, int unrated, ref Dice dice)
    {
        bool Possible(Function function) => function switch
        {
            Function.RemoveItemFromCart or Function.SaveCart or Function.ClearCart or Function.MakePurchase => lines > 0,
            Function.ProvideFeedback => unrated >= 2,
            _ => true,
        };
        var total = 0;
        foreach (var (function, weight) in mix)
        {
            total += Possible(function) ? weight : 0;
        }
        var drawn = dice.Below(total);
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

/// <summary>A stream of random numbers that is the same everywhere and for ever for the same seed, which <see cref="Random"/> does not promise: SplitMix64.</summary>
internal struct Dice
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state;

    public Dice(ulong seed) => _state = seed;

    public Dice(long seed, params ReadOnlySpan<long> seeds)
    {
        _state = Mix((ulong)seed);
        foreach (var part in seeds)
        {
            _state = Mix(_state + Golden + (ulong)part);
        }
    }

    public ulong Next() => Mix(_state += Golden);

    /// <summary>0 to just below a bound. The bias of the remainder is below a millionth for the bounds used here.</summary>
    public int Below(int bound) => (int)(Next() % (ulong)bound);

    public T Of<T>(IReadOnlyList<T> list) => list[Below(list.Count)];

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
