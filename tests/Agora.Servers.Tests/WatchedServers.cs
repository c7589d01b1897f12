using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Servers.Tests;

/// <summary>
/// A seller server and a buyer server on the databases of a marketplace; a test can see all of their endpoints and log
/// lines. Their client sends header values without checks.
/// </summary>
internal sealed class WatchedServers : IAsyncDisposable
{
    private readonly List<WebApplication> _apps = [];

    private WatchedServers(InProcessMarketplace marketplace) => Marketplace = marketplace;

    public InProcessMarketplace Marketplace { get; }

    public WatchedLog Log { get; } = new();

    public HttpClient Seller { get; private set; } = null!;

    public HttpClient Buyer { get; private set; } = null!;

    /// <summary>Every method of every route of both servers, with an example for each value in the path.</summary>
    public List<(bool IsSeller, HttpMethod Method, string Path)> Endpoints { get; } = [];

    public static async Task<WatchedServers> StartAsync(
        InProcessMarketplace marketplace,
        ServerSettings? settings = null
    )
    {
        var servers = new WatchedServers(marketplace);
        servers.Seller = await servers.StartAsync(
            isSeller: true,
            SellerServer.Build(servers.Builder(), marketplace.Cluster, 0, settings ?? new())
        );
        servers.Buyer = await servers.StartAsync(
            isSeller: false,
            BuyerServer.Build(servers.Builder(), marketplace.Cluster, 0, settings ?? new())
        );
        return servers;
    }

    public HttpClient Server(bool isSeller) => isSeller ? Seller : Buyer;

    public async ValueTask DisposeAsync()
    {
        Seller?.Dispose();
        Buyer?.Dispose();
        foreach (var app in _apps)
        {
            await app.DisposeAsync();
        }
    }

    private WebApplicationBuilder Builder()
    {
        var builder = InProcessMarketplace.Builder();
        builder.Logging.AddProvider(Log);
        return builder;
    }

    private async Task<HttpClient> StartAsync(bool isSeller, WebApplication app)
    {
        _apps.Add(app);
        await app.StartAsync();
        foreach (var route in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var path =
                "/"
                + route
                    .RoutePattern.RawText!.TrimStart('/')
                    .Replace("{itemId}", "3-1", StringComparison.Ordinal)
                    .Replace("{sellerId}", "1", StringComparison.Ordinal)
                    .Replace("{purchaseId}", new string('a', 32), StringComparison.Ordinal);
            Assert.DoesNotContain('{', path);
            foreach (var method in route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                Endpoints.Add((isSeller, new HttpMethod(method), path));
            }
        }

        return new HttpClient(
            new SocketsHttpHandler { UseProxy = false, RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 }
        )
        {
            BaseAddress = new Uri(app.Urls.Single()),
        };
    }
}
