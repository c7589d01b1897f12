using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Servers.Tests;

/// <summary>
/// A seller and a buyer server of their own before the databases of a marketplace, all of whose endpoints and log lines a test can see. Their client sends
/// header values as they are.
/// </summary>
internal sealed class WatchedServers : IAsyncDisposable
{
    private readonly List<WebApplication> _apps = [];

    private WatchedServers(Marketplace marketplace) => Marketplace = marketplace;

    public Marketplace Marketplace { get; }

    public WatchedLog Log { get; } = new();

    public HttpClient Seller { get; private set; } = null!;

    public HttpClient Buyer { get; private set; } = null!;

    /// <summary>Every method of every route of both servers: which of them, how, and where, with something that exists for each of the path's values.</summary>
    public List<(bool IsSeller, HttpMethod Method, string Path)> Endpoints { get; } = [];

    public static async Task<WatchedServers> StartAsync(Marketplace marketplace, ServerSettings? settings = null)
    {
        var servers = new WatchedServers(marketplace);
        servers.Seller = await servers.StartAsync(isSeller: true, SellerServer.Build(servers.Builder(), marketplace.Cluster, 0, settings ?? new()));
        servers.Buyer = await servers.StartAsync(isSeller: false, BuyerServer.Build(servers.Builder(), marketplace.Cluster, 0, settings ?? new()));
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
        var builder = Marketplace.Builder();
        builder.Logging.AddProvider(Log);
        return builder;
    }

    private async Task<HttpClient> StartAsync(bool isSeller, WebApplication app)
    {
        _apps.Add(app);
        await app.StartAsync();
        foreach (var route in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var path = "/" + route.RoutePattern.RawText!.TrimStart('/')
                .Replace("{itemId}", "3-1", StringComparison.Ordinal).Replace("{sellerId}", "1", StringComparison.Ordinal)
                .Replace("{purchaseId}", new string('a', 32), StringComparison.Ordinal);
            Assert.DoesNotContain('{', path);
            foreach (var method in route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                Endpoints.Add((isSeller, new HttpMethod(method), path));
            }
        }
        return new HttpClient(new SocketsHttpHandler { UseProxy = false, RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 })
        {
            BaseAddress = new Uri(app.Urls.Single()),
        };
    }
}

/// <summary>Keeps log lines with what their scopes say.</summary>
internal sealed class WatchedLog : ILoggerProvider, ISupportExternalScope
{
    private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

    public ConcurrentQueue<(LogLevel Level, string Category, string Text, string Scopes)> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose() { }

    private sealed class Category(WatchedLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => log._scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }
            var scopes = new List<string>();
            log._scopes.ForEachScope((scope, all) => all.Add($"{scope}"), scopes);
            log.Lines.Enqueue((logLevel, name, $"{formatter(state, exception)} {exception}", string.Join(" | ", scopes)));
        }
    }
}
