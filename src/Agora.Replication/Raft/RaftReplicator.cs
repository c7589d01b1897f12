using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Threading.Channels;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Security;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
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
    private const int FlushEveryBeats = 5;

    private static readonly TimeSpan ApplyTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BatchTimeout = TimeSpan.FromSeconds(10);
    // A host that is gone says no goodbye; one that merely had nothing to ask connects again.
    private static readonly TimeSpan ViewsIdleTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromMilliseconds(500);

    private readonly int _replica;
    private readonly string _directory;
    private readonly ReplicatedStore _store;
    private readonly RaftPeers _peers;
    private readonly RaftSettings _settings;
    private readonly ILogger _logger;
    private readonly CommandApplier _applier;
    private readonly RaftNode _node;
    private readonly ReadPositions _readPositions;
    private readonly SemaphoreSlim _snapshots = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _stopping = new();
    private readonly Channel<Submission> _queue = Channel.CreateBounded<Submission>(
        new BoundedChannelOptions(MaxQueuedCommands) { SingleReader = true });

    private long _queuedBytes;
    private Task _batcher = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
    private Task? _stopped;

    public RaftReplicator(
        DatabaseGroup group, int replica, string directory, ReplicatedStore store, RaftPeers peers, RaftSettings settings, ComponentIdentity? identity,
        ILoggerFactory loggers)
    {
        (_replica, _directory, _store, _peers, _settings) = (replica, directory, store, peers, settings);
        _logger = loggers.CreateLogger<RaftReplicator>();
        _applier = new CommandApplier(store);
        _node = new RaftNode(group, replica, directory, store, _applier, peers, settings, identity, loggers);
        _readPositions = new ReadPositions(_node, peers, group.Replicas.Count, _stop.Token);
    }

    /// <inheritdoc/>
    public Task Completion => _completion.Task;

    /// <summary>It has never promised anything and holds nothing: it is new, or has lost everything.</summary>
    public bool IsBlank => _node.IsBlank;

    /// <summary>The term that it has reached; 0 while it has no ballot.</summary>
    public long Term => _node.Term;

    /// <summary>How often the group was asked where reads stand.</summary>
    public long ReadRounds => _readPositions.Begun;

    /// <inheritdoc/>
    public ReplicatorStatus Status
    {
        get
        {
            if (_node.Current is not { } member || _stopped is not null)
            {
                return new ReplicatorStatus(Engine, "candidate", _store.Applied, _store.Applied, false, null);
            }

            var leader = Leader;
            var role = leader == _replica ? "leader" : leader is null ? "candidate" : "follower";
            var applied = _store.Applied;
            return new ReplicatorStatus(Engine, role, applied, Math.Max(member.Trail.Log.LastIndex, applied), leader is not null, leader);
        }
    }

    private int? Leader => _node.Leader;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _node.StartAsync(cancellationToken);
        _batcher = Task.Run(RunBatcherAsync, CancellationToken.None);
        _watch = Task.Run(WatchAsync, CancellationToken.None);
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
        await WaitForApplyAsync(await _readPositions.JoinAsync(cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<long> ConfirmReadPositionAsync(CancellationToken cancellationToken)
    {
        _ = Leading();
        return _readPositions.JoinAsync(cancellationToken);
    }

    /// <summary>Answers another replica's questions, each as it comes, until it ends the connection or asks nothing for long, or this replica stops or leaves the group.</summary>
    public async Task AnswerViewsAsync(PipeReader questions, PipeWriter answers, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        try
        {
            for (var isOver = false; !isOver;)
            {
                stop.CancelAfter(ViewsIdleTimeout);
                var read = await questions.ReadAtLeastAsync(ViewWire.QuestionSize, stop.Token);
                isOver = read.IsCompleted;
                var whole = read.Buffer.Length / ViewWire.QuestionSize * ViewWire.QuestionSize;
                if (whole > 0)
                {
                    // Of several the last: the others have been given up. What is known is looked up behind the reading of the question.
                    var number = ViewWire.ReadQuestion(read.Buffer.Slice(whole - ViewWire.QuestionSize, ViewWire.QuestionSize));
                    if (_node.View() is not { } view)
                    {
                        return;
                    }

                    ViewWire.WriteAnswer(answers.GetSpan(ViewWire.AnswerSize), number, view);
                    answers.Advance(ViewWire.AnswerSize);
                    isOver |= (await answers.FlushAsync(stop.Token)).IsCompleted;
                }

                questions.AdvanceTo(read.Buffer.GetPosition(whole));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Whoever asked is gone, or this replica is.
        }
    }

    /// <summary>
    /// Leader only: its last entry at the time of the call, once that is committed, and the term in which it has proved to lead since the call. See <see cref="RaftNode"/>.
    /// </summary>
    public async Task<(long Position, long Term)> ConfirmRestorePointAsync(CancellationToken cancellationToken)
    {
        var trail = Leading().Trail;
        var (position, term) = (trail.Log.LastIndex, trail.Ballot.State.Term);
        await _readPositions.JoinAsync(cancellationToken);
        await WaitForApplyAsync(position, cancellationToken);

        // It led in this term before and after the round, so it was its own leadership that was proved.
        return Leading().Trail == trail && trail.Ballot.State.Term == term
            ? (position, term)
            : throw new ReplicaUnavailableException("This replica lost its leadership.", Leader);
    }

    /// <summary>The state at a position at or above the one given, in a file that is gone when it is disposed. One at a time.</summary>
    public async Task<StateSnapshot> SnapshotAsync(long atLeast, CancellationToken cancellationToken)
    {
        await WaitForApplyAsync(atLeast, cancellationToken);
        await _snapshots.WaitAsync(cancellationToken);
        try
        {
            var trail = _node.Current?.Trail ?? throw new ReplicaUnavailableException("This replica is not in the group.");
            var path = Path.Combine(_directory, $"outgoing-{Guid.NewGuid():N}.db");
            var position = _store.Snapshot(path);
            FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
            return new StateSnapshot(position, trail.Log.TermsUpTo(position), file);
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

    internal static bool IsLossOfLeadership(Exception e) => e is NotLeaderException or QuorumUnreachableException or OperationCanceledException
        or ObjectDisposedException or UnreachableException or WriteAheadLog.InternalException or DotNext.Threading.PendingTaskInterruptedException;

    private async Task RunBatcherAsync()
    {
        List<Submission> batch = [];
        ArrayBufferWriter<byte> buffer = new(MaxBatchBytes / 4);
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
                await ReplicateAsync([.. batch], buffer);
                if (buffer.Capacity > 4 * MaxBatchBytes)
                {
                    buffer = new ArrayBufferWriter<byte>(MaxBatchBytes / 4);
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
    private async Task ReplicateAsync(Submission[] submissions, ArrayBufferWriter<byte> buffer)
    {
        Exception? failure = null;
        if (_node.Current is { } member)
        {
            var batch = CommandBatch.Encode(member.Trail.Ballot.State.Term, submissions, buffer);
            try
            {
                using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, member.Cluster.LeadershipToken);
                timeout.CancelAfter(BatchTimeout);
                await member.Cluster.ReplicateAsync(batch, timeout.Token);

                // It is applied, and the applier is handing out the replies, in order: nobody may be told meanwhile that the outcome is unknown. Where another
                // leader's entry took its place there are none, but then the leadership is lost, and that ends the waiting.
                await submissions[^1].Task.WaitAsync(timeout.Token);
            }
            catch (Exception e)
            {
                failure = e;
                if (!IsLossOfLeadership(e))
                {
                    Fail(e);
                }
            }

            _applier.Forget(batch);
        }

        // Another leader may still commit the entry: the outcome is unknown, and a repeat finds the reply if there is one.
        foreach (var submission in submissions)
        {
            Interlocked.Add(ref _queuedBytes, -submission.Command.EncodedSize);
            if (!submission.Task.IsCompleted)
            {
                submission.TrySetException(new ReplicaUnavailableException("The outcome is unknown: this replica lost its leadership.", Leader, failure));
            }
        }
    }

    private async Task WaitForApplyAsync(long position, CancellationToken cancellationToken)
    {
        // 0 lies before the first entry: a group of one may lead without having made any, and its state then stands at −1.
        if (position == 0 || _store.Applied >= position)
        {
            return;
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        timeout.CancelAfter(ApplyTimeout);
        try
        {
            await _applier.WaitAsync(position, timeout.Token);
        }
        catch (Exception e) when (IsLossOfLeadership(e) && !cancellationToken.IsCancellationRequested)
        {
            throw new ReplicaUnavailableException("This replica lags behind.", Leader, e);
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            using PeriodicTimer timer = new(_settings.WatchInterval);
            for (var beats = 1; await timer.WaitForNextTickAsync(_stop.Token); beats++)
            {
                if (_node.Current is { } member)
                {
                    try
                    {
                        await LookAfterAsync(member, flush: beats % FlushEveryBeats == 0);
                    }
                    catch (ObjectDisposedException) when (_node.Current != member)
                    {
                        // It has left the group meanwhile.
                    }
                }
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // Stopped in order.
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private async Task LookAfterAsync(Membership member, bool flush)
    {
        // Throws once the library has given up in the background, which ends nothing by itself.
        _ = member.Cluster.LeadershipToken;
        if (member.Cluster.Standby)
        {
            await member.Cluster.RevertToNormalModeAsync(_stop.Token);
        }

        if (flush)
        {
            // A replica that needs what is cut here fetches the state instead: the log is bounded, whoever is away.
            member.Trail.Log.Cut(_store.Flush(), _settings.KeptBytes);
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

    private void Fail(Exception exception)
    {
        var failure = _node.Explain(exception);
        if (_completion.TrySetException(failure))
        {
            _logger.LogCritical(failure is FixableException ? null : exception, "The Raft replica has failed: {Reason}", failure.Message);
            _queue.Writer.TryComplete();
        }
    }

    private async Task StopAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        _queue.Writer.TryComplete();
        if (!_completion.Task.IsFaulted)
        {
            // One that has failed hands over at once: while it leads, nobody is served.
            await Task.WhenAny(_batcher, Task.Delay(DrainTimeout, CancellationToken.None));
        }

        await _stop.CancelAsync();
        await _batcher;
        await _watch;
        await _node.DisposeAsync();
        await _applier.DrainAsync();
        _peers.Dispose();
        _completion.TrySetResult();
    }

    private Membership Leading()
    {
        if (_stopped is not null || _completion.Task.IsCompleted)
        {
            throw new ReplicaUnavailableException("This replica is stopping.", Leader);
        }

        if (_node.Current is { Leads: true } member)
        {
            return member;
        }

        var leader = Leader;
        throw new ReplicaUnavailableException(leader is null ? "No leader is known here." : $"Replica {leader} leads.", leader);
    }
}

/// <summary>The state at one position, with the terms of the entries up to it.</summary>
internal sealed record StateSnapshot(long Position, TermRun[] Terms, FileStream File) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => File.DisposeAsync();
}
