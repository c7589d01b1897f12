using Agora.Cluster;

namespace Agora.Testing;

/// <summary>Clusters that run beside a marketplace that is up.</summary>
internal static class ClusterOnFreePorts
{
    /// <summary>The same cluster, with every endpoint on a free port of its own.</summary>
    public static ClusterFile OnFreePorts(this ClusterFile cluster)
    {
        Queue<int> ports = new(FreePorts.Take(cluster.Processes().Sum(p => p.Endpoints.Count)));
        return cluster
            .WithoutOperatorsPorts()
            .WithAddresses(
                (_, _, address) => address with { Port = ports.Dequeue() },
                (_, _, address) => address with { GrpcPort = ports.Dequeue(), PeerPort = ports.Dequeue() }
            );
    }
}
