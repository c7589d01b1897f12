using System.Net.Security;
using Grpc.Net.Client;

namespace Agora.Cluster;

/// <summary>gRPC channels to database replicas.</summary>
public static class ReplicaChannel
{
    /// <summary>Opens a channel; it connects at its first call.</summary>
    /// <param name="address">The replica.</param>
    /// <param name="tls">The caller's identity, and the one expected of the replica; null for plain HTTP/2.</param>
    /// <param name="configure">Sets the caller's further options.</param>
    public static GrpcChannel Open(
        DatabaseAddress address,
        SslClientAuthenticationOptions? tls,
        Action<SocketsHttpHandler, GrpcChannelOptions> configure
    )
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(configure);
        // What replicas ask each other belongs to no call of a user's.
        SocketsHttpHandler handler = new()
        {
            UseProxy = false,
            SslOptions = tls!,
            ActivityHeadersPropagator = null,
        };
        GrpcChannelOptions options = new() { HttpHandler = handler, DisposeHttpClient = true };
        configure(handler, options);
        var scheme = tls is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
        return GrpcChannel.ForAddress(
            new UriBuilder(scheme, address.Dial().Host, address.Dial().GrpcPort).Uri,
            options
        );
    }
}
