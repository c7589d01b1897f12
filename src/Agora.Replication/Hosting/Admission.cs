using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Agora.Cluster;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Hosting;

/// <summary>
/// Lets each caller of a replica call what <see cref="Callers"/> says. Its certificate, which TLS has verified, says
/// who it is.
/// </summary>
internal sealed class Admission : IDisposable
{
    // One certificate a connection; read once.
    private readonly ConditionalWeakTable<X509Certificate2, string> _components = [];
    private readonly string? _database;
    private readonly RefusalLog _refusals;

    /// <param name="identity">The replica's; without one, as in tests, anyone may call everything.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Gets the refusals.</param>
    public Admission(ComponentIdentity? identity, TimeProvider time, ILogger<Admission> logger)
    {
        _database = identity?.Component;
        _refusals = new RefusalLog(time, line => logger.LogWarning("Calls refused, {Refused}", line));
    }

    /// <exception cref="RpcException">The caller may not call this.</exception>
    public void Check(ServerCallContext context, object? request)
    {
        if (_database is null)
        {
            return;
        }

        var http = context.GetHttpContext();
        var certificate = http.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        var component = certificate is null
            ? "nobody"
            : _components.GetValue(certificate, ComponentIdentity.ComponentOf);
        if (!Callers.May(component, _database, context.Method, request))
        {
            _refusals.Count($"{context.Method} is not for {component}", $"{http.Connection.RemoteIpAddress}");
            throw new RpcException(
                new Status(StatusCode.PermissionDenied, $"{context.Method}, or this use of it, is not for {component}.")
            );
        }
    }

    /// <summary>Whether the other end of a connection is a replica of the same database.</summary>
    public bool IsPeer(IFeatureCollection connection) =>
        _database is null
        || (
            connection.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate
            && ComponentIdentity.ComponentOf(certificate) == _database
        );

    public void Dispose() => _refusals.Dispose();
}
