using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Replication.Raft;

/// <summary>Asks other replicas, over gRPC, for a position that a read must reflect.</summary>
internal sealed class PeerReadPositions(DatabaseGroup group) : IDisposable
{
    private readonly Lazy<GrpcChannel>[] _channels =
        [.. group.Replicas.Select(r => new Lazy<GrpcChannel>(() => GrpcChannel.ForAddress($"http://{r.Host}:{r.GrpcPort}")))];

    /// <exception cref="ReplicaUnavailableException">The replica cannot be reached, or does not lead.</exception>
    public async Task<long> AskAsync(int replica, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Replica.ReplicaClient client = new(_channels[replica].Value);
        try
        {
            var deadline = TimeProvider.System.GetUtcNow().UtcDateTime + timeout;
            var reply = await client.GetReadPositionAsync(new ReadPositionRequest(), deadline: deadline, cancellationToken: cancellationToken);
            return reply.Position;
        }
        catch (RpcException e)
        {
            throw new ReplicaUnavailableException($"Replica {replica} does not confirm that it leads: {e.Status.Detail}", null, e);
        }
        catch (ObjectDisposedException e)
        {
            throw new ReplicaUnavailableException("This replica is stopping.", null, e);
        }
    }

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            if (channel.IsValueCreated)
            {
                channel.Value.Dispose();
            }
        }
    }
}
