using Agora.Cluster;
using Agora.Replication.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Customers;

/// <summary>One replica of the customers database.</summary>
public static class CustomersHost
{
    /// <summary>Opens the replica's store and wires its gRPC services; the result is not started yet.</summary>
    /// <param name="builder">The process's builder, with the program's logging.</param>
    /// <param name="cluster">Names every replica and the engine that orders commands.</param>
    /// <param name="replica">This replica's number.</param>
    /// <param name="directory">Its own data directory; created if missing.</param>
    /// <param name="identity">Its identity; without one it does not use TLS, which is for tests only.</param>
    /// <exception cref="IOException">The directory or the address cannot be used; the message says which
    /// and why.</exception>
    public static WebApplication Build(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        int replica,
        string directory,
        ComponentIdentity? identity = null
    )
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(cluster);
        builder.Services.AddSingleton(cluster.Limits);
        builder.AddReplica(
            cluster.Customers,
            Components.Customers,
            replica,
            directory,
            new CustomersStateMachine(),
            identity
        );
        builder.Services.AddSingleton<CustomersService>();
        var app = builder.Build();
        app.MapGrpcService<CustomersService>();
        app.MapReplica();
        return app;
    }
}
