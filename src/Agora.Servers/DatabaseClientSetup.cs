using Agora.Cluster;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>What a server builds both of its database clients with.</summary>
internal sealed record DatabaseClientSetup(
    ServerSettings Settings,
    TimeProvider Time,
    ServerMetrics Metrics,
    ILoggerFactory Loggers,
    ComponentIdentity? Identity
)
{
    /// <summary>Interceptors of every call, the outermost first.</summary>
    public IReadOnlyList<Interceptor> Interceptors { get; init; } = [];
}
