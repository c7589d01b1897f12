namespace Agora.Web.Shop;

/// <summary>As whom a user acts. The accounts are separate: the same person may have both.</summary>
public enum ShopRole
{
    /// <summary>A buyer.</summary>
    Buyer,

    /// <summary>A seller.</summary>
    Seller,
}
