using System.IO.Pipelines;
using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// Orders commands with Raft: the leader appends them to its log, a majority holds them on disk, every replica applies
/// them. Only the leader takes commands; every replica serves linearizable reads.
/// </summary>
internal sealed class RaftReplicator : IReplicator, IStateSource
{
    private const string Engine = "raft";
    private const string Joining = "joining";
    private const int ChecksPerFlush = 5;

    private static readonly TimeSpan s_applyTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_restorePointTimeout = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan s_drainTimeout = TimeSpan.FromMilliseconds(500);

    // A host that dies does not close its connections. A peer that merely had nothing to ask connects again.
    private static readonly TimeSpan s_idleReportTimeout = TimeSpan.FromMinutes(5);

    private readonly int _replica;
    private readonly ReplicaDirectory _directory;
    private readonly ReplicaFiles _files;
    private readonly ReplicatedStore _store;
    private readonly GroupCheck _check;
    private readonly RaftPeers _peers;
    private readonly RaftSettings _settings;
    private readonly ILogger _logger;
    private readonly CommandApplier _applier;
    private readonly RaftNode _node;
    private readonly CommandBatcher _batcher;
    private readonly ReadPositions _readPositions;
    private readonly SemaphoreSlim _snapshots = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _stopping = new();

    private Task _batching = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;
    private Task _comparing = Task.CompletedTask;
    private Task? _stopped;

    public RaftReplicator(
        DatabaseGroup group,
        ReplicaDirectory directory,
        ReplicaFiles files,
        ReplicatedStore store,
        RaftSettings settings,
        ComponentIdentity? identity,
        ILoggerFactory loggers
    )
    {
        (_replica, _directory, _files, _store) = (directory.Owner.Replica, directory, files, store);
        _settings = settings;
        _logger = loggers.CreateLogger<RaftReplicator>();
        _check = new GroupCheck(directory.Owner, _logger);
        _peers = new RaftPeers(group, _check, identity);
        Preface = ReportWire.PrefaceOf(_check.Mark);
        _applier = new CommandApplier(store);
        _node = new RaftNode(group, directory, files, store, _applier, _peers, settings, identity, loggers);
        _batcher = new CommandBatcher(_node, _applier, Fail, _stop.Token);
        _readPositions = new ReadPositions(_node, _peers, group.Replicas.Count, _stop.Token);
    }

    /// <inheritdoc/>
    public Task Completion => _completion.Task;

    /// <summary>It has never promised anything and holds nothing: it is new, or has lost everything.</summary>
    public bool IsEmpty => _node.IsEmpty;

    /// <summary>What a connection for reports begins with, if a replica of the same group made it.</summary>
    public byte[] Preface { get; }

    /// <summary>It takes part in the group.</summary>
    public bool TakesPart => _node.Current is not null;

    /// <summary>
    /// What another replica has acknowledged to this one, as far as this process knows; null where it knows nothing.
    /// </summary>
    public Acknowledgement? AcknowledgedBy(int replica) =>
        _node.Current is { } member
        && replica >= 0
        && replica < _directory.Owner.Replicas
        && member.State.AcknowledgedBy(replica) is { Term: > 0 } known
            ? known
            : null;

    /// <summary>Compares groups with another replica that has come to ask.</summary>
    public GroupCheck Check => _check;

    /// <summary>Whether this replica may lead now: the leader's clock stamps all commands.</summary>
    public Func<bool> MayLead { get; init; } = () => true;

    /// <summary>How often the group was asked for a read position.</summary>
    public long ReadRounds => _readPositions.Begun;

    /// <inheritdoc/>
    public ReplicatorStatus Status
    {
        get
        {
            if (_node.Current is not { } member || _stopped is not null)
            {
                return new ReplicatorStatus(Engine, Joining, _store.Applied, _store.Applied, false, null);
            }

            var leader = member.Leader;
            var role =
                leader == _replica ? "leader"
                : leader is null ? "candidate"
                : "follower";
            var applied = _store.Applied;
            return new ReplicatorStatus(
                Engine,
                role,
                applied,
                Math.Max(member.State.Log.LastIndex, applied),
                leader is not null,
                leader
            );
        }
    }

    /// <inheritdoc/>
    public ReplicatorDetails Details
    {
        get
        {
            var member = _node.Current;
            return new ReplicatorDetails(
                _node.Term,
                member?.State.CommitIndex ?? _store.Applied,
                RepairsAsked: 0,
                RepairsAnswered: 0,
                _node.Resyncs,
                [
                    .. _peers
                        .Others.Order()
                        .Select(other =>
                        {
                            var (answeredAgo, roundTrip) = _peers.LastReport(other);
                            return new ReplicatorPeer(
                                other,
                                member?.Reaches(other),
                                answeredAgo,
                                roundTrip,
                                Received: null,
                                Sent: null
                            );
                        }),
                ]
            )
            {
                Joining = _node.Joining is { } joining
                    ? new ReplicatorJoining(joining.Reason, joining.Fetched, joining.Total)
                    : null,
                Problems = Problems(),
            };
        }
    }

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _node.StartAsync(cancellationToken);
        _batching = Task.Run(_batcher.RunAsync, CancellationToken.None);
        _watching = Task.Run(WatchAsync, CancellationToken.None);
        _comparing = CompareAsync();
        _ = FailWithAsync(_applier.Failed);
        _ = FailWithAsync(_node.Failed);
    }

    /// <inheritdoc/>
    public Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
    {
        if (command.Payload.Length > Command.MaxPayload)
        {
            throw new ArgumentException($"A command's payload is at most {Command.MaxPayload} bytes.", nameof(command));
        }

        _ = Leading();
        return _batcher.SubmitAsync(command, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task ReadBarrierAsync(CancellationToken cancellationToken)
    {
        await WaitForApplyAsync(await _readPositions.JoinAsync(cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Answers another replica's questions, each as it comes, until the other ends the connection or asks nothing for a
    /// long time, or this replica stops or leaves the group.
    /// </summary>
    public async Task AnswerReportsAsync(PipeReader questions, PipeWriter answers, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        try
        {
            for (var isOver = false; !isOver; )
            {
                stop.CancelAfter(s_idleReportTimeout);
                var read = await questions.ReadAtLeastAsync(ReportWire.QuestionSize, stop.Token);
                isOver = read.IsCompleted;
                var whole = read.Buffer.Length / ReportWire.QuestionSize * ReportWire.QuestionSize;
                if (whole > 0)
                {
                    // Only the last of several: the asker has given up the others. The report is made after the
                    // question was read.
                    var number = ReportWire.ReadQuestion(
                        read.Buffer.Slice(whole - ReportWire.QuestionSize, ReportWire.QuestionSize)
                    );
                    if (_node.Report() is not { } report)
                    {
                        return;
                    }

                    ReportWire.WriteAnswer(answers.GetSpan(ReportWire.AnswerSize), number, report);
                    answers.Advance(ReportWire.AnswerSize);
                    isOver |= (await answers.FlushAsync(stop.Token)).IsCompleted;
                }

                questions.AdvanceTo(read.Buffer.GetPosition(whole));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The asker is gone, or this replica stops.
        }
    }

    /// <summary>
    /// Leader only: a position at or above an entry that it has appended since the call and that a majority holds, and
    /// the term in which it has done so. The caller takes no part meanwhile. See <see cref="JoinProcedure"/>.
    /// </summary>
    public async Task<(long Position, long Term)> MakeRestorePointAsync(CancellationToken cancellationToken)
    {
        var member = Leading();
        CommandBatch nothing = new(member.State.Ballot.State.Term, [], []);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        timeout.CancelAfter(s_restorePointTimeout);
        try
        {
            await member.ReplicateAsync(nothing, timeout.Token);
            return (member.State.CommitIndex, nothing.Term);
        }
        catch (LeadershipLostException e)
        {
            throw new ReplicaUnavailableException("This replica lost its leadership.", _node.Leader, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ReplicaUnavailableException("No majority holds a new entry.", _node.Leader, e);
        }
        finally
        {
            _applier.Forget(nothing);
        }
    }

    /// <inheritdoc/>
    public async Task<StateSnapshot> SnapshotAsync(long atLeast, CancellationToken cancellationToken)
    {
        await WaitForApplyAsync(atLeast, cancellationToken);
        await _snapshots.WaitAsync(cancellationToken);
        try
        {
            var state =
                _node.Current?.State ?? throw new ReplicaUnavailableException("This replica is not in the group.");
            var path = Path.Combine(_files.Location, $"outgoing-{Guid.NewGuid():N}.db");
            var position = _store.Snapshot(path);
            return new StateSnapshot(position, state.Log.TermsUpTo(position), StateSnapshot.Open(path));
        }
        finally
        {
            _snapshots.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_stopping)
        {
            _stopped ??= StopAsync();
            return new ValueTask(_stopped);
        }
    }

    private async Task WaitForApplyAsync(long position, CancellationToken cancellationToken)
    {
        // 0 is before the first entry: a group of one may lead without having made any, and its state is then at −1.
        if (position == 0 || _store.Applied >= position)
        {
            return;
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        timeout.CancelAfter(s_applyTimeout);
        try
        {
            await _applier.WaitAsync(position, timeout.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ReplicaUnavailableException("This replica lags behind.", _node.Leader, e);
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            using PeriodicTimer timer = new(_settings.WatchInterval);
            for (var checks = 1; await timer.WaitForNextTickAsync(_stop.Token); checks++)
            {
                if (_node.Current is { } member)
                {
                    try
                    {
                        await CheckAsync(member, flush: checks % ChecksPerFlush == 0);
                    }
                    catch (ObjectDisposedException) when (_node.Current != member)
                    {
                        // It has left the group meanwhile.
                    }
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

    private async Task CheckAsync(LibraryNode member, bool flush)
    {
        await member.CheckAsync(MayLead(), _stop.Token);
        member.State.Log.Mark();
        if (flush)
        {
            // The log is bounded, even while a replica is away: one that needs what is cut here fetches the state.
            member.State.Log.Cut(_store.Flush(), _settings.KeptBytes);
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
            Fail(e);
        }
    }

    private async Task CompareAsync()
    {
        try
        {
            await _peers.CompareGroupsAsync(_stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped in order.
        }
    }

    private string[] Problems() =>
        [
            .. _check.Problems,
            .. _directory.SetAsideReason is { } reason
                ? [$"it came back without what it held, which is in {_directory.SetAsideIn}: {reason}"]
                : (string[])[],
        ];

    private void Fail(Exception exception)
    {
        var failure = _node.Explain(exception);
        if (_completion.TrySetException(failure))
        {
            if (exception is ReplicaDamagedException damage)
            {
                _directory.Condemn(damage.Message);
            }

            _logger.LogCritical(
                failure is FixableException ? null : exception,
                "The Raft replica has failed: {Reason}",
                failure.Message
            );
            _batcher.Close();
        }
    }

    private async Task StopAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        _batcher.Close();
        if (!_completion.Task.IsFaulted)
        {
            // One that has failed hands over at once: while it leads, the group serves no calls.
            await Task.WhenAny(_batching, Task.Delay(s_drainTimeout, CancellationToken.None));
        }

        await _stop.CancelAsync();
        await _batching;
        await _watching;
        await _comparing;
        await _node.DisposeAsync();
        await _applier.DrainAsync();
        _peers.Dispose();
        _completion.TrySetResult();
    }

    private LibraryNode Leading()
    {
        if (_stopped is not null || _completion.Task.IsCompleted)
        {
            throw new ReplicaUnavailableException("This replica is stopping.", _node.Leader);
        }

        if (_node.Current is { Leads: true } member)
        {
            return member;
        }

        var leader = _node.Leader;
        throw new ReplicaUnavailableException(
            leader is null ? "No leader is known here." : $"Replica {leader} leads.",
            leader
        );
    }
}
