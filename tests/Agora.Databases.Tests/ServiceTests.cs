using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Replication;
using Agora.Customers;
using Agora.Products;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Agora.Databases.Tests.CustomersUnderTest;
using CustomersClient = Agora.Contracts.Customers.Customers.CustomersClient;
using P = Agora.Contracts.Products;
using ProductsClient = Agora.Contracts.Products.Products.ProductsClient;

namespace Agora.Databases.Tests;

/// <summary>A whole replica, alone in its group, called as the servers call it.</summary>
public sealed class ServiceTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-databases-").FullName;
    private FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly List<IAsyncDisposable> _running = [];

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_buyer_trades_through_the_customers_service()
    {
        var (customers, _) = await StartCustomersAsync();
        var sue = (await customers.DoAsync(NewAccount("sue", Role.Seller))).AccountCreated.AccountId;
        await customers.DoAsync(NewAccount("ben", Role.Buyer));
        var credentials = await customers.GetCredentialsAsync(new CredentialsQuery { Role = Role.Buyer, UsernameKey = "ben" }, cancellationToken: Ended);
        Assert.Equal("h", credentials.PasswordHash);
        var ben = Token("ben");
        await customers.DoAsync(new Command { OpenSession = new() { Role = Role.Buyer, AccountId = credentials.AccountId, TokenHash = ben.TokenHash } });
        Assert.Equal(credentials.AccountId, (await customers.GetSessionAsync(new SessionQuery { Session = ben }, cancellationToken: Ended)).AccountId);
        await customers.DoAsync(new Command { AddToCart = new() { Session = ben, ItemId = "1-1", Quantity = 2, Available = 2 } });
        Assert.Equal("1-1 x 2", Text(await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)));
        var checkout = await customers.GetCheckoutAsync(new CheckoutQuery { Session = ben, PurchaseId = Id("p") }, cancellationToken: Ended);
        Assert.Equal("1-1 x 2", Text(new CartReply { Lines = { checkout.Lines } }));
        Assert.Equal(new DecisionReply(), await customers.GetDecisionAsync(new DecisionQuery { PurchaseId = Id("p") }, cancellationToken: Ended));
        var complete = new CompletePurchase { PurchaseId = Id("p"), CartId = checkout.CartId, Lines = { Line("1-1", 2, 500, sue) } };
        var bought = (await customers.DoAsync(new Command { CompletePurchase = complete })).Purchase;
        checkout = await customers.GetCheckoutAsync(new CheckoutQuery { Session = ben, PurchaseId = Id("p") }, cancellationToken: Ended);
        Assert.Equal(bought, checkout.Purchase);
        Assert.Equal(bought, (await customers.GetDecisionAsync(new DecisionQuery { PurchaseId = Id("p") }, cancellationToken: Ended)).Purchase);
        var history = await customers.GetPurchasesAsync(new PurchasesQuery { Session = ben }, cancellationToken: Ended);
        Assert.Equal([bought], history.Purchases);
        Assert.Equal(1_000, bought.TotalCents);
        await customers.DoAsync(new Command { RecordVote = new() { Session = ben, ItemId = "1-1", Up = true, VoteId = Id("v") } });
        var votes = await customers.GetUnforwardedVotesAsync(new UnforwardedVotesQuery { Before = long.MaxValue }, cancellationToken: Ended);
        Assert.Equal([Id("v")], votes.Votes.Select(vote => vote.VoteId));
        var rating = await customers.GetRatingAsync(new RatingQuery { Session = ben, SellerId = sue }, cancellationToken: Ended);
        Assert.Equal(new RatingReply { AccountId = sue, ThumbsUp = 1, Units = 2, Name = "n" }, rating);
        Assert.Equal(
            rating, await customers.GetRatingAsync(new RatingQuery { SellerId = sue }, cancellationToken: Ended));
        var asNobody = await customers.GetRatingAsync(
            new RatingQuery { Session = Token("nobody"), SellerId = sue }, cancellationToken: Ended);
        Assert.Equal(Error.NotLoggedIn, asNobody.Error);
        var one = await customers.GetPurchaseAsync(
            new PurchaseQuery { Session = ben, PurchaseId = Id("p") }, cancellationToken: Ended);
        Assert.Equal(bought, one.Purchase);

        var shop = Token("sue", Role.Seller);
        await customers.DoAsync(
            new Command { OpenSession = new() { Role = Role.Seller, AccountId = sue, TokenHash = shop.TokenHash } });
        var sales = await customers.GetSalesAsync(new SalesQuery { Session = shop }, cancellationToken: Ended);
        Assert.Equal([new Sale { At = bought.At, ItemId = "1-1", Quantity = 2, UnitPriceCents = 500 }], sales.Sales);
    }

    [Fact]
    public async Task A_query_on_a_fresh_session_writes_nothing_one_on_an_older_session_renews_it()
    {
        var (customers, _) = await StartCustomersAsync();
        var ben = await LogInAsync(customers);
        var opened = RecordedUse();
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(Error.None, (await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)).Error);
        Assert.Equal(opened, RecordedUse());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Error.None, (await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)).Error);
        Assert.Equal(opened + 31_000, RecordedUse());
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(Error.None, (await customers.GetSessionAsync(new SessionQuery { Session = ben }, cancellationToken: Ended)).Error);
        Assert.Equal(opened + 31_000, RecordedUse());
    }

    [Theory]
    [InlineData(330, Error.None)]
    [InlineData(331, Error.NotLoggedIn)]
    public async Task Queries_keep_a_session_alive_until_it_has_rested_for_five_and_a_half_minutes(int seconds, Error error)
    {
        var (customers, _) = await StartCustomersAsync();
        var ben = await LogInAsync(customers);
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromMinutes(5));
            Assert.Equal(Error.None, (await customers.GetRatingAsync(new RatingQuery { Session = ben }, cancellationToken: Ended)).Error);
        }

        _time.Advance(TimeSpan.FromSeconds(seconds));
        Assert.Equal(error, (await customers.GetSessionAsync(new SessionQuery { Session = ben }, cancellationToken: Ended)).Error);
        Assert.Equal(error, (await customers.GetRatingAsync(new RatingQuery { Session = ben }, cancellationToken: Ended)).Error);
        Assert.Equal(error, (await customers.GetPurchasesAsync(new PurchasesQuery { Session = ben }, cancellationToken: Ended)).Error);
        Assert.Equal(error, (await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)).Error);
    }

    [Fact]
    public async Task A_session_of_the_other_role_is_not_logged_in()
    {
        var (customers, _) = await StartCustomersAsync();
        await LogInAsync(customers);
        var asSeller = Token("ben", Role.Seller);
        Assert.Equal(Error.NotLoggedIn, (await customers.GetSessionAsync(new SessionQuery { Session = asSeller }, cancellationToken: Ended)).Error);
    }

    [Fact]
    public async Task A_repeat_with_the_same_request_id_is_answered_as_the_first_even_after_a_restart()
    {
        var (customers, _) = await StartCustomersAsync();
        var request = new ExecuteRequest { RequestId = Id("r"), Command = NewAccount("ben", Role.Buyer) };
        var first = await customers.ExecuteAsync(request, cancellationToken: Ended);
        Assert.Equal((Error.None, false), (first.Error, first.Replayed));
        first.Replayed = true;
        Assert.Equal(first, await customers.ExecuteAsync(request, cancellationToken: Ended));
        Assert.Equal(Error.UsernameTaken, (await customers.DoAsync(NewAccount("ben", Role.Buyer))).Error);
        await StopAsync();
        (customers, _) = await StartCustomersAsync();
        Assert.Equal(first, await customers.ExecuteAsync(request, cancellationToken: Ended));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public async Task A_repeat_is_answered_for_as_many_minutes_as_the_cluster_file_says_and_then_refused(int minutes)
    {
        var (customers, _) = await StartCustomersAsync(minutes);
        var request = new ExecuteRequest { RequestId = Id("r"), Command = NewAccount("ben", Role.Buyer) };
        await customers.ExecuteAsync(request, cancellationToken: Ended);
        _time.Advance(TimeSpan.FromSeconds(minutes * 60 - 1));
        Assert.Equal((Error.None, true), Outcome(await customers.ExecuteAsync(request, cancellationToken: Ended)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(
            (Error.KeyExpired, false), Outcome(await customers.ExecuteAsync(request, cancellationToken: Ended)));

        static (Error, bool) Outcome(Reply reply) => (reply.Error, reply.Replayed);
    }

    [Fact]
    public async Task A_replica_whose_clock_is_far_behind_is_unavailable_rather_than_that_a_key_has_expired()
    {
        _time.Advance(TimeSpan.FromMinutes(16));
        var (customers, _) = await StartCustomersAsync();
        var (products, _) = await StartProductsAsync();
        await customers.DoAsync(NewAccount("ben", Role.Buyer));
        var register = new P.RegisterItem
        {
            SellerId = 7,
            Name = "n",
            Category = 3,
            Condition = P.Condition.New,
            PriceCents = 1,
            Quantity = 20,
        };
        await products.DoAsync(new P.Command { RegisterItem = register });

        // The process starts again with the clock of a quarter of an hour ago.
        await StopAsync();
        _time = new(_time.GetUtcNow().AddMinutes(-15).AddSeconds(-1));
        (customers, _) = await StartCustomersAsync();
        (products, _) = await StartProductsAsync();
        Task[] calls = [customers.DoAsync(NewAccount("eve", Role.Buyer)),
            products.DoAsync(new P.Command { RegisterItem = register })];
        foreach (var call in calls)
        {
            var status = (await Assert.ThrowsAsync<RpcException>(() => call)).Status;
            Assert.Equal(StatusCode.Unavailable, status.StatusCode);
            Assert.Contains("clock", status.Detail, StringComparison.Ordinal);
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Error.None, (await customers.DoAsync(NewAccount("eve", Role.Buyer))).Error);
        Assert.Equal(P.Error.None, (await products.DoAsync(new P.Command { RegisterItem = register })).Error);
    }

    [Fact]
    public async Task Wrong_requests_are_refused_and_nothing_is_ordered()
    {
        var (customers, customersReplica) = await StartCustomersAsync();
        var before = await AppliedAsync(customersReplica);
        await RefusedAsync(() => customers.ExecuteAsync(new ExecuteRequest(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.ExecuteAsync(new ExecuteRequest { RequestId = Id("r"), Command = new() }, cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetSessionAsync(new SessionQuery(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetCredentialsAsync(new CredentialsQuery(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetPurchasesAsync(new PurchasesQuery { Session = Token("t"), Limit = 201 }, cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetDecisionAsync(new DecisionQuery(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetRatingAsync(new RatingQuery(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetPurchaseAsync(
            new PurchaseQuery { PurchaseId = Id("p") }, cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() =>
            customers.GetSalesAsync(new SalesQuery { Session = Token("t") }, cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => customers.GetUnforwardedVotesAsync(new UnforwardedVotesQuery { Limit = -1 }, cancellationToken: Ended).ResponseAsync);
        Assert.Equal(before, await AppliedAsync(customersReplica));

        var (products, productsReplica) = await StartProductsAsync();
        before = await AppliedAsync(productsReplica);
        await RefusedAsync(() => products.ExecuteAsync(new P.ExecuteRequest(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => products.GetItemsOfSellerAsync(new P.SellerItemsQuery { Limit = 201 }, cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => products.GetItemsAsync(
            new P.ItemsQuery { ItemIds = { Enumerable.Repeat("1-1", 201) } }, cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() => products.SearchAsync(new P.SearchQuery { Category = -1 }, cancellationToken: Ended).ResponseAsync);
        Assert.Equal(before, await AppliedAsync(productsReplica));

        static async Task RefusedAsync(Func<Task> call) =>
            Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
    }

    [Fact]
    public async Task Items_are_sold_found_and_bought_through_the_products_service()
    {
        var (products, _) = await StartProductsAsync();
        var register = new P.RegisterItem
        {
            SellerId = 7,
            Name = "Bike",
            Category = 3,
            Keywords = { "Red", "Bike" },
            SearchKeywords = { "red", "bike" },
            Condition = P.Condition.New,
            PriceCents = 9_999,
            Quantity = 2,
        };
        var item = (await products.DoAsync(new P.Command { RegisterItem = register })).Item;
        Assert.Equal(item, (await products.GetItemAsync(new P.ItemQuery { ItemId = item.ItemId }, cancellationToken: Ended)).Item);
        Assert.Equal(P.Error.NoSuchItem, (await products.GetItemAsync(new P.ItemQuery { ItemId = "garbage" }, cancellationToken: Ended)).Error);
        var named = new P.ItemsQuery { ItemIds = { "9-9", item.ItemId } };
        Assert.Equal([item], (await products.GetItemsAsync(named, cancellationToken: Ended)).Items);
        Assert.Equal([item], (await products.GetItemsOfSellerAsync(new P.SellerItemsQuery { SellerId = 7 }, cancellationToken: Ended)).Items);
        Assert.Equal([item], (await products.SearchAsync(new P.SearchQuery { Category = 3, Keywords = { "bik" } }, cancellationToken: Ended)).Items);
        Assert.Equal(P.Error.InvalidCursor, (await products.SearchAsync(new P.SearchQuery { Category = 3, Cursor = "?" }, cancellationToken: Ended)).Error);
        var reserve = new P.Command { Reserve = new() { PurchaseId = Id("p"), CartId = Id("c"), Lines = { new P.ReservationLine { ItemId = item.ItemId, Quantity = 2 } } } };
        Assert.Equal(19_998, (await products.DoAsync(reserve)).Reservation.TotalCents);
        Assert.Empty((await products.SearchAsync(new P.SearchQuery { Category = 3 }, cancellationToken: Ended)).Items);
        var open = await products.GetOpenReservationsAsync(new P.OpenReservationsQuery { Before = long.MaxValue }, cancellationToken: Ended);
        Assert.Equal([Id("p")], open.Reservations.Select(reservation => reservation.PurchaseId));
        Assert.Empty((await products.DoAsync(new P.Command { Confirm = new() { PurchaseIds = { Id("p") } } })).Confirmed.RefusedIds);
        await StopAsync();
        (products, _) = await StartProductsAsync();
        Assert.Equal(0, (await products.GetItemAsync(new P.ItemQuery { ItemId = item.ItemId }, cancellationToken: Ended)).Item.Quantity);
    }

    [Fact]
    public async Task Concurrent_buyers_never_reserve_more_than_there_is()
    {
        var (products, _) = await StartProductsAsync();
        var register = new P.RegisterItem { SellerId = 7, Name = "n", Category = 3, Condition = P.Condition.New, PriceCents = 1, Quantity = 20 };
        var item = (await products.DoAsync(new P.Command { RegisterItem = register })).Item.ItemId;
        var replies = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => products.DoAsync(
            new P.Command { Reserve = new() { PurchaseId = Id($"{i}"), CartId = Id($"{i}"), Lines = { new P.ReservationLine { ItemId = item, Quantity = 3 } } } })));
        Assert.Equal(6, replies.Count(reply => reply.Error == P.Error.None));
        Assert.All(replies.Where(reply => reply.Error != P.Error.None), reply => Assert.Equal(P.Error.NotEnoughUnits, reply.Error));
        Assert.Equal(2, (await products.GetItemAsync(new P.ItemQuery { ItemId = item }, cancellationToken: Ended)).Item.Quantity);
    }

    [Fact]
    public void An_unusable_directory_is_named_when_the_host_is_built()
    {
        var file = Path.Combine(_directory, "file");
        File.WriteAllText(file, "");
        Assert.Contains(file, Assert.ThrowsAny<IOException>(() => CustomersHost.Build(Builder(), Cluster(FreePorts.Take()), 0, file)).Message, StringComparison.Ordinal);
        Assert.Contains(file, Assert.ThrowsAny<IOException>(() => ProductsHost.Build(Builder(), Cluster(FreePorts.Take()), 0, file)).Message, StringComparison.Ordinal);
    }

    private static Command NewAccount(string username, Role role) =>
        new()
        {
            CreateAccount = new()
            {
                Role = role,
                Name = "n",
                Username = username,
                UsernameKey = username,
                PasswordHash = "h",
            },
        };

    private static async Task<Session> LogInAsync(CustomersClient customers)
    {
        var account = (await customers.DoAsync(NewAccount("ben", Role.Buyer))).AccountCreated.AccountId;
        await customers.DoAsync(new Command { OpenSession = new() { Role = Role.Buyer, AccountId = account, TokenHash = Token("ben").TokenHash } });
        return Token("ben");
    }

    private long RecordedUse()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_directory, "customers", "state.db")};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT last_use FROM session";
        return (long)command.ExecuteScalar()!;
    }

    private static async Task<long> AppliedAsync(Replica.ReplicaClient replica) =>
        (await replica.GetStatusAsync(new StatusRequest(), cancellationToken: Ended)).Applied;

    private async Task<(CustomersClient, Replica.ReplicaClient)> StartCustomersAsync(int minutes = 15)
    {
        var port = FreePorts.Take();
        var channel = await StartAsync(
            CustomersHost.Build(Builder(), Cluster(port, minutes), 0, Path.Combine(_directory, "customers")), port);
        return (new CustomersClient(channel), new Replica.ReplicaClient(channel));
    }

    private async Task<(ProductsClient, Replica.ReplicaClient)> StartProductsAsync()
    {
        var port = FreePorts.Take();
        var channel = await StartAsync(ProductsHost.Build(Builder(), Cluster(port), 0, Path.Combine(_directory, "products")), port);
        return (new ProductsClient(channel), new Replica.ReplicaClient(channel));
    }

    private async Task<CallInvoker> StartAsync(WebApplication app, int port)
    {
        _running.Add(app);
        await app.StartAsync(Ended);
        return GrpcChannel.ForAddress($"http://127.0.0.1:{port}").Intercept(new Deadline());
    }

    private async Task StopAsync()
    {
        foreach (var app in _running)
        {
            await app.DisposeAsync();
        }

        _running.Clear();
    }

    private WebApplicationBuilder Builder()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(_time);
        var key = Path.Combine(_directory, "customers.key");
        File.WriteAllBytes(key, "a key that only these tests know"u8.ToArray());
        builder.Configuration["Agora:GroupKeyFile"] = key;
        return builder;
    }

    private static ClusterFile Cluster(int port, int minutes = 15)
    {
        // Each with the engine that it has unless told otherwise.
        DatabaseAddress[] alone = [new DatabaseAddress { GrpcPort = port, PeerPort = FreePorts.Take() }];
        return ClusterFile.Default with
        {
            Customers = ClusterFile.Default.Customers with { Replicas = alone },
            Products = ClusterFile.Default.Products with { Replicas = alone },
            Limits = ClusterFile.Default.Limits with { IdempotencyKeyMinutes = minutes },
        };
    }
}

/// <summary>A call that is never answered fails its test instead of holding it up.</summary>
internal sealed class Deadline : Interceptor
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation) =>
        continuation(request, new ClientInterceptorContext<TRequest, TResponse>(
            context.Method, context.Host, context.Options.WithDeadline(DateTime.UtcNow.AddMinutes(1))));
}

internal static class Clients
{
    public static Task<Reply> DoAsync(this CustomersClient client, Command command) => client.ExecuteAsync(
        new ExecuteRequest { RequestId = Fresh(), Command = command }, cancellationToken: TestContext.Current.CancellationToken).ResponseAsync;

    public static Task<P.Reply> DoAsync(this ProductsClient client, P.Command command) => client.ExecuteAsync(
        new P.ExecuteRequest { RequestId = Fresh(), Command = command }, cancellationToken: TestContext.Current.CancellationToken).ResponseAsync;

    private static ByteString Fresh() => ByteString.CopyFrom(Guid.NewGuid().ToByteArray());
}
