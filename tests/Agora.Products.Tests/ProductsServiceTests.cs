using Agora.Contracts.Products;
using Agora.Contracts.Replication;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Agora.Testing.DatabaseUnderTest;
using ProductsClient = Agora.Contracts.Products.Products.ProductsClient;

namespace Agora.Products.Tests;

/// <summary>A whole replica, alone in its group, called as the servers call it.</summary>
public sealed class ProductsServiceTests : IAsyncDisposable
{
    private readonly LoneReplica _replica;
    private FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));

    public ProductsServiceTests() =>
        _replica = new LoneReplica(
            (builder, cluster, directory, identity) => ProductsHost.Build(builder, cluster, 0, directory, identity),
            _time
        );

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    [Fact]
    public async Task Items_are_sold_found_and_bought_through_the_products_service()
    {
        var products = await StartAsync();
        var register = new RegisterItem
        {
            SellerId = 7,
            Name = "Bike",
            Category = 3,
            Keywords = { "Red", "Bike" },
            SearchKeywords = { "red", "bike" },
            Condition = Condition.New,
            PriceCents = 9_999,
            Quantity = 2,
        };
        var item = (await DoAsync(products, new ProductsCommand { RegisterItem = register })).Item;
        Assert.Equal(
            item,
            (await products.GetItemAsync(new ItemQuery { ItemId = item.ItemId }, cancellationToken: Ended)).Item
        );
        Assert.Equal(
            ProductsError.NoSuchItem,
            (await products.GetItemAsync(new ItemQuery { ItemId = "garbage" }, cancellationToken: Ended)).Error
        );
        var named = new ItemsQuery { ItemIds = { "9-9", item.ItemId } };
        Assert.Equal([item], (await products.GetItemsAsync(named, cancellationToken: Ended)).Items);
        Assert.Equal(
            [item],
            (
                await products.GetItemsOfSellerAsync(new SellerItemsQuery { SellerId = 7 }, cancellationToken: Ended)
            ).Items
        );
        Assert.Equal(
            [item],
            (
                await products.SearchAsync(
                    new SearchQuery { Category = 3, Keywords = { "bik" } },
                    cancellationToken: Ended
                )
            ).Items
        );
        Assert.Equal(
            ProductsError.InvalidCursor,
            (await products.SearchAsync(new SearchQuery { Category = 3, Cursor = "?" }, cancellationToken: Ended)).Error
        );
        var reserve = new ProductsCommand
        {
            Reserve = new()
            {
                PurchaseId = Id("p"),
                CartId = Id("c"),
                Lines =
                {
                    new ReservationLine { ItemId = item.ItemId, Quantity = 2 },
                },
            },
        };
        Assert.Equal(19_998, (await DoAsync(products, reserve)).Reservation.TotalCents);
        Assert.Empty((await products.SearchAsync(new SearchQuery { Category = 3 }, cancellationToken: Ended)).Items);
        var open = await products.GetOpenReservationsAsync(
            new OpenReservationsQuery { Before = long.MaxValue },
            cancellationToken: Ended
        );
        Assert.Equal([Id("p")], open.Reservations.Select(reservation => reservation.PurchaseId));
        Assert.Empty(
            (await DoAsync(products, new ProductsCommand { Confirm = new() { PurchaseIds = { Id("p") } } }))
                .Confirmed
                .RefusedIds
        );
        await _replica.StopAsync();
        products = await StartAsync();
        Assert.Equal(
            0,
            (await products.GetItemAsync(new ItemQuery { ItemId = item.ItemId }, cancellationToken: Ended))
                .Item
                .Quantity
        );
    }

    [Fact]
    public async Task Concurrent_buyers_never_reserve_more_than_there_is()
    {
        var products = await StartAsync();
        var item = (await DoAsync(products, Register(20))).Item.ItemId;
        var replies = await Task.WhenAll(
            Enumerable
                .Range(0, 30)
                .Select(i =>
                    DoAsync(
                        products,
                        new ProductsCommand
                        {
                            Reserve = new()
                            {
                                PurchaseId = Id($"{i}"),
                                CartId = Id($"{i}"),
                                Lines =
                                {
                                    new ReservationLine { ItemId = item, Quantity = 3 },
                                },
                            },
                        }
                    )
                )
        );
        Assert.Equal(6, replies.Count(reply => reply.Error == ProductsError.None));
        Assert.All(
            replies.Where(reply => reply.Error != ProductsError.None),
            reply => Assert.Equal(ProductsError.NotEnoughUnits, reply.Error)
        );
        Assert.Equal(
            2,
            (await products.GetItemAsync(new ItemQuery { ItemId = item }, cancellationToken: Ended)).Item.Quantity
        );
    }

    [Fact]
    public async Task A_replica_whose_clock_is_far_behind_is_unavailable_and_says_no_key_expired()
    {
        _time.Advance(TimeSpan.FromMinutes(16));
        var products = await StartAsync();
        await DoAsync(products, Register(20));

        // The process restarts with a clock that is a quarter of an hour behind.
        await _replica.StopAsync();
        _time = new(_time.GetUtcNow().AddMinutes(-15).AddSeconds(-1));
        _replica.Time = _time;
        products = await StartAsync();
        var status = (await Assert.ThrowsAsync<RpcException>(() => DoAsync(products, Register(20)))).Status;
        Assert.Equal(StatusCode.Unavailable, status.StatusCode);
        Assert.Contains("clock", status.Detail, StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ProductsError.None, (await DoAsync(products, Register(20))).Error);
    }

    [Fact]
    public async Task Wrong_requests_are_refused_and_nothing_is_ordered()
    {
        var calls = await _replica.StartAsync();
        var (products, replica) = (new ProductsClient(calls), new Replica.ReplicaClient(calls));
        var before = await AppliedAsync(replica);
        await RefusedAsync(() => products.ExecuteAsync(new ProductsRequest(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() =>
            products.GetItemsOfSellerAsync(new SellerItemsQuery { Limit = 201 }, cancellationToken: Ended).ResponseAsync
        );
        await RefusedAsync(() =>
            products
                .GetItemsAsync(new ItemsQuery { ItemIds = { Enumerable.Repeat("1-1", 201) } }, cancellationToken: Ended)
                .ResponseAsync
        );
        await RefusedAsync(() =>
            products.SearchAsync(new SearchQuery { Category = -1 }, cancellationToken: Ended).ResponseAsync
        );
        Assert.Equal(before, await AppliedAsync(replica));
    }

    [Fact]
    public void An_unusable_directory_is_named_when_the_host_is_built()
    {
        var file = Path.Combine(_replica.Directory, "file");
        File.WriteAllText(file, "");
        Assert.Contains(
            file,
            Assert.ThrowsAny<IOException>(() => _replica.Build(file)).Message,
            StringComparison.Ordinal
        );
    }

    private static ProductsCommand Register(int quantity) =>
        new()
        {
            RegisterItem = new()
            {
                SellerId = 7,
                Name = "n",
                Category = 3,
                Condition = Condition.New,
                PriceCents = 1,
                Quantity = quantity,
            },
        };

    private static async Task<long> AppliedAsync(Replica.ReplicaClient replica) =>
        (await replica.GetStatusAsync(new StatusRequest(), cancellationToken: Ended)).Applied;

    private static async Task RefusedAsync(Func<Task> call) =>
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);

    private static Task<ProductsReply> DoAsync(ProductsClient client, ProductsCommand command) =>
        client
            .ExecuteAsync(
                new ProductsRequest
                {
                    RequestId = ByteString.CopyFrom(Guid.NewGuid().ToByteArray()),
                    Command = command,
                },
                cancellationToken: Ended
            )
            .ResponseAsync;

    private async Task<ProductsClient> StartAsync() => new(await _replica.StartAsync());
}
