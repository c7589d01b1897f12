using Agora.Client;
using Agora.Cluster;

namespace Agora.Web;

/// <summary>
/// The seller and buyer servers, and the connections to them that all users of this process share. A client of one user
/// is an object without connections of its own, made for one request.
/// </summary>
/// <param name="cluster">Names the servers.</param>
/// <param name="deadline">How long a page waits for the marketplace; <see cref="Deadline"/> by default.</param>
internal sealed class Marketplace(ClusterFile cluster, TimeSpan? deadline = null) : IDisposable
{
    /// <summary>
    /// To the server in use; further calls wait for one of them. A page makes several calls at once.
    /// </summary>
    private const int MaxConnections = 64;

    /// <summary>
    /// How long a page waits for the marketplace, with all changes of servers. Longer than a killed server or leader
    /// takes to be replaced, and no longer than people wait.
    /// </summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(12);

    /// <summary>The buyer servers.</summary>
    public ReplicaList Buyers { get; } = new(cluster.AddressesOf(cluster.BuyerServers), Options(cluster, deadline));

    /// <summary>The seller servers.</summary>
    public ReplicaList Sellers { get; } = new(cluster.AddressesOf(cluster.SellerServers), Options(cluster, deadline));

    /// <summary>A buyer's view, or a visitor's if there is no token.</summary>
    public BuyerClient Buyer(string? token) => new(Buyers) { Token = token };

    /// <summary>A seller's view.</summary>
    public SellerClient Seller(string? token) => new(Sellers) { Token = token };

    /// <inheritdoc/>
    public void Dispose()
    {
        Buyers.Dispose();
        Sellers.Dispose();
    }

    private static ReplicaOptions Options(ClusterFile cluster, TimeSpan? deadline) =>
        new()
        {
            Connections = MaxConnections,
            Deadline = deadline ?? Deadline,
            Authority = cluster.Https?.Authority,
        };
}
