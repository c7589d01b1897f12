using System.Net;
using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// How a server listens for users: its address, the certificate that they see, and the limits on what they may send.
/// </summary>
internal static class UsersListener
{
    /// <param name="builder">The process's builder.</param>
    /// <param name="cluster">Names the certificate, if there is one.</param>
    /// <param name="address">Where to listen.</param>
    /// <param name="limits">What users may send.</param>
    /// <param name="use">Adds to the connections of the listener.</param>
    public static void AddTo(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        ServerAddress address,
        LimitSettings limits,
        Action<ListenOptions>? use = null
    )
    {
        var certificate = cluster.Https is { } https ? new UsersCertificate(https, TimeProvider.System) : null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = limits.BodyBytes;
            // Kestrel refuses without a body. So it accepts somewhat more than is allowed, and the pipeline refuses.
            kestrel.Limits.MaxRequestHeadersTotalSize = limits.HeaderBytes + RequestSize.OversizeBytes;
            kestrel.Limits.MaxRequestHeaderCount = 4 * RequestSize.MaxHeaders;
            kestrel.Limits.MaxRequestLineSize = limits.UrlBytes + RequestSize.OversizeBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MaxConcurrentConnections = limits.Connections;
            kestrel.Limits.KeepAliveTimeout = ConnectionLimits.KeepAliveTimeout;
            Listen(kestrel, address, certificate, use);
        });
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<RefusalLog>>();
            return new RefusalLog(
                provider.GetRequiredService<TimeProvider>(),
                line => logger.LogWarning("Refused, {Refused}", line)
            );
        });
        services.AddSingleton(provider => new ConnectionLimits(limits, provider.GetRequiredService<RefusalLog>()));
        services.AddSingleton(provider => new RateLimits(limits, provider.GetRequiredService<TimeProvider>()));
    }

    private static void Listen(
        KestrelServerOptions kestrel,
        ServerAddress address,
        UsersCertificate? certificate,
        Action<ListenOptions>? use
    )
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
            use?.Invoke(listen);
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
