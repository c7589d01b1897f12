using System.Diagnostics;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Rest;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// What the seller server and the buyer server share: listening, the pipeline of every request, and the endpoints for
/// operators.
/// </summary>
internal static class RestServer
{
    public const string LivePath = "/health/live";

    public static void AddServices(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        ServerGroup group,
        int replica,
        ServerSettings settings,
        ComponentIdentity? identity,
        string title
    )
    {
        UsersListener.AddTo(builder, cluster, group.Replicas[replica], settings.Limits, EarlyRefusals.UseProblems);
        var services = builder.Services;
        services.AddRouting();
        services.ConfigureHttpJsonOptions(json => AgoraJson.Configure(json.SerializerOptions));
        services.AddMetrics();
        services.AddSingleton(_ => settings);
        services.AddSingleton<ServerMetrics>();
        services.AddSingleton(provider => new DatabaseClientSetup(
            settings,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ServerMetrics>(),
            provider.GetRequiredService<ILoggerFactory>(),
            identity
        )
        {
            Interceptors = [.. provider.GetServices<Interceptor>()],
        });
        services.AddSingleton(provider => new CustomersDatabase(
            cluster.Customers,
            replica,
            provider.GetRequiredService<DatabaseClientSetup>()
        ));
        services.AddSingleton(provider => new ProductsDatabase(
            cluster.Products,
            replica,
            provider.GetRequiredService<DatabaseClientSetup>()
        ));
        services.AddSingleton(provider => ReadinessPart.ReadOf(provider.GetRequiredService<CustomersDatabase>()));
        services.AddSingleton(provider => ReadinessPart.WriteOf(provider.GetRequiredService<CustomersDatabase>()));
        services.AddSingleton(provider => ReadinessPart.ReadOf(provider.GetRequiredService<ProductsDatabase>()));
        services.AddSingleton(provider => ReadinessPart.WriteOf(provider.GetRequiredService<ProductsDatabase>()));
        services.AddSingleton<Readiness>();
        services.AddSingleton<Passwords>();
        OpenApiDescription.AddTo(services, title);
    }

    /// <summary>
    /// Adds everything that is not a function: the pipeline of all requests, and the endpoints for operators.
    /// </summary>
    public static void Use(WebApplication app, Role role)
    {
        var settings = app.Services.GetRequiredService<ServerSettings>();
        app.Lifetime.ApplicationStopped.Register(
            EarlyRefusals.Watch(app.Services.GetRequiredService<DiagnosticListener>(), settings.Limits).Dispose
        );
        // HEAD is served as GET. Kestrel omits the body, since the request came as HEAD.
        app.Use(next =>
            http =>
            {
                if (HttpMethods.IsHead(http.Request.Method))
                {
                    http.Request.Method = HttpMethods.Get;
                }

                return next(http);
            }
        );
        app.UseRouting();
        app.Use(next =>
            new Pipeline(
                next,
                role,
                app.Services.GetRequiredService<ServerSettings>(),
                app.Services.GetRequiredService<ServerMetrics>(),
                app.Services.GetRequiredService<TimeProvider>(),
                app.Services.GetRequiredService<ILogger<Pipeline>>(),
                app.Services.GetRequiredService<RateLimits>(),
                app.Services.GetRequiredService<RefusalLog>()
            ).InvokeAsync
        );
        app.MapGet(LivePath, () => TypedResults.Text("""{"status":"live"}""", "application/json"))
            .ExcludeFromDescription();
        app.MapGet(
                "/health/ready",
                async (Readiness readiness) =>
                {
                    var missing = await readiness.MissingAsync();
                    return missing.Length > 0
                        ? (IResult)Refusal.NotReady(string.Join(" and ", missing))
                        : TypedResults.Text("""{"status":"ready"}""", "application/json");
                }
            )
            .ExcludeFromDescription();
        var document = new PublishedDocument(app.Services, settings.Limits.IdempotencyKeyMinutes);
        app.MapGet("/openapi/v1.json", (HttpContext http) => document.AnswerAsync(http)).ExcludeFromDescription();
    }
}
