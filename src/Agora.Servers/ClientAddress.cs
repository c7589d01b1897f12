using System.Net;
using Microsoft.AspNetCore.Http;

namespace Agora.Servers;

/// <summary>
/// What counts as one client for limits and turns: an IPv4 address, or an IPv6 /64, whose addresses all belong to one
/// user.
/// </summary>
internal static class ClientAddress
{
    /// <summary>The client of this call; <see cref="IPAddress.None"/> if the connection does not say.</summary>
    public static IPAddress Of(HttpContext http) => Of(http.Connection.RemoteIpAddress);

    /// <summary>The client of an address.</summary>
    public static IPAddress Of(IPAddress? address)
    {
        if (address is null)
        {
            return IPAddress.None;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(address))
        {
            return address;
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
