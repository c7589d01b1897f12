using Agora.Cluster;
using Agora.Contracts.Replication;
using Grpc.Net.Client;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>Compares the states of replicas.</summary>
internal static class ReplicaDigests
{
    /// <summary>Checks that all replicas of each database have applied and hold the same.</summary>
    public static async Task AgreeAsync(ClusterFile cluster, Func<string, int, GrpcChannel> open)
    {
        foreach (var database in new[] { cluster.Customers, cluster.Products })
        {
            var component = database == cluster.Customers ? Components.Customers : Components.Products;
            GrpcChannel[] channels = [.. database.Replicas.Select((_, i) => open(component, i))];
            try
            {
                var digests = await RunningMarketplace.UntilAsync(
                    "all replicas have applied the same",
                    async () =>
                    {
                        var replies = await Task.WhenAll(
                            channels.Select(async c =>
                                await new Replica.ReplicaClient(c).GetDigestAsync(
                                    new DigestRequest(),
                                    deadline: DateTime.UtcNow.AddSeconds(30)
                                )
                            )
                        );
                        return replies.Select(r => r.Position).Distinct().Count() == 1 ? replies : null;
                    }
                );
                Assert.Single(digests.Select(d => d.Digest).Distinct());
                Assert.True(digests[0].Position > 0);
            }
            finally
            {
                Array.ForEach(channels, c => c.Dispose());
            }
        }
    }
}
