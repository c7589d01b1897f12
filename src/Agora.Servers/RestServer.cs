using System.Net;
using Agora.Client;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Security;
using Grpc.Core;
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
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Agora.Servers;

/// <summary>
/// What the seller and the buyer server have in common: where they listen, what every request passes through, and what operators ask.
/// </summary>
internal static class RestServer
{
    public static void AddServices(
        WebApplicationBuilder builder, ClusterFile cluster, ServerGroup group, int replica, ServerSettings settings, ComponentIdentity? identity,
        string title)
    {
        var address = group.Replicas[replica];
        var certificate = cluster.Https is { } https ? new UsersCertificate(https) : null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Limits.BodyBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = settings.Limits.HeaderBytes;
            kestrel.Limits.MaxRequestLineSize = settings.Limits.UrlBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
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
            provider.GetRequiredService<ILoggerFactory>(), identity));
        services.AddSingleton(provider => new CustomersDatabase(cluster.Customers, replica, provider.GetRequiredService<ServerContext>()));
        services.AddSingleton(provider => new ProductsDatabase(cluster.Products, replica, provider.GetRequiredService<ServerContext>()));
        services.AddSingleton(provider => ReadinessPart.ReadOf(provider.GetRequiredService<CustomersDatabase>()));
        services.AddSingleton(provider => ReadinessPart.WriteOf(provider.GetRequiredService<CustomersDatabase>()));
        services.AddSingleton(provider => ReadinessPart.ReadOf(provider.GetRequiredService<ProductsDatabase>()));
        services.AddSingleton(provider => ReadinessPart.WriteOf(provider.GetRequiredService<ProductsDatabase>()));
        services.AddSingleton<Readiness>();
        services.AddSingleton<Passwords>();
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
        app.Use(next => new Pipeline(next, role, app.Services.GetRequiredService<ServerContext>(), app.Services.GetRequiredService<RateLimits>()).InvokeAsync);
        app.MapGet("/health/live", () => TypedResults.Text("""{"status":"live"}""", "application/json")).ExcludeFromDescription();
        app.MapGet("/health/ready", async (Readiness readiness) =>
        {
            var missing = await readiness.MissingAsync();
            return missing.Length > 0
                ? (IResult)Refusal.NotReady(string.Join(" and ", missing))
                : TypedResults.Text("""{"status":"ready"}""", "application/json");
        }).ExcludeFromDescription();
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapOpenApi("/openapi/v1.json");
    }

    private static void Listen(KestrelServerOptions kestrel, ServerAddress address, UsersCertificate? certificate)
    {
        void Http1(ListenOptions listen)
        {
            listen.Protocols = HttpProtocols.Http1;
            if (certificate is not null)
            {
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(certificate.Options()) });
            }
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

/// <summary>Around every request: headers, the call's deadline and its checks, errors in one shape, measurement.</summary>
internal sealed class Pipeline(RequestDelegate next, Role role, ServerContext context, RateLimits limits)
{
    private readonly ILogger _logger = context.Logger(typeof(Pipeline));

    public async Task InvokeAsync(HttpContext http)
    {
        var started = context.Time.GetTimestamp();
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        if (http.Request.IsHttps)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }
        var function = http.GetEndpoint()?.Metadata.GetMetadata<Function>();
        Refusal? refusal;
        using (var deadline = new CancellationTokenSource(context.Settings.CallDeadline, context.Time))
        {
            refusal = await ServeAsync(http, function, deadline.Token);
        }
        if (refusal is not null && !http.Response.HasStarted)
        {
            await refusal.ExecuteAsync(http);
        }
        if (function is not null)
        {
            var outcome = http.Features.Get<Refusal>()?.Code ?? "ok";
            context.Metrics.FunctionServed(function.Name, outcome, context.Time.GetElapsedTime(started));
        }
    }

    private async Task<Refusal?> ServeAsync(HttpContext http, Function? function, CancellationToken deadline)
    {
        try
        {
            if (function is not null && limits.Count(http.Connection.RemoteIpAddress) is { } wait)
            {
                return Refusal.TooManyRequests(wait, "Too many calls from this address; wait a while, then go on more slowly.");
            }
            if (function is not null && Call.Begin(http, function, role, deadline) is (_, { } refusal))
            {
                return refusal;
            }
            await next(http);
            // What routing and HTTP refuse by themselves comes without a body.
            var response = http.Response;
            return response is { HasStarted: false, StatusCode: >= 400, ContentLength: null or 0, ContentType: null }
                ? Refusal.OfStatus(response.StatusCode, context.Settings.Limits)
                : null;
        }
        catch (UnavailableException e)
        {
            _logger.LogWarning("{Function} answers 503: {Reason} {Cause}", function?.Name, e.Message, e.InnerException?.Message);
            return Refusal.Unavailable(e.Part);
        }
        catch (BadHttpRequestException e)
        {
            return Refusal.OfStatus(e.StatusCode, context.Settings.Limits);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.InvalidArgument or StatusCode.OutOfRange)
        {
            // Our own checks should have found it; the database's are stricter somewhere.
            _logger.LogError(e, "{Function} passed on what a database finds invalid", function?.Name);
            return Refusal.OfStatus(400);
        }
        catch (Exception e) when (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // Nobody is there to be answered.
            return null;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return Refusal.Unavailable("The marketplace");
        }
        catch (Exception e)
        {
            _logger.LogError(e, "{Function} failed", function?.Name ?? http.Request.Path);
            return Refusal.OfStatus(500);
        }
    }
}
