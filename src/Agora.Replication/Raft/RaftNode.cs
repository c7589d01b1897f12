using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// This replica's life as a member of the Raft group. It takes part where log and state are there; otherwise it joins
/// (<see cref="JoinProcedure"/>). When the others' logs no longer reach back to where its own ends, it leaves and joins
/// again.
/// </summary>
internal sealed class RaftNode : IAsyncDisposable
{
    private readonly DatabaseGroup _group;
    private readonly int _replica;
    private readonly ReplicatedStore _store;
    private readonly CommandApplier _applier;
    private readonly RaftSettings _settings;
    private readonly ComponentIdentity? _identity;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly ReplicaDirectory _directory;
    private readonly ReplicaFiles _files;
    private readonly JoinProcedure _join;
    private readonly ReturnProcedure _return;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile LibraryNode? _current;
    private volatile Ballot? _ballot;
    private volatile RaftLog? _returning; // What it comes back with, until it takes part.
    private Task _life = Task.CompletedTask;

    public RaftNode(
        DatabaseGroup group,
        ReplicaDirectory directory,
        ReplicaFiles files,
        ReplicatedStore store,
        CommandApplier applier,
        RaftPeers peers,
        RaftSettings settings,
        ComponentIdentity? identity,
        ILoggerFactory loggers
    )
    {
        (_group, _replica, _directory, _files) = (group, directory.Owner.Replica, directory, files);
        (_store, _applier) = (store, applier);
        (_settings, _identity, _loggers) = (settings, identity, loggers);
        _logger = loggers.CreateLogger<RaftNode>();
        _join = new JoinProcedure(LibraryMembers.IdOf(_replica), directory, store, files, peers, _logger);
        _return = new ReturnProcedure(peers, group.Replicas.Count, files.Location, _logger);
    }

    /// <summary>What this replica takes part with; null while it is out of the group.</summary>
    public LibraryNode? Current => _current;

    /// <summary>Faults when the node could not go on.</summary>
    public Task Failed => _failed.Task;

    /// <summary>It has never promised anything and holds nothing: it is new, or has lost everything.</summary>
    public bool IsEmpty =>
        _current is { State: { } state }
            ? state.Ballot.State.Term == 0 && state.Log.LastIndex == 0
            : _ballot is null && _store.Applied <= 0 && !_directory.HoldsSetAside;

    /// <summary>
    /// The term that it has reached; 0 while it has no ballot. Every candidacy of its own is of this term or an earlier
    /// one.
    /// </summary>
    public long Term => _ballot?.State.Term ?? 0;

    /// <summary>How often it fetched the state from another replica since its start.</summary>
    public int Resyncs => _join.Resyncs;

    /// <summary>How far it is with joining; null while it takes part.</summary>
    public JoinProgress? Joining =>
        _current is not null ? null
        : _returning is not null ? new JoinProgress(ReturnProcedure.Reason, 0, null)
        : _join.Progress;

    /// <summary>The replica that leads, as far as known here; itself only while it may serve.</summary>
    public int? Leader => _current?.Leader;

    /// <summary>What this replica knows, for a reader; null while it is out of the group.</summary>
    public TermReport? Report()
    {
        if (_current is not { } node)
        {
            return null;
        }

        // Not before the library lets it lead: it would still refuse writes.
        var report = node.State.Report();
        return node.Leads ? report : report with { CommitIndex = null };
    }

    /// <summary>
    /// Begins to take part where log and state are there, and otherwise to join, without waiting for the others.
    /// </summary>
    /// <exception cref="IOException">The directory or the port cannot be used, or what is there does not fit
    /// together.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var own = HostNames.PeerOf(_group.Replicas[_replica], _settings.Lookup);
        try
        {
            _files.WarnOfStrays(_logger);
            (var log, _ballot) = _files.Take();
            if (_group.Replicas.Count > 1)
            {
                _returning = log;
                ThrowIfTaken(own);
            }
            else if (log is not null && _ballot is { } ballot)
            {
                await TakePartAsync(log, ballot, cancellationToken);
            }
            else
            {
                await BeginAloneAsync(cancellationToken);
            }
        }
        catch (SocketException e)
        {
            throw new FixableException(
                $"TCP port {own}",
                $"replica {_replica} cannot listen there ({e.Message})",
                "End the program that does, or give another port in the cluster file",
                e
            );
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw Explain(e);
        }

        _life = Task.Run(LiveAsync, CancellationToken.None);
    }

    /// <summary>Leaves the group.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _life;
        await LeaveAsync();
        _returning?.Dispose();
        _ballot?.Dispose();
    }

    /// <inheritdoc cref="ReplicaFiles.Explain"/>
    public Exception Explain(Exception e) => _files.Explain(e);

    private async Task LiveAsync()
    {
        try
        {
            if (_returning is { } own && _ballot is { } promised)
            {
                await _return.ThrowIfOlderCopyAsync(own, promised, _stop.Token);
                await TakePartAsync(own, promised, _stop.Token);
                _returning = null;
            }

            while (true)
            {
                if (_current is null)
                {
                    var (log, ballot) = await _join.JoinAsync(_ballot, _stop.Token);
                    await TakePartAsync(log, ballot, _stop.Token);
                }

                await _current!.State.NeedsState.WaitAsync(_stop.Token);
                _logger.LogWarning(
                    "The others' logs no longer reach back to {Index}: this replica leaves and fetches the state",
                    _store.Applied
                );
                await LeaveAsync();
                _ballot = _files.ReopenBallot();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped in order.
        }
        catch (Exception e)
        {
            // As it is: damage condemns the directory.
            _failed.TrySetException(e);
        }
    }

    private Task BeginAloneAsync(CancellationToken cancellationToken)
    {
        if (!IsEmpty)
        {
            throw new ReplicaDamagedException(
                _files.Location,
                $"the state is at {_store.Applied}, and the log that it comes from is gone"
            );
        }

        var (log, ballot) = _join.Begin();
        return TakePartAsync(log, ballot, cancellationToken);
    }

    private async Task TakePartAsync(RaftLog log, Ballot ballot, CancellationToken cancellationToken)
    {
        _ballot = ballot;
        var node = await LibraryNode.StartAsync(
            _group,
            _directory.Owner,
            _files.Location,
            new RaftState(log, ballot, _applier, _group.Replicas.Count, _store.Applied),
            _applier,
            _settings,
            _identity,
            _loggers,
            cancellationToken
        );
        _ = FailWithAsync(node.Failed);
        _current = node;
    }

    private async Task LeaveAsync()
    {
        if (_current is { } node)
        {
            _current = null;
            await node.LeaveAsync();
            await _applier.DrainAsync();
            node.State.Log.Mark();
            await node.DisposeAsync();
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

    // A replica listens only when it takes part. If another program has the port, the operator should learn that at
    // once.
    private static void ThrowIfTaken(IPEndPoint own)
    {
        using TcpListener probe = new(own);
        probe.Start();
    }
}
