using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Threading.Channels;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using DotNext.Net.Security;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// Orders commands with Raft: the leader appends them to its log, a majority holds them on disk, every replica applies them.
/// Only the leader takes commands; every replica serves linearizable reads.
/// </summary>
internal sealed class RaftReplicator : IReplicator
{
    private const string Engine = "raft";

    // One entry carries what waits when the one before it is done: each apply wakes all waiters and each entry costs a flush.
    private const int MaxBatchCommands = 512;
    private const int MaxBatchBytes = 256 << 10;
    private const int MaxQueuedCommands = 4096;
    private const long MaxQueuedBytes = 32 << 20;

    // In milliseconds. A busy machine may hold a heartbeat up for twice its interval before anybody stands for election; each one costs every
    // member a wake-up, which is most of what an idle group does.
    private const int Heartbeat = 200;
    private const int ShortestElection = 600;
    private const int LongestElection = 1000;

    // Shorter than the shortest election: a vote waits for every member, and one that hangs must not hold it up for longer than it lasts.
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RoundTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BatchTimeout = TimeSpan.FromSeconds(10);
    private const int FlushEveryBeats = 5;
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromMilliseconds(500);

    private readonly int _replica;
    private readonly string _directory;
    private readonly ReplicatedStore _store;
    private readonly RaftPeers _peers;
    private readonly RaftSettings _settings;
    private readonly ComponentIdentity? _identity;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly CommandApplier _applier;
    private readonly RaftMembers _members;
    private readonly IPEndPoint _own;
    private readonly SharedRound<long> _confirmation;
    private readonly SharedRound<long> _leadersPosition;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _stopping = new();
    private readonly Channel<Submission> _queue = Channel.CreateBounded<Submission>(
        new BoundedChannelOptions(MaxQueuedCommands) { SingleReader = true });

    private long _queuedBytes;
    private RaftLog? _log;
    private RaftCluster? _cluster;
    private Task _batcher = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
    private Task? _stopped;

    public RaftReplicator(
        DatabaseGroup group, int replica, string directory, ReplicatedStore store, RaftPeers peers, RaftSettings settings, ComponentIdentity? identity,
        ILoggerFactory loggers)
    {
        _identity = identity;
        _settings = settings;
        (_replica, _directory, _store, _peers, _loggers) = (replica, directory, store, peers, loggers);
        _logger = loggers.CreateLogger<RaftReplicator>();
        _applier = new CommandApplier(store);
        _members = new RaftMembers(group, replica);
        _own = HostNames.PeerOf(group.Replicas[replica]);
        _confirmation = new SharedRound<long>(ConfirmAsync);
        _leadersPosition = new SharedRound<long>(AskLeaderAsync);
    }

    /// <inheritdoc/>
    public Task Completion => _completion.Task;

    /// <inheritdoc/>
    public ReplicatorStatus Status
    {
        get
        {
            var (cluster, log) = (_cluster, _log);
            if (cluster is null || log is null || _stopped is not null)
            {
                return new ReplicatorStatus(Engine, "follower", _store.Applied, _store.Applied, false, null);
            }

            var leader = Leader;
            var leads = leader == _replica;
            var role = leads ? "leader" : leader is null ? "candidate" : "follower";
            var applied = Math.Max(log.LastAppliedIndex, _store.Applied);
            return new ReplicatorStatus(Engine, role, applied, Math.Max(log.LastEntryIndex, applied), leader is not null, leader);
        }
    }

    // The replica that leads, as far as known here; itself only while it may serve.
    private int? Leader
    {
        get
        {
            var index = _members.IndexOf(_cluster?.Leader?.EndPoint);
            return index < 0 || (index == _replica && !Leads) ? null : index;
        }
    }

    // True only once this term's own first entry is committed: what earlier leaders acknowledged is then known to be committed too.
    private bool Leads => _cluster is { } cluster && !cluster.LeadershipToken.IsCancellationRequested;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _log = RaftLog.Open(_directory, _applier);
            if (_store.Applied > _log.LastEntryIndex || Math.Max(_store.Applied, 0) < _log.CutIndex)
            {
                throw new IOException(
                    $"it holds entries {_log.CutIndex + 1} to {_log.LastEntryIndex}, while the state stands at {_store.Applied}: they do not belong together");
            }

            _log.PartSent = () => _ = SendNextPartAsync();
            _cluster = new RaftCluster(Configure()) { AuditTrail = _log };

            // Applies what is known to be committed before it listens.
            await _cluster.StartAsync(cancellationToken);
        }
        catch (SocketException e)
        {
            throw new IOException($"The Raft port {_own} of replica {_replica} cannot be used: {e.Message}", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new IOException($"The Raft log in {Path.GetFullPath(_directory)} cannot be used: {e.Message}", e);
        }

        _batcher = Task.Run(RunBatcherAsync, CancellationToken.None);
        _watch = Task.Run(WatchAsync, CancellationToken.None);
        _ = FailWithApplierAsync();
    }

    /// <inheritdoc/>
    public Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
    {
        if (command.Payload.Length > Command.MaxPayload)
        {
            throw new ArgumentException($"A command's payload is at most {Command.MaxPayload} bytes.", nameof(command));
        }

        ThrowUnlessLeading();
        if (Interlocked.Add(ref _queuedBytes, command.EncodedSize) <= MaxQueuedBytes)
        {
            Submission submission = new(command);
            if (_queue.Writer.TryWrite(submission))
            {
                return submission.Task.WaitAsync(cancellationToken);
            }
        }

        Interlocked.Add(ref _queuedBytes, -command.EncodedSize);
        throw new ReplicaUnavailableException(_stopped is null ? "overloaded" : "This replica is stopping.", Leader);
    }

    /// <inheritdoc/>
    public async Task ReadBarrierAsync(CancellationToken cancellationToken)
    {
        var position = Leads
            ? await _confirmation.JoinAsync(cancellationToken)
            : await _leadersPosition.JoinAsync(cancellationToken);
        await WaitForApplyAsync(position, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<long> ConfirmReadPositionAsync(CancellationToken cancellationToken) => _confirmation.JoinAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_stopping)
        {
            _stopped ??= StopAsync();
            return new ValueTask(_stopped);
        }
    }

    private RaftCluster.TcpConfiguration Configure() => new(_own)
    {
        PublicEndPoint = _members.All[_replica],
        ConfigurationStorage = _members,
        ColdStart = false,
        LowerElectionTimeout = ShortestElection,
        UpperElectionTimeout = LongestElection,
        HeartbeatThreshold = (double)Heartbeat / ShortestElection,
        RequestTimeout = RequestTimeout,
        ConnectTimeout = TimeSpan.FromMilliseconds(250),
        GracefulShutdownTimeout = TimeSpan.FromMilliseconds(200),
        MaxReplicationLag = 4096,
        ServerBacklog = 32,
        LoggerFactory = _loggers,
        SslOptions = _identity is null ? null : new PeersOnly(_identity, _members.All),
    };

    /// <summary>TLS in which only replicas of the same database take part, each in its own place.</summary>
    private sealed class PeersOnly : SslOptions
    {
        private readonly Dictionary<EndPoint, SslClientAuthenticationOptions> _towards;

        public PeersOnly(ComponentIdentity identity, IReadOnlyList<EndPoint> members)
        {
            ServerOptions = identity.ForCallers(identity.Component);
            _towards = members.Index().ToDictionary(m => m.Item, m => identity.Towards(identity.Component, m.Index));
        }

        public override SslClientAuthenticationOptions CreateClientOptions(EndPoint serverAddress) => _towards[serverAddress];
    }

    private async Task RunBatcherAsync()
    {
        List<Submission> batch = [];
        ArrayBufferWriter<byte> entry = new(MaxBatchBytes / 4);
        try
        {
            while (await _queue.Reader.WaitToReadAsync())
            {
                batch.Clear();
                for (long bytes = 0; batch.Count < MaxBatchCommands && bytes < MaxBatchBytes && _queue.Reader.TryRead(out var submission);)
                {
                    batch.Add(submission);
                    bytes += submission.Command.EncodedSize;
                }

                // An array of its own, as the applier may still be completing it when the batcher has given it up.
                await ReplicateAsync([.. batch], entry);
                if (entry.Capacity > 4 * MaxBatchBytes)
                {
                    entry = new ArrayBufferWriter<byte>(MaxBatchBytes / 4);
                }
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }
        finally
        {
            while (_queue.Reader.TryRead(out var left))
            {
                left.TrySetException(new ReplicaUnavailableException("This replica is stopping.", Leader));
            }
        }
    }

    // Every submission of the batch is answered when this returns.
    private async Task ReplicateAsync(Submission[] batch, ArrayBufferWriter<byte> entry)
    {
        entry.ResetWrittenCount();
        var id = _applier.Expect(batch, entry);
        Exception? failure = null;
        try
        {
            // In this order: had the term moved on in between, the leadership would be over, and nothing of a wrong term is appended.
            var cluster = _cluster!;
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, cluster.LeadershipToken);
            timeout.CancelAfter(BatchTimeout);
            await cluster.ReplicateAsync(new BinaryLogEntry { Term = cluster.Term, Content = entry.WrittenMemory }, timeout.Token);
        }
        catch (Exception e)
        {
            failure = e;
            if (!IsLossOfLeadership(e))
            {
                Fail(e);
            }
        }

        // Another leader may still commit the entry: the outcome is unknown, and a repeat finds the reply if there is one.
        _applier.Forget(id);
        foreach (var submission in batch)
        {
            Interlocked.Add(ref _queuedBytes, -submission.Command.EncodedSize);
            if (!submission.Task.IsCompleted)
            {
                submission.TrySetException(new ReplicaUnavailableException("The outcome is unknown: this replica lost its leadership.", Leader, failure));
            }
        }
    }

    private async Task<long> ConfirmAsync()
    {
        ThrowUnlessLeading();
        try
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            timeout.CancelAfter(RoundTimeout);

            // What was acknowledged by this leader is committed here, and what earlier ones acknowledged as well, since it leads. The round
            // below proves that nobody else led when it was sent; and it tells the followers to apply up to here.
            var leadership = _cluster!.LeadershipToken;
            var position = _log!.LastCommittedEntryIndex;
            await ReplicateAfterNowAsync(timeout.Token);
            if (!leadership.IsCancellationRequested)
            {
                return position;
            }
        }
        catch (Exception e) when (IsLossOfLeadership(e))
        {
            throw new ReplicaUnavailableException("This replica cannot confirm that it leads.", Leader, e);
        }

        throw new ReplicaUnavailableException("This replica lost its leadership.", Leader);
    }

    // The library lets a caller pass without a round when one starts between its two looks at the round's number; that shows as completion at once.
    private async Task ReplicateAfterNowAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var round = _cluster!.ForceReplicationAsync(cancellationToken);
            var suspect = round.IsCompletedSuccessfully;
            await round;
            if (!suspect)
            {
                return;
            }
        }
    }

    private async Task<long> AskLeaderAsync()
    {
        if (Leader is not { } leader)
        {
            throw new ReplicaUnavailableException("No leader is known here.");
        }

        // It became the leader itself a moment ago.
        return leader == _replica ? await _confirmation.JoinAsync(CancellationToken.None) : await _peers.ReadPositionAsync(leader, RoundTimeout, _stop.Token);
    }

    private async Task WaitForApplyAsync(long position, CancellationToken cancellationToken)
    {
        if (_log!.LastAppliedIndex >= position || _store.Applied >= position)
        {
            return;
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        timeout.CancelAfter(RoundTimeout);
        try
        {
            await _log.WaitForApplyAsync(position, timeout.Token);
        }
        catch (Exception e) when (IsLossOfLeadership(e) && !cancellationToken.IsCancellationRequested)
        {
            throw new ReplicaUnavailableException("This replica lags behind.", Leader, e);
        }
    }

    // A follower is far behind: go on with its next part at once instead of with the next heartbeat.
    private async Task SendNextPartAsync()
    {
        try
        {
            await _cluster!.ForceReplicationAsync(_stop.Token);
        }
        catch (Exception e) when (IsLossOfLeadership(e))
        {
            _logger.LogDebug(e, "A follower's next part waits for the next leader");
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            using PeriodicTimer timer = new(_settings.WatchInterval);
            for (var beats = 1; await timer.WaitForNextTickAsync(_stop.Token); beats++)
            {
                // Both throw once the library has given up in the background, which ends nothing by itself.
                await _log!.WaitForApplyAsync(0, _stop.Token);
                _ = _cluster!.LeadershipToken;
                if (_cluster.Standby)
                {
                    await _cluster.RevertToNormalModeAsync(_stop.Token);
                }

                if (beats % FlushEveryBeats == 0)
                {
                    _store.Flush();
                    await CutLogAsync();
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped in order.
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    // Behind what every member holds durably in its state, so that nobody will ask for it; not at all while one does not answer.
    private async Task CutLogAsync()
    {
        var own = _store.Durable - _settings.KeptEntries;
        if (own - _log!.CutIndex < _settings.KeptEntries)
        {
            return;
        }

        var others = await _peers.LowestDurableAsync(_replica, RoundTimeout, _stop.Token) - _settings.KeptEntries;
        if (others is { } lowest && Math.Min(own, lowest) > _log.CutIndex)
        {
            await _log.CutAsync(Math.Min(own, lowest), _stop.Token);
            _logger.LogInformation("Cut the log behind entry {Index}", _log.CutIndex);
        }
    }

    private async Task FailWithApplierAsync()
    {
        try
        {
            await _applier.Failed;
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void Fail(Exception exception)
    {
        if (_completion.TrySetException(exception))
        {
            _logger.LogCritical(exception, "The Raft replica has failed");
            _queue.Writer.TryComplete();
        }
    }

    private async Task StopAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        _queue.Writer.TryComplete();
        await Task.WhenAny(_batcher, Task.Delay(DrainTimeout, CancellationToken.None));
        await _stop.CancelAsync();
        await _batcher;
        await _watch;
        if (_cluster is { } cluster)
        {
            await cluster.StopAsync(CancellationToken.None);
            await cluster.DisposeAsync();
        }

        if (_log is { } log)
        {
            await log.DisposeAsync();
        }

        _peers.Dispose();
        _completion.TrySetResult();
    }

    private void ThrowUnlessLeading()
    {
        if (_stopped is not null || _completion.Task.IsCompleted)
        {
            throw new ReplicaUnavailableException("This replica is stopping.", Leader);
        }

        if (!Leads)
        {
            var leader = Leader;
            throw new ReplicaUnavailableException(leader is null ? "No leader is known here." : $"Replica {leader} leads.", leader);
        }
    }

    private static bool IsLossOfLeadership(Exception e) => e is NotLeaderException or QuorumUnreachableException or OperationCanceledException
        or ObjectDisposedException or UnreachableException or WriteAheadLog.InternalException or DotNext.Threading.PendingTaskInterruptedException;
}

/// <summary>What tests set otherwise than the product does.</summary>
internal sealed record RaftSettings
{
    /// <summary>How often the background is looked after; every fifth time the state is flushed and the log cut.</summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Entries that stay in the log behind what all members hold durably; as many must be there to go before it is cut.</summary>
    public long KeptEntries { get; init; } = 8192;
}
