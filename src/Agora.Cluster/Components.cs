namespace Agora.Cluster;

/// <summary>Names of the components, as commands, status and directories use them.</summary>
public static class Components
{
    /// <summary>The storefront and operations pages.</summary>
    public const string Web = "web";

    /// <summary>The financial-transactions service.</summary>
    public const string Payments = "payments";

    /// <summary>The seller servers.</summary>
    public const string SellerServer = "seller-server";

    /// <summary>The buyer servers.</summary>
    public const string BuyerServer = "buyer-server";

    /// <summary>The customers database.</summary>
    public const string Customers = "customers";

    /// <summary>The products database.</summary>
    public const string Products = "products";
}
