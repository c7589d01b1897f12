using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Replication.Hosting;

/// <summary>Asks the other replicas of a database over gRPC, whichever engine orders their commands.</summary>
internal sealed class ReplicaPeers : IDisposable
{
    private static readonly TimeSpan s_answerTimeout = TimeSpan.FromSeconds(1);

    private readonly Metadata _headers;
    private readonly (int Replica, Lazy<GrpcChannel> Channel)[] _others;

    public ReplicaPeers(DatabaseGroup group, ReplicaOwner self, ComponentIdentity? identity)
    {
        _headers = new Metadata { { GroupCheck.Header, self.Group.ToString() } };
        _others =
        [
            .. group
                .Replicas.Index()
                .Where(other => other.Index != self.Replica)
                .Select(other =>
                    (
                        other.Index,
                        new Lazy<GrpcChannel>(() =>
                            ReplicaChannel.Open(
                                other.Item,
                                identity?.ClientOptions(identity.Component, other.Index),
                                (handler, _) => handler.ConnectTimeout = s_answerTimeout
                            )
                        )
                    )
                ),
        ];
    }

    /// <summary>The numbers of the others.</summary>
    public IReadOnlyList<int> Others => [.. _others.Select(other => other.Replica)];

    /// <summary>Asks another replica; null if it does not answer in time.</summary>
    public async Task<T?> AskAsync<T>(
        int replica,
        Func<ReplicaPeer.ReplicaPeerClient, CallOptions, AsyncUnaryCall<T>> question,
        CancellationToken cancellationToken
    )
        where T : class
    {
        CallOptions options = new(
            _headers,
            deadline: TimeProvider.System.GetUtcNow().UtcDateTime + s_answerTimeout,
            cancellationToken: cancellationToken
        );
        try
        {
            var channel = Array.Find(_others, other => other.Replica == replica).Channel.Value;
            using var call = question(new ReplicaPeer.ReplicaPeerClient(channel), options);
            return await call;
        }
        catch (RpcException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return null;
        }
    }

    public void Dispose()
    {
        foreach (var (_, channel) in _others)
        {
            if (channel.IsValueCreated)
            {
                channel.Value.Dispose();
            }
        }
    }
}
