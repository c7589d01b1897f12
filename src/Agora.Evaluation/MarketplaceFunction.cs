namespace Agora.Evaluation;

/// <summary>The 22 functions of the marketplace.</summary>
internal enum MarketplaceFunction : byte
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
