using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Agora.Replication.Raft;

/// <summary>
/// A replica as the library knows it: by its number. Only a socket that connects to it learns where it is then.
/// </summary>
/// <remarks>
/// The library uses one value for both: it makes the member's id from it, and connects to it. An address in its place
/// would change the member's id where a host gets another one, or is reached by a relay. The library makes the id of a
/// <see cref="UriEndPoint"/> from the URI; a socket asks for <see cref="AddressFamily"/> and <see cref="Serialize"/>
/// each time that it connects. The library's other transport takes connections that the caller makes, but then has
/// neither its TLS nor its timeouts.
/// </remarks>
/// <param name="replica">The replica's number.</param>
/// <param name="where">Its address now; null for a replica that nothing connects to.</param>
internal sealed class ReplicaEndPoint(int replica, PeerAddress? where)
    : UriEndPoint(new Uri(string.Create(null, $"agora://replica/{replica}")))
{
    // The library connects with sockets of both families, where the system has both. Such a socket takes IPv4
    // addresses in IPv6 form.
    private static readonly bool s_isDual = Socket.OSSupportsIPv6;

    /// <inheritdoc/>
    public override AddressFamily AddressFamily => s_isDual ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;

    /// <exception cref="SocketException">Its host's name has never been found.</exception>
    public override SocketAddress Serialize() =>
        where?.Current is { } address
            ? new IPEndPoint(s_isDual ? address.Address.MapToIPv6() : address.Address, address.Port).Serialize()
            : throw new SocketException((int)SocketError.HostNotFound);

    /// <inheritdoc/>
    public override EndPoint Create(SocketAddress socketAddress) =>
        new IPEndPoint(IPAddress.IPv6Any, 0).Create(socketAddress);
}
