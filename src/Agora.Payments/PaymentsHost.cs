using System.Net.Security;
using Agora.Cluster;
using Agora.Contracts.Payments;
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
    /// <summary>Where the merchant gets a copy of the books, for a back-up: an SQLite file.</summary>
    public const string CopyPath = "/audit/copy";

    internal const string Path = "/FinancialTransactions";

    private const string CopyPrefix = "copy-";

    // The last millisecond of the year 9999.
    private const long MaxTime = 253_402_300_799_999;

    // Four buyer servers need some dozens.
    private const int MaxConnections = 1_000;

    private static readonly string[] s_reading = ["GET", "HEAD"];
    private static readonly SemaphoreSlim s_copying = new(1, 1);

    /// <summary>Builds the service without starting it. Its transactions are in <paramref name="directory"/>.</summary>
    /// <param name="builder">The process's builder, with logging configured.</param>
    /// <param name="cluster">Where the service listens, and how it decides.</param>
    /// <param name="replica">Its number.</param>
    /// <param name="directory">Its data directory; created if missing.</param>
    /// <param name="identity">Its identity if it speaks HTTPS: then only buyer servers and operators may call
    /// it.</param>
    /// <exception cref="IOException">The directory cannot be used, or the host name cannot be resolved; the message
    /// says which and why.</exception>
    public static WebApplication Build(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        int replica,
        string directory,
        ComponentIdentity? identity = null
    )
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(cluster);
        var address = cluster.Payments.Replicas[replica];
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(
                HostNames.Resolve(address.Host),
                address.Port,
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    if (cluster.Payments.UsesHttps)
                    {
                        // Its own probe asks it under its own name.
                        var tls = (
                            identity ?? throw new IOException("payments: HTTPS needs a certificate")
                        ).ServerOptions(
                            SslApplicationProtocol.Http11,
                            Components.BuyerServer,
                            ClusterSecrets.Operator,
                            Components.Payments
                        );
                        listen.UseHttps(
                            new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls) }
                        );
                    }
                }
            );
            kestrel.Limits.MaxRequestBodySize = SoapEndpoint.MaxRequestBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;

            // Longer than the buyer servers keep a connection that they do not use, so that it is they who end it.
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(75);
            kestrel.AddServerHeader = false;
        });
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services =>
            TransactionStore.Open(
                directory,
                cluster.Payments.Seed,
                cluster.Payments.ApprovalProbability,
                services.GetRequiredService<TimeProvider>()
            )
        );
        builder.Services.AddSingleton<IFinancialTransactions, FinancialTransactions>();
        var secret = MerchantSecret.For(cluster.Payments, builder.Configuration[MerchantSecret.FileSetting]);
        var merchant = new Merchant(secret);
        builder.Services.AddSingleton(merchant);
        builder.Services.AddSingleton<SoapFaults>();
        builder.Services.AddSingleton<SoapEndpoint>();

        var app = builder.Build();
        // Opened now, so that an unusable directory is reported before the service starts.
        var store = app.Services.GetRequiredService<TransactionStore>();
        app.MapMethods("/health/live", s_reading, () => "live");
        app.MapMethods(
            "/health/ready",
            s_reading,
            async () =>
            {
                await store.FindAsync("health");
                return "ready";
            }
        );
        // The charges that were not undone.
        app.MapGet(
            "/audit/approved",
            async (HttpContext http, long? since) =>
            {
                if (!merchant.IsCaller(http))
                {
                    return Refuse(http);
                }

                var time = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(since ?? 0, 0, MaxTime));
                return Results.Ok(await store.ApprovedAsync(time));
            }
        );
        app.MapGet(
            CopyPath,
            async (HttpContext http) =>
                merchant.IsCaller(http) ? await CopyAsync(store, directory, http.RequestAborted) : Refuse(http)
        );
        app.Map(Path, app.Services.GetRequiredService<SoapEndpoint>().ServeAsync);
        return app;
    }

    private static IResult Refuse(HttpContext http)
    {
        http.Response.Headers.WWWAuthenticate = Merchant.Challenge;
        return Results.Text(Merchant.HowToIdentify, statusCode: StatusCodes.Status401Unauthorized);
    }

    // The file is gone once it is sent; what a process that was killed left behind goes with the next copy.
    private static async Task<IResult> CopyAsync(
        TransactionStore store,
        string directory,
        CancellationToken cancellationToken
    )
    {
        await s_copying.WaitAsync(cancellationToken);
        FileStream copy;
        try
        {
            foreach (var left in Directory.GetFiles(directory, CopyPrefix + "*"))
            {
                File.Delete(left);
            }

            var path = System.IO.Path.Combine(directory, $"{CopyPrefix}{Guid.NewGuid():N}.db");
            await Task.Run(() => store.CopyAsync(path), CancellationToken.None);
            copy = new FileStream(
                path,
                FileMode.Open,
                FileAccess.Read,
                FileShare.Read | FileShare.Delete,
                1 << 16,
                FileOptions.Asynchronous | FileOptions.SequentialScan
            );

            // It stays readable until it is closed.
            File.Delete(path);
        }
        finally
        {
            s_copying.Release();
        }

        return Results.Stream(copy, "application/vnd.sqlite3");
    }
}
