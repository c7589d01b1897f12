using System.Net;
using System.Net.Security;
using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Agora.Telemetry;

/// <summary>
/// A process's port for operators: <c>/health/live</c>, <c>/health/ready</c> and <c>/metrics</c>. On a loopback address
/// in the clear; on any other with TLS, and the caller shows a certificate of the cluster.
/// </summary>
internal static class OperatorsListener
{
    /// <summary>Everybody whom the cluster's authority knows: what is told here are counts, not content.</summary>
    private static readonly string[] s_callers =
    [
        Components.Web,
        Components.Payments,
        Components.SellerServer,
        Components.BuyerServer,
        Components.Customers,
        Components.Products,
        ClusterSecrets.Operator,
        ClusterSecrets.Metrics,
    ];

    /// <summary>The path at which a process says that it runs, and of which build it is.</summary>
    public const string LivePath = "/health/live";

    // A Prometheus or two, probes, and a supervisor.
    private const int MaxConnections = 100;

    private static readonly TimeSpan s_headersTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Opens the port; null if there is none.</summary>
    /// <param name="endpoint">The port.</param>
    /// <param name="identity">The process's identity.</param>
    /// <param name="telemetry">Knows the metrics.</param>
    /// <param name="notReady">Why the process does not serve now; null if it does.</param>
    /// <exception cref="IOException">The port cannot be opened.</exception>
    public static async Task<WebApplication?> StartAsync(
        ClusterEndpoint? endpoint,
        ComponentIdentity? identity,
        ProcessTelemetry telemetry,
        Func<string?> notReady
    )
    {
        if (endpoint is null)
        {
            return null;
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, endpoint, identity));
        var app = builder.Build();
        var metrics = telemetry.Metrics(app);
        app.Run(http =>
            http.Request.Path.Value switch
            {
                _ when !HttpMethods.IsGet(http.Request.Method) => Answer(http, 405, "only GET"),
                LivePath => Answer(http, 200, "live"),
                "/health/ready" => notReady() is { } why ? Answer(http, 503, why) : Answer(http, 200, "ready"),
                ProcessTelemetry.MetricsPath => metrics(http),
                _ => Answer(http, 404, "/health/live, /health/ready, /metrics"),
            }
        );
        try
        {
            await app.StartAsync();
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private static void Listen(KestrelServerOptions kestrel, ClusterEndpoint endpoint, ComponentIdentity? identity)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.RequestHeadersTimeout = s_headersTimeout;
        kestrel.Limits.MaxRequestBodySize = 0;
        kestrel.Listen(
            AddressOf(endpoint.Host),
            endpoint.Port,
            listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                if (Loopback.Is(endpoint.Host))
                {
                    return;
                }

                var tls = (
                    identity ?? throw new IOException($"the operators' port {endpoint.Address} needs a certificate")
                ).ServerOptions(SslApplicationProtocol.Http11, s_callers);
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls) });
            }
        );
    }

    // A name may be an address that only others see, as with a container's published port.
    private static IPAddress AddressOf(string host) =>
        IPAddress.TryParse(host, out var address) ? address
        : Loopback.Is(host) ? IPAddress.Loopback
        : IPAddress.Any;

    private static Task Answer(HttpContext http, int status, string text)
    {
        http.Response.Headers[ProgramBuild.Header] = ProgramBuild.Current;
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(text + "\n", http.RequestAborted);
    }
}
