using Agora.Cluster;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Evaluation;

/// <summary>All replicas of both databases, called directly.</summary>
internal sealed class Databases : IDisposable
{
    // The servers settle a purchase whose server died within about a minute: it counts as left after 30 s, and they
    // look every 15 s.
    public static readonly TimeSpan RetryTimeout = TimeSpan.FromSeconds(90);
    public static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    private readonly List<GrpcChannel> _channels = [];

    public Databases(ClusterFile cluster, ComponentIdentity? identity)
    {
        Customers = Connect(Components.Customers, cluster.Customers, identity);
        Products = Connect(Components.Products, cluster.Products, identity);
    }

    public IReadOnlyList<AuditedReplica> Customers { get; }

    public IReadOnlyList<AuditedReplica> Products { get; }

    /// <summary>
    /// The products replica that says that it leads; null where none does, as in an election or with another engine.
    /// </summary>
    public async Task<AuditedReplica?> ProductsLeaderAsync(CancellationToken cancellationToken)
    {
        var leads = await Task.WhenAll(
            Products.Select(async replica =>
            {
                try
                {
                    return (
                            await replica.Replica.GetStatusAsync(
                                new(),
                                deadline: CallDeadline(),
                                cancellationToken: cancellationToken
                            )
                        ).Role == "leader";
                }
                catch (RpcException) when (!cancellationToken.IsCancellationRequested)
                {
                    return false;
                }
            })
        );
        return Products.Zip(leads).FirstOrDefault(pair => pair.Second).First;
    }

    /// <summary>The deadline of a call that begins now; long enough for a digest of a large database.</summary>
    private static DateTime CallDeadline() => DateTime.UtcNow.AddSeconds(30);

    /// <summary>
    /// Calls until there is an answer: a replica that the supervisor has just restarted may not serve yet.
    /// </summary>
    public static async Task<T> AskAsync<T>(
        Func<CallOptions, AsyncUnaryCall<T>> ask,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        PollDeadline deadline = new(RetryTimeout, time);
        while (true)
        {
            try
            {
                return await ask(new(deadline: CallDeadline(), cancellationToken: cancellationToken));
            }
            catch (RpcException e)
                when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded && !deadline.HasPassed())
            {
                await Task.Delay(RetryPause, time, cancellationToken);
            }
            catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new EvaluationException($"the books cannot be read: {e.Status.Detail}", e);
            }
        }
    }

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }

    private AuditedReplica[] Connect(string component, DatabaseGroup group, ComponentIdentity? identity) =>
        [
            .. group.Replicas.Select(
                (address, number) =>
                {
                    var channel = ReplicaChannel.Open(
                        address,
                        identity?.ClientOptions(component, number),
                        (handler, options) =>
                        {
                            handler.ConnectTimeout = TimeSpan.FromSeconds(2);
                            options.MaxReceiveMessageSize = 16 << 20;
                        }
                    );
                    _channels.Add(channel);
                    return new AuditedReplica(component, number, channel.CreateCallInvoker());
                }
            ),
        ];
}
