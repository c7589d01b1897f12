using Agora.Cluster;
using Agora.Servers;
using Agora.Web.Assets;
using Agora.Web.Operations;
using Agora.Web.Protocol;
using Agora.Web.Security;
using Agora.Web.Shop;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Agora.Web;

/// <summary>
/// The web pages. They call the marketplace as every other client does, and keep nothing between two requests, so any
/// replica serves any of them.
/// </summary>
public static class WebServer
{
    /// <summary>Builds one web server, without starting it.</summary>
    /// <param name="builder">The process's builder, with logging configured.</param>
    /// <param name="cluster">Where this server listens, and where the seller and buyer servers are.</param>
    /// <param name="replica">This server's number among the web servers.</param>
    /// <param name="directory">This process's own directory.</param>
    public static WebApplication Build(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        int replica,
        string directory
    )
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(cluster);
        UsersListener.AddTo(builder, cluster, cluster.Web.Replicas[replica], cluster.Limits);
        var services = builder.Services;
        services.AddRouting();
        services.AddResponseCompression(compression => compression.EnableForHttps = true);
        services.AddSingleton(cluster);
        services.AddSingleton(_ => new AllowedHosts(cluster.Web));
        services.TryAddSingleton(_ => new Marketplace(cluster));
        services.AddSingleton<WebReadiness>();
        services.AddOperations(cluster, replica, directory);
        services.AddProtocol();
        var app = builder.Build();
        app.UseWebPipeline(cluster.Limits);
        app.MapHealth();
        app.MapAssets();
        app.MapShop();
        app.MapOperations();
        app.MapProtocol();
        return app;
    }
}
