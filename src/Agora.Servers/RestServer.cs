using System.Diagnostics;
using System.Net;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Rest;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

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
        var address = group.Replicas[replica];
        var certificate = cluster.Https is { } https ? new UsersCertificate(https, TimeProvider.System) : null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Limits.BodyBytes;
            // Kestrel refuses without a body. So it accepts somewhat more than is allowed, and the pipeline refuses.
            kestrel.Limits.MaxRequestHeadersTotalSize = settings.Limits.HeaderBytes + RequestSize.OversizeBytes;
            kestrel.Limits.MaxRequestHeaderCount = 4 * RequestSize.MaxHeaders;
            kestrel.Limits.MaxRequestLineSize = settings.Limits.UrlBytes + RequestSize.OversizeBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MaxConcurrentConnections = settings.Limits.Connections;
            kestrel.Limits.KeepAliveTimeout = ConnectionLimits.KeepAliveTimeout;
            Listen(kestrel, address, certificate);
        });
        var services = builder.Services;
        services.AddRouting();
        services.ConfigureHttpJsonOptions(json => AgoraJson.Configure(json.SerializerOptions));
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
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
        services.AddSingleton(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<RefusalLog>>();
            return new RefusalLog(
                provider.GetRequiredService<TimeProvider>(),
                line => logger.LogWarning("Refused, {Refused}", line)
            );
        });
        services.AddSingleton(provider => new ConnectionLimits(
            settings.Limits,
            provider.GetRequiredService<RefusalLog>()
        ));
        services.AddSingleton(provider => new RateLimits(settings.Limits, provider.GetRequiredService<TimeProvider>()));
        services
            .AddOpenTelemetry()
            .WithMetrics(metrics =>
                metrics.AddMeter(ServerMetrics.MeterName).AddRuntimeInstrumentation().AddPrometheusExporter()
            );
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
        app.MapPrometheusScrapingEndpoint("/metrics").WithMetadata(new HttpMethodMetadata([HttpMethods.Get]));
        var document = new PublishedDocument(app.Services, settings.Limits.IdempotencyKeyMinutes);
        app.MapGet("/openapi/v1.json", (HttpContext http) => document.AnswerAsync(http)).ExcludeFromDescription();
    }

    private static void Listen(KestrelServerOptions kestrel, ServerAddress address, UsersCertificate? certificate)
    {
        void Http1(ListenOptions listen)
        {
            listen.Protocols = HttpProtocols.Http1;
            var connections = listen.ApplicationServices.GetRequiredService<ConnectionLimits>();
            connections.UseConnectionCount(listen);
            if (certificate is not null)
            {
                var logger = listen.ApplicationServices.GetRequiredService<ILogger<UsersCertificate>>();
                certificate.WarnIfItEndsSoon(logger);
                listen.UseHttps(
                    new TlsHandshakeCallbackOptions
                    {
                        OnConnection = _ => ValueTask.FromResult(certificate.Options(logger)),
                    }
                );
            }

            ConnectionLimits.UseFirstByteTimeout(listen);
            EarlyRefusals.UseProblems(listen);
        }

        if (IPAddress.TryParse(address.Host, out var ip))
        {
            kestrel.Listen(ip, address.Port, Http1);
        }
        else if (string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase))
        {
            kestrel.ListenLocalhost(address.Port, Http1);
        }
        else
        {
            // A name may be an address that only clients see, as with a container's published port.
            kestrel.ListenAnyIP(address.Port, Http1);
        }
    }
}
