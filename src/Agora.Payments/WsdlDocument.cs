using System.Net;
using System.Security;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Agora.Payments;

/// <summary>The WSDL, with the address by which its reader reached the service.</summary>
internal static class WsdlDocument
{
    private const string LocationPlaceholder = "LOCATION";

    private static readonly string s_wsdl = Read();

    public static byte[] For(HttpContext http) =>
        Encoding.UTF8.GetBytes(
            s_wsdl.Replace(LocationPlaceholder, SecurityElement.Escape(Location(http)), StringComparison.Ordinal)
        );

    // The Host header is the caller's word. If it is no address, the connection's own address is used.
    private static string Location(HttpContext http)
    {
        var host = http.Request.Host;
        var isAddress =
            host.HasValue
            && Uri.TryCreate($"{http.Request.Scheme}://{host.Value}/", UriKind.Absolute, out var uri)
            && uri is { UserInfo: "", Port: > 0, PathAndQuery: "/", Fragment: "" }
            && Uri.CheckHostName(host.Host.Trim('[', ']')) != UriHostNameType.Unknown;
        return $"{http.Request.Scheme}://{(isAddress ? host.Value : Local(http.Connection))}{PaymentsHost.Path}";
    }

    private static string Local(ConnectionInfo connection)
    {
        var address = connection.LocalIpAddress ?? IPAddress.Loopback;
        return new IPEndPoint(
            address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address,
            connection.LocalPort
        ).ToString();
    }

    private static string Read()
    {
        using var stream = typeof(WsdlDocument).Assembly.GetManifestResourceStream("FinancialTransactions.wsdl")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
