using System.Net.Security;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Replication.Raft;

/// <summary>What a replica asks the others beside the protocol: over gRPC, and for their views on connections of their own.</summary>
internal sealed class RaftPeers : IDisposable
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(3);

    // A state of several gigabytes on a slow network; a replica that is stopped gives up at once.
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromMinutes(10);

    private readonly int _self;
    private readonly Lazy<GrpcChannel>[] _channels;
    private readonly ViewLink[] _views;

    public RaftPeers(DatabaseGroup group, int self, ComponentIdentity? identity)
    {
        _self = self;
        _channels = [.. group.Replicas.Select((r, number) => new Lazy<GrpcChannel>(() => Connect(r, number, identity)))];
        _views = [.. group.Replicas.Select((r, number) => new ViewLink(
            cancellation => ConnectForViewsAsync(r.Dial(), identity?.Towards(identity.Component, number), cancellation), TimeProvider.System))];
    }

    /// <summary>The numbers of the others, beginning behind this replica's, so that not all ask the same one.</summary>
    public IEnumerable<int> Others => Enumerable.Range(1, _channels.Length - 1).Select(i => (_self + i) % _channels.Length);

    /// <summary>What another replica knows at some moment after the call, as far as it answers in time.</summary>
    /// <exception cref="IOException">It cannot be reached, or is not in the group.</exception>
    public Task<MemberView> ViewAsync(int replica) => _views[replica].AskAsync();

    /// <summary>The replica has left the latest question unanswered until now, or could not be asked.</summary>
    public bool IsSilent(int replica) => _views[replica].IsSilent;

    /// <summary>How the others stand; null for each that does not answer.</summary>
    public Task<StandingReply?[]> StandingsAsync(CancellationToken cancellationToken) => Task.WhenAll(Others.Select(async other =>
    {
        try
        {
            return (StandingReply?)await Client(other).GetStandingAsync(new StandingRequest(), null, Deadline(AnswerTimeout), cancellationToken);
        }
        catch (RpcException)
        {
            return null;
        }
    }));

    /// <exception cref="RpcException">The replica does not answer or cannot prove that it leads.</exception>
    public async Task<RestorePointReply> RestorePointAsync(int leader, TimeSpan timeout, CancellationToken cancellationToken) =>
        await Client(leader).GetRestorePointAsync(new RestorePointRequest(), null, Deadline(timeout), cancellationToken);

    /// <summary>Writes another's state to a file.</summary>
    /// <exception cref="RpcException">The replica does not answer, or not to the end.</exception>
    public async Task<StateHeader> FetchStateAsync(int replica, long atLeast, string path, CancellationToken cancellationToken)
    {
        using var call = Client(replica).FetchState(new FetchStateRequest { AtLeast = atLeast }, null, Deadline(FetchTimeout), cancellationToken);
        StateHeader? header = null;
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            header ??= part.Header;
            await file.WriteAsync(part.Content.Memory, cancellationToken);
        }

        return header is not null && header.Length == file.Length && header.Position >= atLeast
            ? header
            : throw new RpcException(new Status(StatusCode.DataLoss, $"Replica {replica} sent {file.Length} bytes of a state of {header?.Length}."));
    }

    public void Dispose()
    {
        Array.ForEach(_views, v => v.Dispose());
        foreach (var channel in _channels)
        {
            if (channel.IsValueCreated)
            {
                channel.Value.Dispose();
            }
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

                // A connection that leads nowhere must be given up by itself, or what is asked on it would wait for TCP to do so.
                KeepAlivePingDelay = KeepAlive,
                KeepAlivePingTimeout = KeepAlive,
                SslOptions = identity?.Towards(identity.Component, replica),
            },
            DisposeHttpClient = true,
        });

    private static async Task<Stream> ConnectForViewsAsync(DatabaseAddress address, SslClientAuthenticationOptions? tls, CancellationToken cancellationToken)
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

            await stream.WriteAsync(ViewWire.Preface.ToArray(), cancellationToken);
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
