using Agora.Cluster;
using Agora.Rest;
using Agora.Servers.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Web.Tests;

/// <summary>A marketplace in this process with web servers in front. Its bank approves every card but one.</summary>
public class WebMarketplace : InProcessMarketplace, IAsyncLifetime
{
    private readonly List<WebApplication> _webs = [];
    private ClusterFile _seenByWeb = new();

    public WebMarketplace() => HasFakePayments = true;

    /// <summary>The pages.</summary>
    public Uri Web { get; private set; } = null!;

    /// <summary>
    /// A seller with goods in several categories, for tests that look at them and buy a few. Its session is for nobody:
    /// it may end while other tests run.
    /// </summary>
    internal long ShopkeeperId { get; private set; }

    /// <summary>What the shopkeeper sells, by name.</summary>
    internal Dictionary<string, string> Goods { get; } = [];

    async ValueTask IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        _seenByWeb = Cluster with
        {
            Web = new() { Replicas = [new()], Hosts = ["shop.example"] },
            SellerServers = new() { Replicas = [AddressOf(Seller)] },
            BuyerServers = new() { Replicas = [AddressOf(Buyer), AddressOf(OtherBuyer)] },
        };
        Web = await StartWebAsync(_seenByWeb);
        var shopkeeper = await NewSellerAsync();
        ShopkeeperId = shopkeeper.Id;
        foreach (var (name, category, price, quantity, used) in s_goods)
        {
            var item = new
            {
                name,
                category,
                keywords = name.ToLowerInvariant().Split(' ').Where(w => w.Length <= 8).Take(5),
                condition = used ? "used" : "new",
                price,
                quantity,
            };
            Goods[name] = (await shopkeeper.PostAsync<ItemRegistered>("/items", item)).ItemId;
        }
    }

    async ValueTask IAsyncDisposable.DisposeAsync()
    {
        foreach (var web in _webs)
        {
            await web.DisposeAsync();
        }

        await DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts one more web server.</summary>
    internal Task<Uri> StartWebAsync() => StartWebAsync(_seenByWeb);

    /// <summary>Starts a web server that sees the marketplace so.</summary>
    internal async Task<Uri> StartWebAsync(ClusterFile cluster, TimeSpan? deadline = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(_ => new Marketplace(cluster, deadline));
        var web = WebServer.Build(builder, cluster, 0, Path.GetTempPath());
        _webs.Add(web);
        await web.StartAsync();
        return new Uri(web.Urls.Single());
    }

    /// <summary>Ends a web server at once, and starts another one at its address.</summary>
    internal async Task RestartWebAsync(Uri address)
    {
        var web = _webs.Single(w => new Uri(w.Urls.First()) == address);
        _webs.Remove(web);
        await web.StopAsync(new CancellationToken(canceled: true));
        await web.DisposeAsync();
        await StartWebAsync(_seenByWeb with { Web = new() { Replicas = [new() { Port = address.Port }] } });
    }

    /// <summary>The buyer server that a web server uses now.</summary>
    internal HttpClient BuyerServerOf(Uri web)
    {
        var current = _webs
            .Single(w => new Uri(w.Urls.First()) == web)
            .Services.GetRequiredService<Marketplace>()
            .Buyers.Current;
        return current.Port == Buyer.BaseAddress!.Port ? Buyer : OtherBuyer;
    }

    /// <summary>The marketplace as its web servers see it.</summary>
    internal ClusterFile SeenByWeb => _seenByWeb;

    /// <summary>Somebody at a browser without scripts.</summary>
    internal Visitor NewVisitor(Uri? web = null) => new(web ?? Web);

    /// <summary>A visitor with a new buyer's account, logged in.</summary>
    internal async Task<Visitor> NewShopperAsync(Uri? web = null)
    {
        var visitor = NewVisitor(web);
        var buyer = await NewBuyerAsync();
        await visitor.GetAsync("/login");
        await visitor.SubmitAsync("form.stacked", [("login-username", buyer.Username), ("login-password", Password)]);
        return visitor;
    }

    private static ServerAddress AddressOf(HttpClient server) => new() { Port = server.BaseAddress!.Port };

    private static readonly (string Name, int Category, decimal Price, int Quantity, bool Used)[] s_goods =
    [
        ("Classic red bike", 1, 349.90m, 12, false),
        ("Folding green bike", 1, 529.00m, 3, false),
        ("Sturdy cargo bike", 1, 899.95m, 1, true),
        ("Small blue scooter", 1, 64.50m, 40, true),
        ("Vintage tandem", 1, 219.00m, 2, true),
        ("Handmade notebook", 2, 14.90m, 80, false),
        ("Large atlas", 2, 38.00m, 5, true),
        ("Compact cookbook", 2, 21.50m, 30, false),
        ("Old comic", 2, 6.00m, 1, true),
        ("Oak writing desk", 3, 420.00m, 4, true),
        ("Linen armchair", 3, 289.00m, 9, false),
        ("Brass reading lamp", 3, 74.99m, 15, false),
        ("Cast iron pan", 4, 44.90m, 25, false),
        ("Glass teapot", 4, 32.00m, 6, false),
        ("Walnut ukulele", 5, 119.00m, 7, false),
        ("Concert flute", 5, 640.00m, 2, true),
        ("Travel radio", 6, 49.95m, 20, false),
        ("Wool scarf", 7, 27.90m, 33, false),
        ("Cotton hammock", 8, 58.00m, 11, false),
        ("Wooden train", 9, 24.50m, 16, false),
        ("Canvas rucksack", 10, 89.00m, 8, false),
    ];
}
