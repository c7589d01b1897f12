using Agora.Cluster;

namespace Agora.Chaos;

/// <summary>How many replicas each component has, as far as faults need it.</summary>
internal sealed record ReplicaCounts(int SellerServers, int BuyerServers, int Customers, int Products)
{
    public static ReplicaCounts Of(ClusterFile file) =>
        new(
            file.SellerServers.Replicas.Count,
            file.BuyerServers.Replicas.Count,
            file.Customers.Replicas.Count,
            file.Products.Replicas.Count
        );

    public int Count(string component) =>
        component switch
        {
            Components.SellerServer => SellerServers,
            Components.BuyerServer => BuyerServers,
            Components.Customers => Customers,
            Components.Products => Products,
            _ => 1,
        };

    /// <summary>
    /// How many of a component may be bad at once without breaking a promise: a minority of the products replicas, one
    /// customers replica, all servers of a kind but one.
    /// </summary>
    public int MaxBad(string component) =>
        component switch
        {
            Components.Products => (Products - 1) / 2,
            Components.Customers or Components.Payments => 1,
            _ => Count(component) - 1,
        };
}
