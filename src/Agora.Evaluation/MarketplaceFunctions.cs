using Agora.Rest;

namespace Agora.Evaluation;

/// <summary>What the evaluation has to know about each function.</summary>
internal static class MarketplaceFunctions
{
    public static IReadOnlyList<MarketplaceFunction> All { get; } = Enum.GetValues<MarketplaceFunction>();

    public static bool IsSellers(this MarketplaceFunction function) =>
        function <= MarketplaceFunction.DisplayItemsForSale;

    /// <summary>The name in the specification. It is not unique, so tables show the role beside it.</summary>
    public static string Name(this MarketplaceFunction function) =>
        function switch
        {
            MarketplaceFunction.SellerCreateAccount or MarketplaceFunction.BuyerCreateAccount => "CreateAccount",
            MarketplaceFunction.SellerLogin or MarketplaceFunction.BuyerLogin => "Login",
            MarketplaceFunction.SellerLogout or MarketplaceFunction.BuyerLogout => "Logout",
            MarketplaceFunction.SellerGetSellerRating or MarketplaceFunction.BuyerGetSellerRating => "GetSellerRating",
            _ => function.ToString(),
        };

    public static string Role(this MarketplaceFunction function) => function.IsSellers() ? "seller" : "buyer";

    /// <summary>Whether the function needs the products database.</summary>
    public static bool UsesProducts(this MarketplaceFunction function) =>
        function
            is MarketplaceFunction.RegisterItemForSale
                or MarketplaceFunction.ChangeItemPrice
                or MarketplaceFunction.UpdateUnitsForSale
                or MarketplaceFunction.DisplayItemsForSale
                or MarketplaceFunction.SearchItemsForSale
                or MarketplaceFunction.GetItem
                or MarketplaceFunction.AddItemToCart
                or MarketplaceFunction.RemoveItemFromCart
                or MarketplaceFunction.SaveCart
                or MarketplaceFunction.DisplayCart
                or MarketplaceFunction.MakePurchase
                or MarketplaceFunction.ProvideFeedback;

    /// <summary>
    /// Whether the function changes something and takes an Idempotency-Key, so that a repeat must change nothing more.
    /// Login does not count, as a second Login opens another session.
    /// </summary>
    public static bool IsRepeatable(this MarketplaceFunction function) =>
        function
            is MarketplaceFunction.SellerCreateAccount
                or MarketplaceFunction.SellerLogout
                or MarketplaceFunction.RegisterItemForSale
                or MarketplaceFunction.ChangeItemPrice
                or MarketplaceFunction.UpdateUnitsForSale
                or MarketplaceFunction.BuyerCreateAccount
                or MarketplaceFunction.BuyerLogout
                or MarketplaceFunction.AddItemToCart
                or MarketplaceFunction.RemoveItemFromCart
                or MarketplaceFunction.SaveCart
                or MarketplaceFunction.ClearCart
                or MarketplaceFunction.MakePurchase
                or MarketplaceFunction.ProvideFeedback;

    /// <summary>Whether the function needs the customers replicas to agree on a command.</summary>
    public static bool WritesCustomers(this MarketplaceFunction function) =>
        function
            is MarketplaceFunction.SellerCreateAccount
                or MarketplaceFunction.SellerLogin
                or MarketplaceFunction.SellerLogout
                or MarketplaceFunction.BuyerCreateAccount
                or MarketplaceFunction.BuyerLogin
                or MarketplaceFunction.BuyerLogout
                or MarketplaceFunction.AddItemToCart
                or MarketplaceFunction.RemoveItemFromCart
                or MarketplaceFunction.SaveCart
                or MarketplaceFunction.ClearCart
                or MarketplaceFunction.MakePurchase
                or MarketplaceFunction.ProvideFeedback;

    /// <summary>
    /// Whether a refusal is a right answer: the card was declined, another buyer was quicker, the price has changed
    /// since the buyer saw it, or, after a declined purchase, there is nothing to rate. All other refusals are
    /// failures.
    /// </summary>
    public static bool Expects(this MarketplaceFunction function, string code) =>
        function switch
        {
            MarketplaceFunction.MakePurchase => code
                is ErrorCodes.PaymentDeclined
                    or ErrorCodes.NotEnoughUnits
                    or ErrorCodes.PriceChanged
                    or ErrorCodes.CartEmpty,
            MarketplaceFunction.AddItemToCart or MarketplaceFunction.UpdateUnitsForSale => code
                is ErrorCodes.NotEnoughUnits,
            MarketplaceFunction.RemoveItemFromCart => code is ErrorCodes.NotInCart,
            MarketplaceFunction.ProvideFeedback => code is ErrorCodes.NotPurchased or ErrorCodes.AlreadyRated,
            _ => false,
        };
}
