using Agora.Cluster;
using Agora.Contracts.Products;
using Google.Protobuf;

namespace Agora.Servers;

/// <summary>The products database: items, reservations, items' feedback.</summary>
internal sealed class ProductsDatabase(DatabaseGroup group, int server, DatabaseClientSetup setup)
    : DatabaseClient<Products.ProductsClient>(
        "products",
        group,
        server,
        invoker => new Products.ProductsClient(invoker),
        setup
    )
{
    public Task<ProductsReply> ExecuteAsync(
        ByteString requestId,
        ProductsCommand command,
        CancellationToken cancellationToken
    ) =>
        CallAsync(
            true,
            static (client, request, options) => client.ExecuteAsync(request, options),
            new ProductsRequest { RequestId = requestId, Command = command },
            cancellationToken
        );

    /// <summary>Executes a user's command, once for each Idempotency-Key.</summary>
    public async Task<ProductsReply> ExecuteAsync(
        Call call,
        ByteString requestId,
        ProductsCommand command,
        RequestFields? fields
    )
    {
        command.Fingerprint = call.Fingerprint(fields);
        var reply = await ExecuteAsync(requestId, command, call.Deadline);
        call.MarkReplayed(reply.Replayed);
        return reply;
    }

    public Task<ItemReply> GetItemAsync(string itemId, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetItemAsync(request, options),
            new ItemQuery { ItemId = itemId },
            cancellationToken
        );

    /// <summary>The items that exist, by their ids. Without an id, the database is not asked.</summary>
    public async Task<Dictionary<string, ItemRecord>> GetItemsAsync(
        IEnumerable<string> itemIds,
        CancellationToken cancellationToken
    )
    {
        var query = new ItemsQuery { ItemIds = { itemIds } };
        if (query.ItemIds.Count == 0)
        {
            return [];
        }

        var reply = await CallAsync(
            false,
            static (client, request, options) => client.GetItemsAsync(request, options),
            query,
            cancellationToken
        );
        return reply.Items.ToDictionary(item => item.ItemId, StringComparer.Ordinal);
    }

    public Task<ItemsReply> GetItemsOfSellerAsync(SellerItemsQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetItemsOfSellerAsync(request, options),
            query,
            cancellationToken
        );

    public Task<ItemsReply> SearchAsync(SearchQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.SearchAsync(request, options),
            query,
            cancellationToken
        );

    public Task<OpenReservationsReply> GetOpenReservationsAsync(
        OpenReservationsQuery query,
        CancellationToken cancellationToken
    ) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetOpenReservationsAsync(request, options),
            query,
            cancellationToken
        );
}
