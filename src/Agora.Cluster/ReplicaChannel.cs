using System.Net.Security;
using Grpc.Net.Client;

namespace Agora.Cluster;

/// <summary>gRPC channels to database replicas.</summary>
/// <remarks>
/// A name is looked up for each new connection. A host that dies or gets another address closes no connection, and TCP
/// notices it only after minutes; so every channel gives up a connection on which nothing is answered, and the next
/// call makes a new one.
/// </remarks>
public static class ReplicaChannel
{
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(3);

    /// <summary>Opens a channel; it connects at its first call.</summary>
    /// <param name="address">The replica.</param>
    /// <param name="tls">The caller's identity, and the one expected of the replica; null for plain HTTP/2.</param>
    /// <param name="configure">Sets the caller's further options; null if it has none.</param>
    public static GrpcChannel Open(
        DatabaseAddress address,
        SslClientAuthenticationOptions? tls,
        Action<SocketsHttpHandler, GrpcChannelOptions>? configure = null
    )
    {
        ArgumentNullException.ThrowIfNull(address);
        // What replicas ask each other belongs to no call of a user's.
        SocketsHttpHandler handler = new()
        {
            UseProxy = false,
            SslOptions = tls!,
            ActivityHeadersPropagator = null,
            ConnectTimeout = s_connectTimeout,
            KeepAlivePingDelay = s_keepAlive,
            KeepAlivePingTimeout = s_keepAlive,
        };
        GrpcChannelOptions options = new() { HttpHandler = handler, DisposeHttpClient = true };
        configure?.Invoke(handler, options);
        var scheme = tls is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
        return GrpcChannel.ForAddress(
            new UriBuilder(scheme, address.Dial().Host, address.Dial().GrpcPort).Uri,
            options
        );
    }
}
