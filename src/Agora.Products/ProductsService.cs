using System.Runtime.CompilerServices;
using Agora.Cluster;
using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using ProductsBase = Agora.Contracts.Products.Products.ProductsBase;

namespace Agora.Products;

/// <summary>
/// The gRPC service of one replica. It stamps and orders commands; it answers queries from the local store after a read
/// barrier.
/// </summary>
internal sealed class ProductsService(
    IReplicator replicator,
    ReplicatedStore store,
    LimitSettings limits,
    ReplicaClock clock
) : ProductsBase
{
    // The statements of each reading connection; they are collected with it.
    private static readonly ConditionalWeakTable<SqliteConnection, ProductsTables> s_tables = [];

    public override async Task<ProductsReply> Execute(ProductsRequest request, ServerCallContext context)
    {
        ProductsRequests.Check(request);
        var requestId = new Guid(request.RequestId.Span, bigEndian: true);
        var keepSeconds = limits.IdempotencyKeyMinutes * 60;
        var now = clock.Stamp();
        var command = new Command(requestId, now, request.Command.ToByteArray(), keepSeconds);
        var reply = ProductsReply.Parser.ParseFrom(
            (await replicator.SubmitAsync(command, context.CancellationToken)).Span
        );

        // The clock of this replica is late, not the user's request.
        return reply.Error == ProductsError.KeyExpired && store.IsTooOld(command)
            ? throw new ReplicaUnavailableException(
                $"The clock of this replica is more than {limits.IdempotencyKeyMinutes} minutes behind its group's."
            )
            : reply;
    }

    public override Task<ItemReply> GetItem(ItemQuery request, ServerCallContext context) =>
        ReadAsync(
            tables =>
                tables.Items.Find(request.ItemId, out _) is { } item
                    ? new ItemReply { Item = item }
                    : new ItemReply { Error = ProductsError.NoSuchItem },
            context
        );

    public override Task<ItemsReply> GetItems(ItemsQuery request, ServerCallContext context)
    {
        ProductsRequests.Check(request);
        return ReadAsync(tables => tables.Items.FindAll(request.ItemIds), context);
    }

    public override Task<ItemsReply> GetItemsOfSeller(SellerItemsQuery request, ServerCallContext context)
    {
        var limit = ProductsRequests.Limit(request.Limit);
        return ReadAsync(tables => tables.Items.OfSeller(request.SellerId, request.Cursor, limit), context);
    }

    public override Task<ItemsReply> Search(SearchQuery request, ServerCallContext context)
    {
        ProductsRequests.Check(request);
        var limit = ProductsRequests.Limit(request.Limit);
        return ReadAsync(tables => tables.Search.Run(request, limit), context);
    }

    public override Task<OpenReservationsReply> GetOpenReservations(
        OpenReservationsQuery request,
        ServerCallContext context
    )
    {
        var limit = ProductsRequests.Limit(request.Limit);
        return ReadAsync(
            tables => new OpenReservationsReply
            {
                Reservations =
                {
                    tables.Reservations.Open(request.Before, limit, request.AfterAt, request.AfterPurchase),
                },
            },
            context
        );
    }

    private async Task<T> ReadAsync<T>(Func<ProductsTables, T> query, ServerCallContext context)
    {
        await replicator.ReadBarrierAsync(context.CancellationToken);
        return store.Read(connection => query(s_tables.GetValue(connection, reader => new ProductsTables(reader))));
    }
}
