using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Web.Operations;

/// <summary>The control room.</summary>
internal static class OperationsEndpoints
{
    /// <summary>Registers what the pages need.</summary>
    public static void AddOperations(
        this IServiceCollection services,
        ClusterFile cluster,
        int replica,
        string directory,
        ComponentIdentity? identity
    ) { }

    /// <summary>Maps the pages under <c>/operations</c>.</summary>
    public static void MapOperations(this WebApplication app) { }
}
