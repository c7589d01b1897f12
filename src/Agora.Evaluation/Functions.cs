using Agora.Client;

namespace Agora.Evaluation;

/// <summary>The 22 functions of the marketplace.</summary>
internal enum Function : byte
{
    SellerCreateAccount,
    SellerLogin,
    SellerLogout,
    SellerGetSellerRating,
    RegisterItemForSale,
    ChangeItemPrice,
    UpdateUnitsForSale,
    DisplayItemsForSale,
    BuyerCreateAccount,
    BuyerLogin,
    BuyerLogout,
    SearchItemsForSale,
    GetItem,
    AddItemToCart,
    RemoveItemFromCart,
    SaveCart,
    ClearCart,
    DisplayCart,
    MakePurchase,
    ProvideFeedback,
    BuyerGetSellerRating,
    GetBuyerPurchases,
}

/// <summary>What is known of each function.</summary>
internal static class Functions
{
    public static IReadOnlyList<Function> All { get; } = Enum.GetValues<Function>();

    public static bool IsSellers(this Function function) => function <= Function.DisplayItemsForSale;

    /// <summary>The name in the specification; it is not unique, so tables stand under their role.</summary>
    public static string Name(this Function function) => function switch
    {
        Function.SellerCreateAccount or Function.BuyerCreateAccount => "CreateAccount",
        Function.SellerLogin or Function.BuyerLogin => "Login",
        Function.SellerLogout or Function.BuyerLogout => "Logout",
        Function.SellerGetSellerRating or Function.BuyerGetSellerRating => "GetSellerRating",
        _ => function.ToString(),
    };

    public static string Role(this Function function) => function.IsSellers() ? "seller" : "buyer";

    /// <summary>It cannot be answered without the products database.</summary>
    public static bool UsesProducts(this Function function) => function is
        Function.RegisterItemForSale or Function.ChangeItemPrice or Function.UpdateUnitsForSale or Function.DisplayItemsForSale
        or Function.SearchItemsForSale or Function.GetItem or Function.AddItemToCart or Function.RemoveItemFromCart or Function.SaveCart
        or Function.DisplayCart or Function.MakePurchase or Function.ProvideFeedback;

    /// <summary>It changes something, and takes an Idempotency-Key, so that a repeat must change nothing more. A second Login is another session.</summary>
    public static bool IsRepeatable(this Function function) => function is
        Function.SellerCreateAccount or Function.SellerLogout or Function.RegisterItemForSale or Function.ChangeItemPrice or Function.UpdateUnitsForSale
        or Function.BuyerCreateAccount or Function.BuyerLogout or Function.AddItemToCart or Function.RemoveItemFromCart or Function.SaveCart or Function.ClearCart
        or Function.MakePurchase or Function.ProvideFeedback;

    /// <summary>It cannot be answered before the customers replicas have agreed on something.</summary>
    public static bool WritesCustomers(this Function function) => function is
        Function.SellerCreateAccount or Function.SellerLogin or Function.SellerLogout
        or Function.BuyerCreateAccount or Function.BuyerLogin or Function.BuyerLogout
        or Function.AddItemToCart or Function.RemoveItemFromCart or Function.SaveCart or Function.ClearCart
        or Function.MakePurchase or Function.ProvideFeedback;

    /// <summary>
    /// A right answer that is not yes: the card was declined, another buyer was quicker, the price changed since the buyer saw it, or, after a declined
    /// purchase, there is nothing to rate. Everything else that is not success is a failure.
    /// </summary>
    public static bool Expects(this Function function, string code) => function switch
    {
        Function.MakePurchase => code is ErrorCodes.PaymentDeclined or ErrorCodes.NotEnoughUnits or ErrorCodes.PriceChanged
            or ErrorCodes.CartEmpty,
        Function.AddItemToCart or Function.UpdateUnitsForSale => code is ErrorCodes.NotEnoughUnits,
        Function.RemoveItemFromCart => code is ErrorCodes.NotInCart,
        Function.ProvideFeedback => code is ErrorCodes.NotPurchased or ErrorCodes.AlreadyRated,
        _ => false,
    };
}
