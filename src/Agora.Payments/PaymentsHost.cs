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
using Microsoft.Extensions.Logging;
using SoapCore;
using SoapCore.Extensibility;

namespace Agora.Payments;

/// <summary>The financial-transactions service: SOAP 1.1 at <c>/FinancialTransactions</c>, its WSDL at <c>?wsdl</c>.</summary>
public static class PaymentsHost
{
    private const string Path = "/FinancialTransactions";

    /// <summary>Builds the service, not yet started. Its transactions lie in <paramref name="directory"/>.</summary>
    /// <param name="builder">The process's builder, with logging as the program wants it.</param>
    /// <param name="cluster">Says where it listens, and how it decides.</param>
    /// <param name="replica">Its number.</param>
    /// <param name="directory">Its own data directory; made if missing.</param>
    /// <param name="identity">Its identity, where it speaks HTTPS: then only buyer servers and operators may call it.</param>
    /// <exception cref="IOException">The directory cannot be used, or the host is not known; the message says which and why.</exception>
    public static WebApplication Build(WebApplicationBuilder builder, ClusterFile cluster, int replica, string directory, ComponentIdentity? identity = null)
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
            kestrel.Limits.MaxRequestBodySize = SoapAdmission.LargestRequest;
            kestrel.AddServerHeader = false;
        });
        // It logs every refused card as an error; what is one is logged by SoapFaults.
        builder.Logging.AddFilter("SoapCore", LogLevel.None);

        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => TransactionStore.Open(
            directory, cluster.Payments.Seed, cluster.Payments.ApprovalProbability, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<IFinancialTransactions, FinancialTransactions>();
        builder.Services.AddSoapCore();
        builder.Services.AddSingleton<IFaultExceptionTransformer, SoapFaults>();

        var app = builder.Build();
        // Opened now, so that an unusable directory is reported before anything is served.
        var store = app.Services.GetRequiredService<TransactionStore>();
        app.MapGet("/health/live", () => "live");
        app.MapGet("/health/ready", async () =>
        {
            await store.FindAsync("health");
            return "ready";
        });
        // For auditors on this host: which charges stand. Nobody else is told that the path exists.
        app.MapGet("/audit/approved", async (HttpContext context, long? since) =>
            context.Connection.RemoteIpAddress is { } caller && (IPAddress.IsLoopback(caller) || caller.Equals(context.Connection.LocalIpAddress))
                ? Results.Ok(await store.ApprovedAsync(DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(since ?? 0, 0, 253_402_300_799_999))))
                : Results.NotFound());
        app.Use((context, next) => context.Request.Path.StartsWithSegments(Path) ? SoapAdmission.AdmitAsync(context, next) : next(context));
        ((IApplicationBuilder)app).UseSoapEndpoint<IFinancialTransactions>(soap =>
        {
            soap.Path = Path;
            // On the wire the same as the DataContractSerializer of System.ServiceModel's clients; but the WSDL made for that one names
            // types that it does not define.
            soap.SoapSerializer = SoapSerializer.XmlSerializer;
            soap.EncoderOptions = [new SoapEncoderOptions { OverwriteResponseContentType = true }];
            soap.HttpPostEnabled = false;
            soap.HttpsPostEnabled = false;
            soap.IndentXml = false;
            soap.OmitXmlDeclaration = false;
        });
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
