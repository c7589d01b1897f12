namespace Agora.Client;

/// <summary>
/// A seller's view of the marketplace: one method a function. Every call goes on with another server when one fails. A changing call
/// carries an idempotency key, made for it when none is given: give one to repeat a call whose outcome is not known.
/// Failures are <see cref="AgoraException"/>.
/// </summary>
public sealed class SellerClient : MarketplaceClient
{
    /// <summary>A client of these servers, with a connection of its own.</summary>
    public SellerClient(IEnumerable<Uri> servers, ReplicaOptions? options = null) : base(new(servers, options), ownsServers: true) { }

    /// <summary>A client that shares servers and connections with others; disposing it leaves them open.</summary>
    public SellerClient(ReplicaList servers) : base(servers, ownsServers: false) { }

    /// <summary>CreateAccount. Fails with <see cref="ErrorCodes.UsernameTaken"/>.</summary>
    public Task<SellerCreated> CreateAccountAsync(
        string name, string username, string password, string? idempotencyKey = null, CancellationToken cancel = default) =>
        CreateAccountAsync("sellers", name, username, password, AgoraJson.Default.SellerCreated, idempotencyKey, cancel);

    /// <summary>Login. Later calls of this client go under the new session.</summary>
    public Task<SellerSession> LoginAsync(
        string username, string password, string? idempotencyKey = null, CancellationToken cancel = default) =>
        LoginAsync(username, password, AgoraJson.Default.SellerSession, session => session.Token, idempotencyKey, cancel);

    /// <summary>GetSellerRating: this seller's votes.</summary>
    public Task<SellerRating> GetSellerRatingAsync(CancellationToken cancel = default) =>
        Servers.SendAsync(Read("sellers/me/rating"), AgoraJson.Default.SellerRating, cancel);

    /// <summary>RegisterItemForSale.</summary>
    public Task<ItemRegistered> RegisterItemForSaleAsync(
        RegisterItemRequest item, string? idempotencyKey = null, CancellationToken cancel = default) =>
        Servers.SendAsync(
            Change(HttpMethod.Post, "items", item, AgoraJson.Default.RegisterItemRequest, idempotencyKey),
            AgoraJson.Default.ItemRegistered, cancel);

    /// <summary>ChangeItemPrice. Answers the item as it then is.</summary>
    public Task<Item> ChangeItemPriceAsync(
        string itemId, decimal price, string? idempotencyKey = null, CancellationToken cancel = default) =>
        Servers.SendAsync(
            Change(HttpMethod.Put, $"items/{Segment(itemId)}/price", new() { Price = price },
                AgoraJson.Default.ChangePriceRequest, idempotencyKey),
            AgoraJson.Default.Item, cancel);

    /// <summary>UpdateUnitsForSale: takes units off sale. Answers the item as it then is.</summary>
    public Task<Item> UpdateUnitsForSaleAsync(
        string itemId, int quantity, string? idempotencyKey = null, CancellationToken cancel = default) =>
        ChangeUnitsAsync($"items/{Segment(itemId)}/withdrawals", quantity, idempotencyKey, cancel);

    /// <summary>UpdateUnitsForSale, the other way: puts more units on sale. Answers the item as it then is.</summary>
    public Task<Item> AddUnitsForSaleAsync(
        string itemId, int quantity, string? idempotencyKey = null, CancellationToken cancel = default) =>
        ChangeUnitsAsync($"items/{Segment(itemId)}/additions", quantity, idempotencyKey, cancel);

    /// <summary>DisplayItemsForSale: this seller's items, those with no unit left included.</summary>
    public Task<ItemPage> DisplayItemsForSaleAsync(int? limit = null, string? cursor = null, CancellationToken cancel = default) =>
        Servers.SendAsync(Read(Query("items", ("limit", limit), ("cursor", cursor))), AgoraJson.Default.ItemPage, cancel);

    /// <summary>Any item.</summary>
    public Task<Item> GetItemAsync(string itemId, CancellationToken cancel = default) =>
        Servers.SendAsync(Read($"items/{Segment(itemId)}"), AgoraJson.Default.Item, cancel);

    /// <summary>This seller's own account.</summary>
    public Task<SellerAccount> GetAccountAsync(CancellationToken cancel = default) =>
        Servers.SendAsync(Read("sellers/me"), AgoraJson.Default.SellerAccount, cancel);

    /// <summary>What this seller has sold, newest first.</summary>
    public Task<SalePage> GetSalesAsync(int? limit = null, string? cursor = null, CancellationToken cancel = default) =>
        Servers.SendAsync(Read(Query("sales", ("limit", limit), ("cursor", cursor))), AgoraJson.Default.SalePage, cancel);

    private Task<Item> ChangeUnitsAsync(string path, int quantity, string? idempotencyKey, CancellationToken cancel) =>
        Servers.SendAsync(
            Change(HttpMethod.Post, path, new() { Quantity = quantity }, AgoraJson.Default.UnitsRequest, idempotencyKey),
            AgoraJson.Default.Item, cancel);
}
