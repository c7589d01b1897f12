using System.Globalization;
using Agora.Cluster;
using Agora.Contracts.Payments;
using Agora.Rest;
using Agora.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Servers.Tests;

/// <summary>
/// A marketplace in this process: both databases with one replica each, one seller server and two buyer servers,
/// connected by real sockets. The servers' calls of the databases pass through <see cref="Wire"/>. The payment service
/// is the real one, which approves everything, or a fake one, whose operations pass through the wire too.
/// </summary>
public class InProcessMarketplace : IAsyncLifetime
{
    internal const string Password = "correct-horse";

    private static int s_names;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("agora-servers-tests-");
    private readonly List<WebApplication> _apps = [];

    internal Wire Wire { get; } = new();

    internal FakePayments Payments { get; }

    /// <summary>The settings of the servers; a test that breaks things shortens its waits.</summary>
    internal ServerSettings Settings { get; init; } = new();

    internal bool HasFakePayments { get; init; }

    /// <summary>The clock of the servers; the databases use the system's clock.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    internal ClusterFile Cluster { get; private set; } = new();

    public InProcessMarketplace()
    {
        Payments = new FakePayments(Wire);
        AnySeller = new(NewSellerAsync);
        AnyBuyer = new(NewBuyerAsync);
    }

    /// <summary>A seller for tests that only need one.</summary>
    internal Lazy<Task<Caller>> AnySeller { get; }

    /// <summary>A buyer for tests that only need one; nobody changes its cart.</summary>
    internal Lazy<Task<Caller>> AnyBuyer { get; }

    /// <summary>The seller server.</summary>
    public HttpClient Seller { get; private set; } = null!;

    /// <summary>The first buyer server.</summary>
    public HttpClient Buyer { get; private set; } = null!;

    /// <summary>The other buyer server.</summary>
    public HttpClient OtherBuyer { get; private set; } = null!;

    internal PurchaseRecovery Recovery { get; private set; } = null!;

    /// <summary>The databases as the servers see them.</summary>
    internal CustomersDatabase CustomersDatabase { get; private set; } = null!;

    internal ProductsDatabase ProductsDatabase { get; private set; } = null!;

    internal PurchaseRecovery OtherRecovery { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var one = new ClusterFile
        {
            Payments = new() { Replicas = [new()], ApprovalProbability = 1 },
            SellerServers = new() { Replicas = [new()] },
            BuyerServers = new() { Replicas = [new(), new()] },
            Customers = new()
            {
                Engine = ReplicationEngine.RotatingSequencer,
                Replicas = [new() { PeerPort = FreePorts.Take() }],
            },
            Products = new() { Engine = ReplicationEngine.Raft, Replicas = [new() { PeerPort = FreePorts.Take() }] },
        };
        var customers = await StartAsync(
            Customers.CustomersHost.Build(DatabaseReplica(), one, 0, Path.Combine(_directory.FullName, "customers"))
        );
        var products = await StartAsync(
            Products.ProductsHost.Build(DatabaseReplica(), one, 0, Path.Combine(_directory.FullName, "products"))
        );
        var payments = HasFakePayments
            ? null
            : await StartAsync(
                Agora.Payments.PaymentsHost.Build(
                    Merchant(Builder()),
                    one,
                    0,
                    Path.Combine(_directory.FullName, "payments")
                )
            );
        Cluster = one with
        {
            Payments = one.Payments with { Replicas = [new() { Port = payments?.Port ?? 0 }] },
            Customers = one.Customers with
            {
                Replicas = [one.Customers.Replicas[0] with { GrpcPort = customers.Port }],
            },
            Products = one.Products with { Replicas = [one.Products.Replicas[0] with { GrpcPort = products.Port }] },
        };
        var seller = await StartAsync(SellerServer.Build(Server(), Cluster, 0, Settings));
        Seller = Client(seller);
        (Buyer, Recovery) = await StartBuyerServerAsync(0);
        (OtherBuyer, OtherRecovery) = await StartBuyerServerAsync(1);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in new[] { Seller, Buyer, OtherBuyer })
        {
            client?.Dispose();
        }

        for (var i = _apps.Count - 1; i >= 0; i--)
        {
            await _apps[i].StopAsync(CancellationToken.None);
            await _apps[i].DisposeAsync();
        }

        _directory.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends a server at once, without letting it finish its calls.</summary>
    internal async Task KillAsync(HttpClient server)
    {
        var app = _apps.Single(a => new Uri(a.Urls.First()) == server.BaseAddress);
        _apps.Remove(app);
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
    }

    /// <summary>A name that no other test uses.</summary>
    public static string NewName(string prefix) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}{Interlocked.Increment(ref s_names)}");

    /// <summary>A category that no other test uses.</summary>
    public static int NewCategory() => Interlocked.Increment(ref s_names);

    internal async Task<Caller> NewSellerAsync()
    {
        var username = NewName("seller");
        var created = await Seller.PostAsync<SellerCreated>(
            "/sellers",
            new
            {
                name = "Sam",
                username,
                password = Password,
            }
        );
        var session = await Seller.PostAsync<SellerSession>("/sessions", new { username, password = Password });
        return new Caller(Seller, session.Token, created.SellerId, username);
    }

    internal async Task<Caller> NewBuyerAsync()
    {
        var username = NewName("buyer");
        var created = await Buyer.PostAsync<BuyerCreated>(
            "/buyers",
            new
            {
                name = "Bea",
                username,
                password = Password,
            }
        );
        var session = await Buyer.PostAsync<BuyerSession>("/sessions", new { username, password = Password });
        return new Caller(Buyer, session.Token, created.BuyerId, username);
    }

    internal static async Task<string> NewItemAsync(
        Caller seller,
        int quantity,
        decimal price = 12.50m,
        int category = 3
    )
    {
        var item = new
        {
            name = "Bike",
            category,
            keywords = new[] { "red", "bike" },
            condition = "used",
            price,
            quantity,
        };
        return (await seller.PostAsync<ItemRegistered>("/items", item)).ItemId;
    }

    /// <summary>Another session of the same seller.</summary>
    internal async Task<Caller> LoginAgainAsync(Caller seller)
    {
        var session = await Seller.PostAsync<SellerSession>(
            "/sessions",
            new { username = seller.Username, password = Password }
        );
        return seller with { Token = session.Token };
    }

    internal static async Task<Item> ItemAsync(Caller buyer, string itemId) =>
        await buyer.GetAsync<Item>($"/items/{itemId}");

    internal static WebApplicationBuilder Builder()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        return builder;
    }

    private WebApplicationBuilder Merchant(WebApplicationBuilder builder)
    {
        var secret = Path.Combine(_directory.FullName, "payments.secret");
        File.WriteAllText(secret, "known-to-payments-and-buyer-servers");
        builder.Configuration[MerchantSecret.FileSetting] = secret;
        return builder;
    }

    private WebApplicationBuilder Server()
    {
        var builder = Builder();
        builder.Services.AddSingleton(Time);
        return builder;
    }

    private WebApplicationBuilder DatabaseReplica()
    {
        var builder = Builder();
        var key = Path.Combine(_directory.FullName, "customers.key");
        File.WriteAllBytes(key, "a key that only these tests know"u8.ToArray());
        builder.Configuration["Agora:GroupKeyFile"] = key;
        builder.Services.AddSingleton(Wire);
        builder.Services.AddGrpc(grpc => grpc.Interceptors.Add<WireInterceptor>());
        return builder;
    }

    private async Task<(HttpClient, PurchaseRecovery)> StartBuyerServerAsync(int replica)
    {
        var builder = Merchant(Server());
        if (HasFakePayments)
        {
            builder.Services.AddSingleton<IFinancialTransactions>(Payments);
        }

        var app = BuyerServer.Build(builder, Cluster, replica, Settings);
        CustomersDatabase = app.Services.GetRequiredService<CustomersDatabase>();
        ProductsDatabase = app.Services.GetRequiredService<ProductsDatabase>();
        return (
            Client(await StartAsync(app)),
            app.Services.GetServices<IHostedService>().OfType<PurchaseRecovery>().Single()
        );
    }

    private async Task<Uri> StartAsync(WebApplication app)
    {
        _apps.Add(app);
        await app.StartAsync();
        return new Uri(app.Urls.Single());
    }

    private static HttpClient Client(Uri server) =>
        new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server };
}
