using System.Globalization;
using Agora.Rest;

namespace Agora.Client;

/// <summary>
/// A buyer's view of the marketplace: one method for each function. When a server fails, the call goes on with another.
/// A changing call carries an idempotency key, a new one if the caller passes none: pass the key again to repeat a call
/// whose outcome is unknown. Failures are thrown as <see cref="AgoraException"/>.
/// </summary>
public sealed class BuyerClient : MarketplaceClient
{
    /// <summary>A client of these servers with its own connections.</summary>
    public BuyerClient(IEnumerable<Uri> servers, ReplicaOptions? options = null)
        : base(new(servers, options), ownsServers: true) { }

    /// <summary>
    /// A client that shares servers and connections with other clients; to dispose it leaves them open.
    /// </summary>
    public BuyerClient(ReplicaList servers)
        : base(servers, ownsServers: false) { }

    /// <summary>CreateAccount. Fails with <see cref="ErrorCodes.UsernameTaken"/>.</summary>
    public Task<BuyerCreated> CreateAccountAsync(
        string name,
        string username,
        string password,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        CreateAccountAsync(
            "buyers",
            name,
            username,
            password,
            AgoraJson.Default.BuyerCreated,
            idempotencyKey,
            cancellationToken
        );

    /// <summary>Login. Later calls of this client use the new session, which starts with the saved cart.</summary>
    public Task<BuyerSession> LoginAsync(
        string username,
        string password,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        LoginAsync(
            username,
            password,
            AgoraJson.Default.BuyerSession,
            session => session.Token,
            idempotencyKey,
            cancellationToken
        );

    /// <summary>SearchItemsForSale: items of the category with at least one unit, best match first.</summary>
    public Task<ItemPage> SearchItemsForSaleAsync(
        int category,
        IEnumerable<string>? keywords = null,
        int? limit = null,
        string? cursor = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Read(
                Query(
                    "items",
                    [
                        ("category", category),
                        .. (keywords ?? []).Select(k => ("keyword", (object?)k)),
                        ("limit", limit),
                        ("cursor", cursor),
                    ]
                )
            ),
            AgoraJson.Default.ItemPage,
            cancellationToken
        );

    /// <summary>GetItem.</summary>
    public Task<Item> GetItemAsync(string itemId, CancellationToken cancellationToken = default) =>
        Servers.SendAsync(Read($"items/{Segment(itemId)}"), AgoraJson.Default.Item, cancellationToken);

    /// <summary>
    /// AddItemToCart. Fails with <see cref="ErrorCodes.NotEnoughUnits"/> if the cart would hold more units than are on
    /// sale.
    /// </summary>
    public Task<Cart> AddItemToCartAsync(
        string itemId,
        int quantity,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Change(
                HttpMethod.Post,
                "cart/items",
                new() { ItemId = itemId, Quantity = quantity },
                AgoraJson.Default.AddToCartRequest,
                idempotencyKey
            ),
            AgoraJson.Default.Cart,
            cancellationToken
        );

    /// <summary>RemoveItemFromCart: all units of the item if the quantity is null.</summary>
    public Task<Cart> RemoveItemFromCartAsync(
        string itemId,
        int? quantity = null,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Change(HttpMethod.Delete, Query($"cart/items/{Segment(itemId)}", ("quantity", quantity)), idempotencyKey),
            AgoraJson.Default.Cart,
            cancellationToken
        );

    /// <summary>SaveCart: the account's later sessions start with this cart.</summary>
    public Task<Cart> SaveCartAsync(string? idempotencyKey = null, CancellationToken cancellationToken = default) =>
        Servers.SendAsync(
            Change(HttpMethod.Post, "cart/save", idempotencyKey),
            AgoraJson.Default.Cart,
            cancellationToken
        );

    /// <summary>ClearCart.</summary>
    public Task ClearCartAsync(string? idempotencyKey = null, CancellationToken cancellationToken = default) =>
        DoAsync(Change(HttpMethod.Delete, "cart", idempotencyKey), cancellationToken);

    /// <summary>DisplayCart.</summary>
    public Task<Cart> DisplayCartAsync(CancellationToken cancellationToken = default) =>
        Servers.SendAsync(Read("cart"), AgoraJson.Default.Cart, cancellationToken);

    /// <summary>
    /// MakePurchase: buys the whole cart or nothing. Fails with <see cref="ErrorCodes.PaymentDeclined"/>,
    /// <see cref="ErrorCodes.PriceChanged"/>, <see cref="ErrorCodes.NotEnoughUnits"/> or
    /// <see cref="ErrorCodes.CartEmpty"/>. After a transient failure, repeat the call with the exception's key: it
    /// answers the outcome and charges nothing twice.
    /// </summary>
    public Task<Receipt> MakePurchaseAsync(
        PurchaseRequest card,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Change(HttpMethod.Post, "purchases", card, AgoraJson.Default.PurchaseRequest, idempotencyKey),
            AgoraJson.Default.Receipt,
            cancellationToken
        );

    /// <summary>
    /// ProvideFeedback: one vote for each purchase of the item. It counts for the item and its seller.
    /// </summary>
    public Task ProvideFeedbackAsync(
        string itemId,
        Thumb thumb,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        DoAsync(
            Change(
                HttpMethod.Post,
                $"items/{Segment(itemId)}/feedback",
                new() { Thumb = thumb },
                AgoraJson.Default.FeedbackRequest,
                idempotencyKey
            ),
            cancellationToken
        );

    /// <summary>GetSellerRating: the votes on all of a seller's items.</summary>
    public Task<SellerRating> GetSellerRatingAsync(long sellerId, CancellationToken cancellationToken = default) =>
        Servers.SendAsync(
            Read($"sellers/{sellerId.ToString(CultureInfo.InvariantCulture)}/rating"),
            AgoraJson.Default.SellerRating,
            cancellationToken
        );

    /// <summary>GetBuyerPurchases: this buyer's completed purchases, newest first.</summary>
    public Task<PurchasePage> GetBuyerPurchasesAsync(
        int? limit = null,
        string? cursor = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Read(Query("purchases", ("limit", limit), ("cursor", cursor))),
            AgoraJson.Default.PurchasePage,
            cancellationToken
        );

    /// <summary>One completed purchase of this buyer.</summary>
    public Task<Purchase> GetPurchaseAsync(string purchaseId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(purchaseId);
        return purchaseId.Length == 32 && purchaseId.All(char.IsAsciiHexDigitLower)
            ? Servers.SendAsync(Read($"purchases/{purchaseId}"), AgoraJson.Default.Purchase, cancellationToken)
            : throw AgoraException.Invalid("purchaseId", "must be 32 hexadecimal digits, as the receipt shows it");
    }

    /// <summary>This buyer's own account.</summary>
    public Task<BuyerAccount> GetAccountAsync(CancellationToken cancellationToken = default) =>
        Servers.SendAsync(Read("buyers/me"), AgoraJson.Default.BuyerAccount, cancellationToken);

    /// <summary>A seller, as anybody may see it.</summary>
    public Task<Seller> GetSellerAsync(long sellerId, CancellationToken cancellationToken = default) =>
        Servers.SendAsync(
            Read($"sellers/{sellerId.ToString(CultureInfo.InvariantCulture)}"),
            AgoraJson.Default.Seller,
            cancellationToken
        );

    /// <summary>A seller's items, those with no unit left included.</summary>
    public Task<ItemPage> GetItemsOfSellerAsync(
        long sellerId,
        int? limit = null,
        string? cursor = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Read(
                Query(
                    $"sellers/{sellerId.ToString(CultureInfo.InvariantCulture)}/items",
                    ("limit", limit),
                    ("cursor", cursor)
                )
            ),
            AgoraJson.Default.ItemPage,
            cancellationToken
        );
}
