using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Google.Protobuf;
using CustomersCommand = Agora.Contracts.Customers.Command;
using CustomersReply = Agora.Contracts.Customers.Reply;
using CustomersRequest = Agora.Contracts.Customers.ExecuteRequest;
using ProductsCommand = Agora.Contracts.Products.Command;
using ProductsReply = Agora.Contracts.Products.Reply;
using ProductsRequest = Agora.Contracts.Products.ExecuteRequest;

namespace Agora.Servers;

/// <summary>The customers database: accounts, sessions, carts, purchases, votes.</summary>
internal sealed class CustomersDatabase(DatabaseGroup group, int server, ServerContext context)
    : DatabaseClient<Customers.CustomersClient>("customers", group, server, invoker => new Customers.CustomersClient(invoker), context)
{
    public Task<CustomersReply> ExecuteAsync(ByteString requestId, CustomersCommand command, CancellationToken deadline) =>
        CallAsync(
            true, static (client, request, options) =>
                client.ExecuteAsync(request, options), new CustomersRequest { RequestId = requestId, Command = command }, deadline);

    /// <summary>Carries out a user's own command, once under its Idempotency-Key.</summary>
    public async Task<CustomersReply> ExecuteAsync(Call call, ByteString requestId, CustomersCommand command, Fields? fields)
    {
        command.Fingerprint = call.Fingerprint(fields);
        var reply = await ExecuteAsync(requestId, command, call.Deadline);
        call.MarkReplayed(reply.Replayed);
        return reply;
    }

    public Task<CredentialsReply> GetCredentialsAsync(CredentialsQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetCredentialsAsync(request, options), query, deadline);

    public Task<SessionReply> GetSessionAsync(Session session, CancellationToken deadline) =>
        CallAsync(
            false, static (client, request, options) =>
                client.GetSessionAsync(request, options), new SessionQuery { Session = session }, deadline);

    public Task<RatingReply> GetRatingAsync(RatingQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetRatingAsync(request, options), query, deadline);

    public Task<CartReply> GetCartAsync(Session session, CancellationToken deadline) =>
        CallAsync(
            false, static (client, request, options) =>
                client.GetCartAsync(request, options), new CartQuery { Session = session }, deadline);

    public Task<PurchasesReply> GetPurchasesAsync(PurchasesQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetPurchasesAsync(request, options), query, deadline);

    public Task<PurchaseReply> GetPurchaseAsync(PurchaseQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetPurchaseAsync(request, options), query, deadline);

    public Task<SalesReply> GetSalesAsync(SalesQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetSalesAsync(request, options), query, deadline);

    public Task<CheckoutReply> GetCheckoutAsync(Session session, ByteString purchaseId, CancellationToken deadline) =>
        CallAsync(
            false, static (client, request, options) => client.GetCheckoutAsync(request, options),
            new CheckoutQuery { Session = session, PurchaseId = purchaseId }, deadline);

    /// <returns>The purchase, decided; null where it is not.</returns>
    public async Task<Purchase?> GetDecisionAsync(ByteString purchaseId, CancellationToken deadline) =>
        (await CallAsync(
            false, static (client, request, options) => client.GetDecisionAsync(request, options),
            new DecisionQuery { PurchaseId = purchaseId }, deadline)).Purchase;

    public Task<UnforwardedVotesReply> GetUnforwardedVotesAsync(UnforwardedVotesQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetUnforwardedVotesAsync(request, options), query, deadline);
}

/// <summary>The products database: items, reservations, items' feedback.</summary>
internal sealed class ProductsDatabase(DatabaseGroup group, int server, ServerContext context)
    : DatabaseClient<Products.ProductsClient>("products", group, server, invoker => new Products.ProductsClient(invoker), context)
{
    public Task<ProductsReply> ExecuteAsync(ByteString requestId, ProductsCommand command, CancellationToken deadline) =>
        CallAsync(
            true, static (client, request, options) =>
                client.ExecuteAsync(request, options), new ProductsRequest { RequestId = requestId, Command = command }, deadline);

    /// <summary>Carries out a user's own command, once under its Idempotency-Key.</summary>
    public async Task<ProductsReply> ExecuteAsync(Call call, ByteString requestId, ProductsCommand command, Fields? fields)
    {
        command.Fingerprint = call.Fingerprint(fields);
        var reply = await ExecuteAsync(requestId, command, call.Deadline);
        call.MarkReplayed(reply.Replayed);
        return reply;
    }

    public Task<ItemReply> GetItemAsync(string itemId, CancellationToken deadline) =>
        CallAsync(
            false, static (client, request, options) => client.GetItemAsync(request, options),
            new ItemQuery { ItemId = itemId }, deadline);

    /// <summary>Those of the items that exist, by their ids; none are asked for without a call.</summary>
    public async Task<Dictionary<string, Item>> GetItemsAsync(IEnumerable<string> itemIds, CancellationToken deadline)
    {
        var query = new ItemsQuery { ItemIds = { itemIds } };
        if (query.ItemIds.Count == 0)
        {
            return [];
        }

        var reply = await CallAsync(false, static (client, request, options) => client.GetItemsAsync(request, options), query, deadline);
        return reply.Items.ToDictionary(item => item.ItemId, StringComparer.Ordinal);
    }

    public Task<ItemsReply> GetItemsOfSellerAsync(SellerItemsQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetItemsOfSellerAsync(request, options), query, deadline);

    public Task<ItemsReply> SearchAsync(SearchQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.SearchAsync(request, options), query, deadline);

    public Task<OpenReservationsReply> GetOpenReservationsAsync(OpenReservationsQuery query, CancellationToken deadline) =>
        CallAsync(false, static (client, request, options) => client.GetOpenReservationsAsync(request, options), query, deadline);
}

/// <summary>
/// Request ids, 16 bytes. Where the user gave an Idempotency-Key the id follows from function, session (or username) and key, so that
/// a repeat through any server carries the same id and the database answers it as it did the first time. Without a key it is random,
/// and still the same over the retries of one call.
/// </summary>
internal static class RequestId
{
    public const int Length = 16;

    public static ByteString Random()
    {
        Span<byte> id = stackalloc byte[Length];
        RandomNumberGenerator.Fill(id);
        return ByteString.CopyFrom(id);
    }

    public static ByteString Derive(string function, ReadOnlySpan<byte> scope, string key)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, Encoding.UTF8.GetBytes(function));
        Append(hash, scope);
        Append(hash, Encoding.UTF8.GetBytes(key));
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return ByteString.CopyFrom(digest[..Length]);
    }

    // With its length in front, so that no two triples run together into the same bytes.
    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }
}
