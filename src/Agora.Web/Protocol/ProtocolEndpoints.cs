using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Web.Protocol;

/// <summary>The protocol, to play with.</summary>
internal static class ProtocolEndpoints
{
    /// <summary>Registers what the pages need.</summary>
    public static void AddProtocol(this IServiceCollection services) { }

    /// <summary>Maps the pages under <c>/protocol</c>.</summary>
    public static void MapProtocol(this WebApplication app) { }
}
