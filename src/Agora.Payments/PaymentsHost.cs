using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Agora.Payments;

/// <summary>
/// The financial-transactions service: SOAP 1.1 at <c>/FinancialTransactions</c>, its WSDL at <c>?wsdl</c>.
/// </summary>
public static class PaymentsHost
{
    internal const string Path = "/FinancialTransactions";

    // The last millisecond of the year 9999.
    private const long MaxTime = 253_402_300_799_999;

    private static readonly string[] s_reading = ["GET", "HEAD"];

    /// <summary>Builds the service, not yet started. Its transactions lie in <paramref name="directory"/>.</summary>
    /// <param name="builder">The process's builder, with logging as the program wants it.</param>
    /// <param name="cluster">Says where it listens, and how it decides.</param>
    /// <param name="replica">Its number.</param>
    /// <param name="directory">Its own data directory; made if missing.</param>
    /// <param name="identity">Its identity, where it speaks HTTPS: then only buyer servers and operators may call
    /// it.</param>
    /// <exception cref="IOException">The directory cannot be used, or the host is not known; the message says which and
    /// why.</exception>
    public static WebApplication Build(
        WebApplicationBuilder builder, ClusterFile cluster, int replica, string directory, ComponentIdentity? identity = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(cluster);
        var address = cluster.Payments.Replicas[replica];
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(Resolve(address.Host), address.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                if (cluster.Payments.UsesHttps)
                {
                    var tls = (identity ?? throw new IOException("payments: HTTPS needs a certificate"))
                        .ForCallers(SslApplicationProtocol.Http11, Components.BuyerServer, ClusterSecrets.Operator);
                    listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls) });
                }
            });
            kestrel.Limits.MaxRequestBodySize = SoapEndpoint.MaxRequest;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.AddServerHeader = false;
        });
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => TransactionStore.Open(
            directory, cluster.Payments.Seed, cluster.Payments.ApprovalProbability, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<IFinancialTransactions, FinancialTransactions>();
        var secret = MerchantSecret.For(cluster.Payments, builder.Configuration[MerchantSecret.FileSetting]);
        var merchant = new Merchant(secret);
        builder.Services.AddSingleton(merchant);
        builder.Services.AddSingleton<SoapFaults>();
        builder.Services.AddSingleton<SoapEndpoint>();

        var app = builder.Build();
        // Opened now, so that an unusable directory is reported before anything is served.
        var store = app.Services.GetRequiredService<TransactionStore>();
        app.MapMethods("/health/live", s_reading, () => "live");
        app.MapMethods("/health/ready", s_reading, async () =>
        {
            await store.FindAsync("health");
            return "ready";
        });
        // Which charges stand.
        app.MapGet("/audit/approved", async (HttpContext http, long? since) =>
        {
            if (!merchant.IsCaller(http))
            {
                http.Response.Headers.WWWAuthenticate = Merchant.Challenge;
                return Results.Text(Merchant.Missing, statusCode: StatusCodes.Status401Unauthorized);
            }
            var time = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(since ?? 0, 0, MaxTime));
            return Results.Ok(await store.ApprovedAsync(time));
        });
        app.Map(Path, app.Services.GetRequiredService<SoapEndpoint>().ServeAsync);
        return app;
    }

    private static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return address;
        }
        try
        {
            return Dns.GetHostAddresses(host).OrderBy(a => a.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).First();
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            throw new FixableException(
                "the cluster file", $"the payment service's host '{host}' cannot be resolved here ({e.Message.TrimEnd('.')})",
                "Write an address, or a name that this host knows", e);
        }
    }
}
