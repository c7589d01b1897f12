using System.Runtime.CompilerServices;
using Agora.Contracts.Cluster;
using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Command = Agora.Replication.Command;
using ProductsBase = Agora.Contracts.Products.Products.ProductsBase;

namespace Agora.Products;

/// <summary>The gRPC face of one replica: stamps and orders commands, answers queries from the local store behind a read barrier.</summary>
internal sealed class ProductsService(
    IReplicator replicator, ReplicatedStore store, LimitSettings limits, TimeProvider time) : ProductsBase
{
    // Each reading connection's own statements; they go with it.
    private static readonly ConditionalWeakTable<SqliteConnection, ProductsTables> Tables = [];

    public override async Task<Reply> Execute(ExecuteRequest request, ServerCallContext context)
    {
        ProductsRequests.Check(request);
        var requestId = new Guid(request.RequestId.Span, bigEndian: true);
        var keptFor = limits.IdempotencyKeyMinutes * 60;
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var command = new Command(requestId, now, request.Command.ToByteArray(), keptFor);
        var reply = Reply.Parser.ParseFrom((await replicator.SubmitAsync(command, context.CancellationToken)).Span);

        // The user's request is not late: this replica's clock is.
        return reply.Error == Error.KeyExpired && store.IsTooOld(command)
            ? throw new ReplicaUnavailableException(
                $"The clock of this replica is more than {limits.IdempotencyKeyMinutes} minutes behind its group's.")
            : reply;
    }

    public override Task<ItemReply> GetItem(ItemQuery request, ServerCallContext context) => ReadAsync(
        tables => tables.Items.Find(request.ItemId, out _) is { } item ? new ItemReply { Item = item } : new ItemReply { Error = Error.NoSuchItem }, context);

    public override Task<ItemsReply> GetItems(ItemsQuery request, ServerCallContext context)
    {
        ProductsRequests.Check(request);
        return ReadAsync(tables => tables.Items.Named(request.ItemIds), context);
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

    public override Task<OpenReservationsReply> GetOpenReservations(OpenReservationsQuery request, ServerCallContext context)
    {
        var limit = ProductsRequests.Limit(request.Limit);
        return ReadAsync(tables => new OpenReservationsReply { Reservations = { tables.Reservations.Open(request.Before, limit) } }, context);
    }

    private async Task<T> ReadAsync<T>(Func<ProductsTables, T> query, ServerCallContext context)
    {
        await replicator.ReadBarrierAsync(context.CancellationToken);
        return store.Read(connection => query(Tables.GetValue(connection, reader => new ProductsTables(reader))));
    }
}
