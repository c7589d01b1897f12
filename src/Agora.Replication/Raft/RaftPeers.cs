using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Replication.Raft;

/// <summary>What a replica asks the others over gRPC, beside the protocol.</summary>
internal sealed class RaftPeers(DatabaseGroup group, ComponentIdentity? identity) : IDisposable
{
    private readonly Lazy<GrpcChannel>[] _channels =
        [.. group.Replicas.Select((r, number) => new Lazy<GrpcChannel>(() => Connect(r, number, identity)))];

    /// <summary>A position that a read must reflect, from the replica that leads.</summary>
    /// <exception cref="ReplicaUnavailableException">The replica cannot be reached, or does not lead.</exception>
    public async Task<long> ReadPositionAsync(int replica, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Replica.ReplicaClient client = new(_channels[replica].Value);
        try
        {
            var reply = await client.GetReadPositionAsync(new ReadPositionRequest(), null, Deadline(timeout), cancellationToken);
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

    /// <summary>The lowest position that every other replica holds durably in its state; null where one does not answer.</summary>
    public async Task<long?> LowestDurableAsync(int self, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            var replies = await Task.WhenAll(_channels.Where((_, i) => i != self).Select(channel =>
                new Replica.ReplicaClient(channel.Value).GetStatusAsync(new StatusRequest(), null, Deadline(timeout), cancellationToken).ResponseAsync));
            return replies.Select(r => r.Durable).DefaultIfEmpty(long.MaxValue).Min();
        }
        catch (RpcException)
        {
            return null;
        }
    }

    private static GrpcChannel Connect(DatabaseAddress address, int replica, ComponentIdentity? identity) => GrpcChannel.ForAddress(
        new UriBuilder(identity is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, address.Dial().Host, address.Dial().GrpcPort).Uri,
        new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
                SslOptions = identity?.Towards(identity.Component, replica),
            },
            DisposeHttpClient = true,
        });

    private static DateTime Deadline(TimeSpan timeout) => TimeProvider.System.GetUtcNow().UtcDateTime + timeout;

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
