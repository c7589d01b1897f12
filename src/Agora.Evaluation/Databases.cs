using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Evaluation;

/// <summary>One replica of a database, reached directly: an auditor may see what REST does not show.</summary>
internal sealed class DatabaseReplica(string component, int number, CallInvoker calls)
{
    public string Component => component;

    public string Name => FormattableString.Invariant($"{component}/{number}");

    public Replica.ReplicaClient Itself { get; } = new(calls);

    public Customers.CustomersClient Customers { get; } = new(calls);

    public Products.ProductsClient Products { get; } = new(calls);
}

/// <summary>All replicas of both databases.</summary>
internal sealed class Databases : IDisposable
{
    private readonly List<GrpcChannel> _channels = [];

    public Databases(ClusterFile cluster, ComponentIdentity? identity)
    {
        Customers = Connect(Components.Customers, cluster.Customers, identity);
        Products = Connect(Components.Products, cluster.Products, identity);
    }

    public IReadOnlyList<DatabaseReplica> Customers { get; }

    public IReadOnlyList<DatabaseReplica> Products { get; }

    /// <summary>Which of the products replicas says that it leads; null where none does, as in an election or with another engine.</summary>
    public async Task<DatabaseReplica?> ProductsLeaderAsync(CancellationToken cancel)
    {
        var leads = await Task.WhenAll(Products.Select(async replica =>
        {
            try
            {
                return (await replica.Itself.GetStatusAsync(new(), deadline: Deadline(), cancellationToken: cancel)).Role == "leader";
            }
            catch (RpcException) when (!cancel.IsCancellationRequested)
            {
                return false;
            }
        }));
        return Products.Zip(leads).FirstOrDefault(pair => pair.Second).First;
    }

    /// <summary>Of each question's answer; long enough for a digest of a large database.</summary>
    public static DateTime Deadline() => DateTime.UtcNow.AddSeconds(30);

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }

    private DatabaseReplica[] Connect(string component, DatabaseGroup group, ComponentIdentity? identity) =>
    [
        .. group.Replicas.Select((address, number) =>
        {
            var channel = GrpcChannel.ForAddress(new UriBuilder(identity is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, address.Host, address.GrpcPort).Uri, new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler
                {
                    UseProxy = false,
                    ConnectTimeout = TimeSpan.FromSeconds(2),
                    SslOptions = identity?.Towards(component, number),
                },
                MaxReceiveMessageSize = 16 << 20,
            });
            _channels.Add(channel);
            return new DatabaseReplica(component, number, channel.CreateCallInvoker());
        }),
    ];
}
