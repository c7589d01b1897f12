using System.Diagnostics;
using System.Globalization;
using System.Net;
using Agora.Cluster;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// This replica's part in the group, from when it takes part until it leaves: the library's node over one
/// <see cref="RaftState"/>. Nothing of the library is visible to those who use it.
/// </summary>
internal sealed class LibraryNode : IAsyncDisposable
{
    /// <summary>
    /// The category of the library's log messages. It reports every request to a member that is down.
    /// </summary>
    public const string LogCategory = "DotNext";

    private readonly int _replica;
    private readonly RaftCluster _cluster;
    private readonly LogAdapter _log;
    private readonly LibraryMembers _members;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _leaving = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private LibraryNode(
        int replica,
        RaftState state,
        LogAdapter log,
        LibraryMembers members,
        RaftCluster.TcpConfiguration configuration,
        ILogger logger
    )
    {
        (_replica, State, _log, _members, _logger) = (replica, state, log, members, logger);
        _cluster = new RaftCluster(configuration) { AuditTrail = log };
        log.MoreToSend = () => _ = ReplicateSoonAsync();
        log.ReplicaAt = members.IndexOf;
    }

    public RaftState State { get; }

    /// <summary>Faults when the disk failed, or the library gave up in the background; the process must end.</summary>
    public Task Failed => _failed.Task;

    /// <summary>
    /// True only once this term's own first entry is committed: what earlier leaders acknowledged is then known to be
    /// committed too.
    /// </summary>
    public bool Leads => LeadershipToken is { IsCancellationRequested: false };

    /// <summary>The replica that leads, as far as known here; itself only while it may serve.</summary>
    public int? Leader
    {
        get
        {
            var index = _members.IndexOf(_cluster.Leader?.EndPoint);
            return index < 0 || (index == _replica && !Leads) ? null : index;
        }
    }

    /// <summary>
    /// Whether this replica and another reach each other. The leader sends to all the time, so it knows; a follower
    /// knows it of its leader alone. Null where it does not know.
    /// </summary>
    public bool? Reaches(int replica)
    {
        if (Leader is not { } leader || (leader != _replica && leader != replica))
        {
            return null;
        }

        // A follower that no longer hears its leader has forgotten it after an election timeout.
        return leader == replica
            || ((IRaftCluster)_cluster).Members.FirstOrDefault(m => _members.IndexOf(m.EndPoint) == replica)
                is { Status: ClusterMemberStatus.Available };
    }

    // Null once the library has given up, which ends nothing else.
    private CancellationToken? LeadershipToken
    {
        get
        {
            try
            {
                return _cluster.LeadershipToken;
            }
            catch (UnreachableException e)
            {
                _failed.TrySetException(e.InnerException ?? e);
                return null;
            }
        }
    }

    /// <summary>Takes part in the group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="owner">This replica's place in it.</param>
    /// <param name="directory">The log's directory.</param>
    /// <param name="state">Log, ballot and rule; belongs to the result, or is disposed when this throws.</param>
    /// <param name="applier">Applies what is committed.</param>
    /// <param name="settings">When the group holds elections, and how the others are found.</param>
    /// <param name="identity">For TLS; null without.</param>
    /// <param name="loggers">Where the library logs.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<LibraryNode> StartAsync(
        DatabaseGroup group,
        ReplicaOwner owner,
        string directory,
        RaftState state,
        CommandApplier applier,
        RaftSettings settings,
        ComponentIdentity? identity,
        ILoggerFactory loggers,
        CancellationToken cancellationToken
    )
    {
        var log = LogAdapter.Create(directory, state, applier);

        var replica = owner.Replica;
        var logger = loggers.CreateLogger<LibraryNode>();

        // Members of its own for each time that this replica takes part: the library disposes its configuration.
        LibraryMembers members = new(
            group.Replicas.Select(
                (r, number) =>
                    new PeerAddress(
                        string.Create(CultureInfo.InvariantCulture, $"{owner.Database}/{number}"),
                        number == replica ? r : r.Dial(),
                        settings.Lookup,
                        TimeProvider.System,
                        logger
                    )
            )
        );
        LibraryNode node = new(
            replica,
            state,
            log,
            members,
            Configure(
                owner,
                members,
                HostNames.PeerOf(group.Replicas[replica], settings.Lookup),
                settings.Election,
                identity,
                loggers
            ),
            logger
        );
        try
        {
            await node._cluster.StartAsync(cancellationToken);
        }
        catch
        {
            await node._cluster.DisposeAsync();
            await log.DisposeAsync();
            throw;
        }

        _ = node.FailWithAsync(state.Failed);
        return node;
    }

    /// <summary>
    /// Appends a batch as the leader; completes when it is applied here and its last command has its reply.
    /// </summary>
    /// <exception cref="LeadershipLostException">This replica does not lead, stops leading, or leaves the
    /// group.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task ReplicateAsync(CommandBatch batch, CancellationToken cancellationToken)
    {
        var leadership = LeadershipToken ?? throw new LeadershipLostException(null);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, leadership);
        try
        {
            await _cluster.ReplicateAsync(new BatchEntry(batch), over.Token);

            // The applier is handing out the replies, in order: no caller may learn meanwhile that the outcome is
            // unknown. Where another leader's entry took the index there are none, but then the leadership is lost,
            // and that ends the waiting.
            if (batch.Submissions is [.., var last])
            {
                await last.Task.WaitAsync(over.Token);
            }
        }
        catch (Exception e) when (IsLoss(e, leadership, _leaving.Token))
        {
            throw new LeadershipLostException(e);
        }
    }

    /// <summary>
    /// Checks that the library still works: a failure of its background work shows in <see cref="Failed"/> only then.
    /// A node on standby takes part in no election; it goes back to normal as soon as it may lead.
    /// </summary>
    /// <param name="mayLead">It may lead; if it may not and leads, it hands over.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task CheckAsync(bool mayLead, CancellationToken cancellationToken)
    {
        _ = LeadershipToken;
        if (mayLead == !_cluster.Standby)
        {
            return;
        }

        if (mayLead)
        {
            await _cluster.RevertToNormalModeAsync(cancellationToken);
            return;
        }

        if (Leads)
        {
            _logger.LogWarning("This replica may not lead now and hands over");
            await ((ICluster)_cluster).ResignAsync(cancellationToken);
        }

        await _cluster.EnableStandbyModeAsync(cancellationToken);
    }

    /// <summary>Leaves the group. The caller applies what is committed before <see cref="DisposeAsync"/>.</summary>
    public async Task LeaveAsync()
    {
        await _leaving.CancelAsync();
        await _cluster.StopAsync(CancellationToken.None);
        await _cluster.DisposeAsync();
    }

    /// <summary>Closes log and ballot.</summary>
    public ValueTask DisposeAsync() => _log.DisposeAsync();

    /// <summary>
    /// Whether an exception of the library only says that this replica no longer leads. Everything else is a fault of
    /// the disk or of a program, and ends the process.
    /// </summary>
    /// <remarks>
    /// <list type="bullet">
    /// <item><see cref="NotLeaderException"/>: the library's own word for it. <see cref="LogAdapter"/> also throws it
    /// for an append of an earlier term.</item>
    /// <item><see cref="OperationCanceledException"/>: only where the library has ended this leadership, or this
    /// replica leaves the group. A caller's own timeout is not an election.</item>
    /// <item><see cref="ObjectDisposedException"/>: only then, too. The library cancels a leadership before it disposes
    /// what belongs to it, and disposes its node when the replica leaves, while calls are under way.</item>
    /// </list>
    /// </remarks>
    internal static bool IsLoss(Exception e, CancellationToken leadership, CancellationToken leaving) =>
        e switch
        {
            NotLeaderException => true,
            OperationCanceledException or ObjectDisposedException => leadership.IsCancellationRequested
                || leaving.IsCancellationRequested,
            _ => false,
        };

    /// <summary>The library's configuration.</summary>
    private static RaftCluster.TcpConfiguration Configure(
        ReplicaOwner owner,
        LibraryMembers members,
        IPEndPoint own,
        ElectionTimes election,
        ComponentIdentity? identity,
        ILoggerFactory loggers
    )
    {
        var replica = owner.Replica;
        var shortest = election.Of(replica, members.All.Count);
        return new RaftCluster.TcpConfiguration(own)
        {
            PublicEndPoint = members.All[replica],
            ConfigurationStorage = members,
            ColdStart = false,
            LowerElectionTimeout = shortest,
            UpperElectionTimeout = election.Of(replica + 1, members.All.Count),
            HeartbeatThreshold = (double)election.Heartbeat / shortest,

            // Shorter than the shortest election timeout. A vote waits for every member, and one that hangs must not
            // hold up the vote for longer than that.
            RequestTimeout = TimeSpan.FromMilliseconds(election.Shortest * 5 / 6),
            ConnectTimeout = TimeSpan.FromMilliseconds(250),
            GracefulShutdownTimeout = TimeSpan.FromMilliseconds(200),
            MaxReplicationLag = 4096,
            ServerBacklog = 32,
            LoggerFactory = loggers,
            SslOptions = identity is null ? null : new PeerTls(identity, owner.Group, members.All),
        };
    }

    // Begins a round of replication after the one under way; its outcome shows in the answers.
    private async Task ReplicateSoonAsync()
    {
        // A new leader needs this before it may serve, so it is not the leadership token that ends it.
        CancellationToken leading = new(canceled: true);
        try
        {
            leading = _cluster.ConsensusToken;
            await _cluster.ForceReplicationAsync(_leaving.Token);
        }
        catch (Exception e) when (IsLoss(e, leading, _leaving.Token))
        {
            _logger.LogDebug(e, "A round of replication was given up");
        }
        catch (Exception e)
        {
            _failed.TrySetException(e is UnreachableException { InnerException: { } reason } ? reason : e);
        }
    }

    private async Task FailWithAsync(Task failure)
    {
        try
        {
            await failure;
        }
        catch (Exception e)
        {
            _failed.TrySetException(e);
        }
    }
}
