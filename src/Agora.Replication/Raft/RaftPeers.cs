using System.Globalization;
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

    private static readonly TimeSpan s_firstComparison = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_maxComparisonPause = TimeSpan.FromSeconds(15);

    // Enough for a state of several gigabytes on a slow network. A replica that is stopped gives up at once.
    private static readonly TimeSpan s_fetchTimeout = TimeSpan.FromMinutes(10);

    private readonly int _self;
    private readonly GroupCheck _check;
    private readonly string _name;
    private readonly Lazy<GrpcChannel>[] _channels;
    private readonly ReportLink[] _links;

    public RaftPeers(DatabaseGroup group, GroupCheck check, ComponentIdentity? identity)
    {
        (_self, _check, _name) = (check.Place.Replica, check, check.Place.Database);
        var preface = ReportWire.PrefaceOf(check.Mark);
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
                                preface,
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
    /// What each of the others holds and which leader it knows; null for each that does not answer, or belongs to
    /// another group.
    /// </summary>
    public Task<StandingReply?[]> GetStandingsAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(Others.Select(other => GetStandingAsync(other, cancellationToken)));

    /// <summary>
    /// Compares groups with every other replica, once each, however late it comes. What is different then is
    /// refused in any case; this finds out what it is.
    /// </summary>
    public async Task CompareGroupsAsync(CancellationToken cancellationToken)
    {
        for (var pause = s_firstComparison; Others.Any(o => !_check.IsConfirmed(o)); )
        {
            await Task.Delay(pause, cancellationToken);
            await Task.WhenAll(
                Others.Where(o => !_check.IsConfirmed(o)).Select(o => GetStandingAsync(o, cancellationToken))
            );
            pause = pause * 2 < s_maxComparisonPause ? pause * 2 : s_maxComparisonPause;
        }
    }

    private async Task<StandingReply?> GetStandingAsync(int other, CancellationToken cancellationToken)
    {
        try
        {
            var reply = await Client(other)
                .GetStandingAsync(
                    new StandingRequest { Place = _check.Place },
                    null,
                    Deadline(s_answerTimeout),
                    cancellationToken
                );
            return _check.Compare(string.Create(CultureInfo.InvariantCulture, $"{_name}/{other}"), reply.Place)
                ? reply
                : null;
        }
        catch (RpcException)
        {
            return null;
        }
    }

    /// <exception cref="RpcException">The replica does not answer or cannot prove that it leads.</exception>
    public async Task<RestorePointReply> GetRestorePointAsync(
        int leader,
        TimeSpan timeout,
        CancellationToken cancellationToken
    ) =>
        await Client(leader)
            .GetRestorePointAsync(new RestorePointRequest(), Group, Deadline(timeout), cancellationToken);

    /// <summary>Writes another's state to a file; returns what it is and the digest that was sent with it.</summary>
    /// <param name="replica">The other.</param>
    /// <param name="atLeast">The lowest position that is of use.</param>
    /// <param name="path">The file.</param>
    /// <param name="progress">Gets how many bytes have come, and of how many.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="RpcException">The replica does not answer, or not to the end.</exception>
    public async Task<(StateHeader Header, string Digest)> FetchStateAsync(
        int replica,
        long atLeast,
        string path,
        Action<long, long> progress,
        CancellationToken cancellationToken
    )
    {
        using var call = Client(replica)
            .FetchState(
                new FetchStateRequest { AtLeast = atLeast },
                Group,
                Deadline(s_fetchTimeout),
                cancellationToken
            );
        return await StateStream.ReceiveAsync(call, replica, atLeast, path, progress, cancellationToken);
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
            (handler, _) => handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan
        );

    private static async Task<Stream> ConnectForReportsAsync(
        DatabaseAddress address,
        SslClientAuthenticationOptions? tls,
        ReadOnlyMemory<byte> preface,
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

            await stream.WriteAsync(preface, cancellationToken);
            return stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private Metadata Group => new() { { GroupCheck.Header, _check.Mark } };

    private RaftPeer.RaftPeerClient Client(int replica) => new(_channels[replica].Value);

    private static DateTime Deadline(TimeSpan timeout) => TimeProvider.System.GetUtcNow().UtcDateTime + timeout;
}
