using Agora.Rest;

namespace Agora.Client;

/// <summary>
/// A seller's view of the marketplace: one method for each function. When a server fails, the call goes on with
/// another. A changing call carries an idempotency key, a new one if the caller passes none: pass the key again to
/// repeat a call whose outcome is unknown. Failures are thrown as <see cref="AgoraException"/>.
/// </summary>
public sealed class SellerClient : MarketplaceClient
{
    /// <summary>A client of these servers with its own connections.</summary>
    public SellerClient(IEnumerable<Uri> servers, ReplicaOptions? options = null)
        : base(new(servers, options), ownsServers: true) { }

    /// <summary>
    /// A client that shares servers and connections with other clients; to dispose it leaves them open.
    /// </summary>
    public SellerClient(ReplicaList servers)
        : base(servers, ownsServers: false) { }

    /// <summary>CreateAccount. Fails with <see cref="ErrorCodes.UsernameTaken"/>.</summary>
    public Task<SellerCreated> CreateAccountAsync(
        string name,
        string username,
        string password,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        CreateAccountAsync(
            "sellers",
            name,
            username,
            password,
            AgoraJson.Default.SellerCreated,
            idempotencyKey,
            cancellationToken
        );

    /// <summary>Login. Later calls of this client use the new session.</summary>
    public Task<SellerSession> LoginAsync(
        string username,
        string password,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        LoginAsync(
            username,
            password,
            AgoraJson.Default.SellerSession,
            session => session.Token,
            idempotencyKey,
            cancellationToken
        );

    /// <summary>GetSellerRating: this seller's votes.</summary>
    public Task<SellerRating> GetSellerRatingAsync(CancellationToken cancellationToken = default) =>
        Servers.SendAsync(Read("sellers/me/rating"), AgoraJson.Default.SellerRating, cancellationToken);

    /// <summary>RegisterItemForSale.</summary>
    public Task<ItemRegistered> RegisterItemForSaleAsync(
        RegisterItemRequest item,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Change(HttpMethod.Post, "items", item, AgoraJson.Default.RegisterItemRequest, idempotencyKey),
            AgoraJson.Default.ItemRegistered,
            cancellationToken
        );

    /// <summary>ChangeItemPrice. Answers the item after the change.</summary>
    public Task<Item> ChangeItemPriceAsync(
        string itemId,
        decimal price,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Change(
                HttpMethod.Put,
                $"items/{Segment(itemId)}/price",
                new() { Price = price },
                AgoraJson.Default.ChangePriceRequest,
                idempotencyKey
            ),
            AgoraJson.Default.Item,
            cancellationToken
        );

    /// <summary>UpdateUnitsForSale: takes units off sale. Answers the item after the change.</summary>
    public Task<Item> UpdateUnitsForSaleAsync(
        string itemId,
        int quantity,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) => ChangeUnitsAsync($"items/{Segment(itemId)}/withdrawals", quantity, idempotencyKey, cancellationToken);

    /// <summary>AddUnitsForSale: puts more units on sale. Answers the item after the change.</summary>
    public Task<Item> AddUnitsForSaleAsync(
        string itemId,
        int quantity,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) => ChangeUnitsAsync($"items/{Segment(itemId)}/additions", quantity, idempotencyKey, cancellationToken);

    /// <summary>DisplayItemsForSale: this seller's items, those with no unit left included.</summary>
    public Task<ItemPage> DisplayItemsForSaleAsync(
        int? limit = null,
        string? cursor = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Read(Query("items", ("limit", limit), ("cursor", cursor))),
            AgoraJson.Default.ItemPage,
            cancellationToken
        );

    /// <summary>Any item.</summary>
    public Task<Item> GetItemAsync(string itemId, CancellationToken cancellationToken = default) =>
        Servers.SendAsync(Read($"items/{Segment(itemId)}"), AgoraJson.Default.Item, cancellationToken);

    /// <summary>This seller's own account.</summary>
    public Task<SellerAccount> GetAccountAsync(CancellationToken cancellationToken = default) =>
        Servers.SendAsync(Read("sellers/me"), AgoraJson.Default.SellerAccount, cancellationToken);

    /// <summary>What this seller has sold, newest first.</summary>
    public Task<SalePage> GetSalesAsync(
        int? limit = null,
        string? cursor = null,
        CancellationToken cancellationToken = default
    ) =>
        Servers.SendAsync(
            Read(Query("sales", ("limit", limit), ("cursor", cursor))),
            AgoraJson.Default.SalePage,
            cancellationToken
        );

    private Task<Item> ChangeUnitsAsync(
        string path,
        int quantity,
        string? idempotencyKey,
        CancellationToken cancellationToken
    ) =>
        Servers.SendAsync(
            Change(
                HttpMethod.Post,
                path,
                new() { Quantity = quantity },
                AgoraJson.Default.UnitsRequest,
                idempotencyKey
            ),
            AgoraJson.Default.Item,
            cancellationToken
        );
}
