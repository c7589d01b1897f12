using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using Agora.Client;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Security;
using Google.Protobuf;
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
/// What the seller and the buyer server have in common: where they listen, what every request passes through, and what operators ask.
/// </summary>
internal static class RestServer
{
    public const string LivePath = "/health/live";

    public static void AddServices(
        WebApplicationBuilder builder, ClusterFile cluster, ServerGroup group, int replica, ServerSettings settings, ComponentIdentity? identity,
        string title)
    {
        var address = group.Replicas[replica];
        var certificate = cluster.Https is { } https ? new UsersCertificate(https, TimeProvider.System) : null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Limits.BodyBytes;
            // What Kestrel refuses it refuses without a body. So it takes somewhat more than is allowed, and the pipeline says what is too much.
            kestrel.Limits.MaxRequestHeadersTotalSize = settings.Limits.HeaderBytes + RequestSize.Slack;
            kestrel.Limits.MaxRequestHeaderCount = 4 * RequestSize.MaxHeaders;
            kestrel.Limits.MaxRequestLineSize = settings.Limits.UrlBytes + RequestSize.Slack;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MaxConcurrentConnections = settings.Limits.Connections;
            kestrel.Limits.KeepAliveTimeout = ConnectionLimits.KeepAlive;
            Listen(kestrel, address, certificate);
        });
        var services = builder.Services;
        services.AddRouting();
        services.ConfigureHttpJsonOptions(json => AgoraJson.Configure(json.SerializerOptions));
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(settings);
        services.AddSingleton<ServerMetrics>();
        services.AddSingleton(provider => new ServerContext(
            settings, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ServerMetrics>(),
            provider.GetRequiredService<ILoggerFactory>(), identity)
        {
            Interceptors = [.. provider.GetServices<Interceptor>()],
        });
        services.AddSingleton(provider => new CustomersDatabase(cluster.Customers, replica, provider.GetRequiredService<ServerContext>()));
        services.AddSingleton(provider => new ProductsDatabase(cluster.Products, replica, provider.GetRequiredService<ServerContext>()));
        services.AddSingleton(provider => ReadinessPart.Of(provider.GetRequiredService<CustomersDatabase>()));
        services.AddSingleton(provider => ReadinessPart.Of(provider.GetRequiredService<ProductsDatabase>()));
        services.AddSingleton<Passwords>();
        services.AddSingleton(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<RefusalLog>>();
            return new RefusalLog(provider.GetRequiredService<TimeProvider>(), line => logger.LogWarning("Refused, {Refused}", line));
        });
        services.AddSingleton(provider => new ConnectionLimits(settings.Limits, provider.GetRequiredService<RefusalLog>()));
        services.AddSingleton(provider => new RateLimits(settings.Limits, provider.GetRequiredService<TimeProvider>()));
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(ServerMetrics.MeterName)
            .AddRuntimeInstrumentation()
            .AddPrometheusExporter());
        OpenApiDescription.AddTo(services, title);
    }

    /// <summary>Everything that is not a function: the pipeline around all requests, and the operators' endpoints.</summary>
    public static void Use(WebApplication app, Role role)
    {
        var settings = app.Services.GetRequiredService<ServerSettings>();
        app.Lifetime.ApplicationStopped.Register(EarlyRefusals.Watch(app.Services.GetRequiredService<DiagnosticListener>(), settings.Limits).Dispose);
        // HEAD is GET whose body Kestrel leaves out, as it does for every request that came with this method.
        app.Use(next => http =>
        {
            if (HttpMethods.IsHead(http.Request.Method))
            {
                http.Request.Method = HttpMethods.Get;
            }
            return next(http);
        });
        app.UseRouting();
        app.Use(next => new Pipeline(next, role, app.Services.GetRequiredService<ServerContext>(), app.Services.GetRequiredService<RateLimits>(),
            app.Services.GetRequiredService<RefusalLog>()).InvokeAsync);
        app.MapGet(LivePath, () => TypedResults.Text("""{"status":"live"}""", "application/json")).ExcludeFromDescription();
        app.MapGet("/health/ready", async (IEnumerable<ReadinessPart> parts) =>
        {
            var missing = await Task.WhenAll(parts.Select(part => part.MissingAsync(settings.ReadyDeadline)));
            return missing.Any(name => name is not null)
                ? (IResult)Refusal.Unavailable(string.Join(" and ", missing.Where(name => name is not null)))
                : TypedResults.Text("""{"status":"ready"}""", "application/json");
        }).ExcludeFromDescription();
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
            connections.UseCount(listen);
            if (certificate is not null)
            {
                var logger = listen.ApplicationServices.GetRequiredService<ILogger<UsersCertificate>>();
                certificate.Warn(logger);
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(certificate.Options(logger)) });
            }
            ConnectionLimits.UseFirstByte(listen);
            EarlyRefusals.On(listen);
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
            // A name may stand for an address that only its clients see, as behind a container's port.
            kestrel.ListenAnyIP(address.Port, Http1);
        }
    }
}

/// <summary>One thing without which this server could not serve all of its functions.</summary>
/// <param name="Name">In words for a user.</param>
/// <param name="CheckAsync">Returns if it would serve; throws if not.</param>
internal sealed record ReadinessPart(string Name, Func<CancellationToken, Task> CheckAsync)
{
    /// <summary>A linearizable read: nobody's session.</summary>
    public static ReadinessPart Of(CustomersDatabase customers)
    {
        var nobody = new Session { TokenHash = ByteString.CopyFrom(new byte[SHA256.HashSizeInBytes]), Role = Role.Buyer };
        return new("The customers database", deadline => customers.GetSessionAsync(nobody, deadline));
    }

    /// <summary>A linearizable read: an item that does not exist.</summary>
    public static ReadinessPart Of(ProductsDatabase products) =>
        new("The products database", deadline => products.GetItemAsync("0-0", deadline));

    /// <summary>The payment service's own description of itself.</summary>
    public static ReadinessPart OfPayments(PaymentsGroup payments, ComponentIdentity? identity)
    {
        var http = new HttpClient(Payments.Handler(payments, identity));
        var wsdl = new Uri(Payments.Endpoint(payments), "?wsdl");
        return new("The payment service", async deadline =>
        {
            using var response = await http.GetAsync(wsdl, deadline);
            response.EnsureSuccessStatusCode();
        });
    }

    /// <summary>The part's name if it is missing.</summary>
    public async Task<string?> MissingAsync(TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await CheckAsync(deadline.Token);
            return null;
        }
        catch (Exception e) when (e is UnavailableException or OperationCanceledException or HttpRequestException)
        {
            return Name;
        }
    }
}
