using System.Net.Security;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Replication.Raft;

/// <summary>
/// What a replica asks the others beside Raft itself: over gRPC, and for their reports on connections of their own.
/// </summary>
internal sealed class RaftPeers : IDisposable
{
    private static readonly TimeSpan s_answerTimeout = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(3);

    // Enough for a state of several gigabytes on a slow network. A replica that is stopped gives up at once.
    private static readonly TimeSpan s_fetchTimeout = TimeSpan.FromMinutes(10);

    private readonly int _self;
    private readonly Lazy<GrpcChannel>[] _channels;
    private readonly ReportLink[] _links;

    public RaftPeers(DatabaseGroup group, int self, ComponentIdentity? identity)
    {
        _self = self;
        _channels =
        [
            .. group.Replicas.Select((r, number) => new Lazy<GrpcChannel>(() => Connect(r, number, identity))),
        ];
        _links =
        [
            .. group.Replicas.Select(
                (r, number) =>
                    new ReportLink(
                        cancellationToken =>
                            ConnectForReportsAsync(
                                r.Dial(),
                                identity?.ClientOptions(identity.Component, number),
                                cancellationToken
                            ),
                        TimeProvider.System
                    )
            ),
        ];
    }

    /// <summary>
    /// The numbers of the others, beginning after this replica's own, so that not all ask the same one.
    /// </summary>
    public IEnumerable<int> Others =>
        Enumerable.Range(1, _channels.Length - 1).Select(i => (_self + i) % _channels.Length);

    /// <summary>What another replica knows at some moment after the call, as far as it answers in time.</summary>
    /// <exception cref="IOException">It cannot be reached, or is not in the group.</exception>
    public Task<TermReport> ReportAsync(int replica) => _links[replica].AskAsync();

    /// <summary>The replica has not answered the latest question yet, or could not be asked.</summary>
    public bool IsSilent(int replica) => _links[replica].IsSilent;

    /// <summary>
    /// How long ago another replica's last report came, and how long it had taken; null if none has come.
    /// </summary>
    public (TimeSpan? Ago, TimeSpan? RoundTrip) LastReport(int replica) => _links[replica].LastAnswer;

    /// <summary>
    /// What each of the others holds, which leader it knows and which term it has reached; null for each that does not
    /// answer.
    /// </summary>
    public Task<StandingReply?[]> GetStandingsAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(
            Others.Select(async other =>
            {
                try
                {
                    return (StandingReply?)
                        await Client(other)
                            .GetStandingAsync(
                                new StandingRequest(),
                                null,
                                Deadline(s_answerTimeout),
                                cancellationToken
                            );
                }
                catch (RpcException)
                {
                    return null;
                }
            })
        );

    /// <exception cref="RpcException">The replica does not answer or cannot prove that it leads.</exception>
    public async Task<RestorePointReply> GetRestorePointAsync(
        int leader,
        TimeSpan timeout,
        CancellationToken cancellationToken
    ) =>
        await Client(leader)
            .GetRestorePointAsync(new RestorePointRequest(), null, Deadline(timeout), cancellationToken);

    /// <summary>Writes another's state to a file.</summary>
    /// <exception cref="RpcException">The replica does not answer, or not to the end.</exception>
    public async Task<StateHeader> FetchStateAsync(
        int replica,
        long atLeast,
        string path,
        CancellationToken cancellationToken
    )
    {
        using var call = Client(replica)
            .FetchState(new FetchStateRequest { AtLeast = atLeast }, null, Deadline(s_fetchTimeout), cancellationToken);
        StateHeader? header = null;
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            header ??= part.Header;
            await file.WriteAsync(part.Content.Memory, cancellationToken);
        }

        return header is not null && header.Length == file.Length && header.Position >= atLeast
            ? header
            : throw new RpcException(
                new Status(
                    StatusCode.DataLoss,
                    $"Replica {replica} sent {file.Length} bytes of a state of {header?.Length}."
                )
            );
    }

    public void Dispose()
    {
        Array.ForEach(_links, link => link.Dispose());
        foreach (var channel in _channels)
        {
            if (channel.IsValueCreated)
            {
                channel.Value.Dispose();
            }
        }
    }

    private static GrpcChannel Connect(DatabaseAddress address, int replica, ComponentIdentity? identity) =>
        ReplicaChannel.Open(
            address,
            identity?.ClientOptions(identity.Component, replica),
            (handler, _) =>
            {
                handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan;

                // A dead connection must be found out here, or calls on it would wait for TCP to do so.
                handler.KeepAlivePingDelay = s_keepAlive;
                handler.KeepAlivePingTimeout = s_keepAlive;
            }
        );

    private static async Task<Stream> ConnectForReportsAsync(
        DatabaseAddress address,
        SslClientAuthenticationOptions? tls,
        CancellationToken cancellationToken
    )
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address.Host, address.GrpcPort, cancellationToken);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (tls is not null)
            {
                SslStream secured = new(stream);
                await secured.AuthenticateAsClientAsync(tls, cancellationToken);
                stream = secured;
            }

            await stream.WriteAsync(ReportWire.Preface.ToArray(), cancellationToken);
            return stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private RaftPeer.RaftPeerClient Client(int replica) => new(_channels[replica].Value);

    private static DateTime Deadline(TimeSpan timeout) => TimeProvider.System.GetUtcNow().UtcDateTime + timeout;
}
