using Agora.Contracts.Replication;
using Agora.Replication.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Scrubbing;

/// <summary>
/// Compares the replica's whole state with the others' at the same position, in the background, so that a flipped bit
/// is not served for long.
/// </summary>
/// <remarks>
/// <para>A scrub is a command without effect that is ordered like any other (<see cref="Command.Scrub"/>). Each replica
/// freezes its state right behind it, while it goes on to apply commands, reads the frozen state slowly, and asks the
/// others what they found. So all compare the state at one position without a pause.</para>
/// <para>A replica is wrong if a majority of the group has equal and whole states at the position and its own differs:
/// it stops serving (<see cref="StateHealth"/>). Where no majority agrees, nobody can tell who is right: all say so and
/// go on.</para>
/// <para>Any replica may order a scrub, and a superfluous one does no harm. Each orders one when the last that it has
/// seen is long ago; the lower its number, the earlier. With Raft the others ask the leader to do so.</para>
/// <para>Bounds: one pass at a time; a rest after it that is a hundred times as long; a pass that takes too long is
/// given up, because the WAL grows meanwhile; the exchange ends in time.</para>
/// </remarks>
internal sealed class Scrubber : BackgroundService
{
    private const int MaxResults = 4;

    // A replica that catches up meets scrubs that the others have forgotten.
    private const long MaxLag = 1000;

    private static readonly TimeSpan s_submitTimeout = TimeSpan.FromSeconds(10);

    private readonly int _replicas;
    private readonly int _self;
    private readonly IReplicator _replicator;
    private readonly ReplicatedStore _store;
    private readonly ReplicaPeers _peers;
    private readonly StateHealth _health;
    private readonly ScrubSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private readonly Lock _gate = new();
    private readonly Queue<ScrubResult> _results = [];

    private FrozenState? _frozen; // Handed from the applier to the loop.
    private int _isBusy; // 1 from the freezing of a state to the end of its comparison.
    private long _restUntil; // Timestamp before which no pass begins.
    private long _dueAt; // Timestamp at which this replica orders a scrub.

    public Scrubber(
        int replicas,
        int self,
        IReplicator replicator,
        ReplicatedStore store,
        ReplicaPeers peers,
        StateHealth health,
        ScrubSettings settings,
        TimeProvider time,
        ILogger<Scrubber> logger
    )
    {
        (_replicas, _self, _replicator, _store, _peers) = (replicas, self, replicator, store, peers);
        (_health, _settings, _time, _logger) = (health, settings, time, logger);
        _dueAt = In(settings.FirstAfter * (1 + Random.Shared.NextDouble()));
        store.ScrubApplied = Begin;
    }

    /// <summary>What the last passes found.</summary>
    public IReadOnlyList<ScrubResult> Results
    {
        get
        {
            lock (_gate)
            {
                return [.. _results];
            }
        }
    }

    /// <summary>Orders a scrub, unless one was begun so shortly before that this replica would not take part.</summary>
    public async Task TrySubmitAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _isBusy) != 0 || IsBefore(ref _restUntil))
        {
            return;
        }

        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(s_submitTimeout);
        try
        {
            await _replicator.SubmitAsync(Command.Scrub(), bound.Token);
        }
        catch (Exception e) when (e is ReplicaUnavailableException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _logger.LogDebug("A scrub cannot be ordered now: {Reason}", e.Message);
        }
    }

    public override void Dispose()
    {
        Interlocked.Exchange(ref _frozen, null)?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_settings.Tick, _time, cancellationToken);
                if (Interlocked.Exchange(ref _frozen, null) is { } frozen)
                {
                    await ExamineAsync(frozen, cancellationToken);
                }
                else if (!IsBefore(ref _dueAt))
                {
                    // Not at once again, should it fail. One that is ordered sets the time anew.
                    Volatile.Write(ref _dueAt, In(_settings.FirstAfter));
                    await AskForScrubAsync(cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The replica stops.
        }
    }

    private async Task AskForScrubAsync(CancellationToken cancellationToken)
    {
        if (_replicator.Status.Leader is { } leader && leader != _self)
        {
            await _peers.AskAsync(
                leader,
                (peer, options) => peer.BeginScrubAsync(new BeginScrubRequest(), options),
                cancellationToken
            );
        }
        else
        {
            await TrySubmitAsync(cancellationToken);
        }
    }

    // On the applier's thread, right behind the scrub.
    private void Begin(long position)
    {
        var jitter = 1 + ((_self + Random.Shared.NextDouble()) / 10 / _replicas);
        Volatile.Write(ref _dueAt, In(_settings.Interval * jitter));
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            return;
        }

        if (IsBefore(ref _restUntil) || _replicator.Status.Known - position > MaxLag)
        {
            Volatile.Write(ref _isBusy, 0);
            return;
        }

        try
        {
            Interlocked.Exchange(ref _frozen, _store.Freeze())?.Dispose();
        }
        catch (SqliteException e)
        {
            _logger.LogWarning(e, "The state cannot be scrubbed now");
            Volatile.Write(ref _isBusy, 0);
        }
    }

    private async Task ExamineAsync(FrozenState frozen, CancellationToken cancellationToken)
    {
        try
        {
            var (result, work) = await PassAsync(frozen, cancellationToken);
            Volatile.Write(ref _restUntil, In(work * _settings.RestFactor));
            cancellationToken.ThrowIfCancellationRequested();
            if (result is null)
            {
                _logger.LogWarning(
                    "The state was not scrubbed: it takes longer than {Seconds} s to read",
                    _settings.MaxPass.TotalSeconds
                );
                return;
            }

            lock (_gate)
            {
                if (_results.Count == MaxResults)
                {
                    _results.Dequeue();
                }

                _results.Enqueue(result);
            }

            await CompareAsync(result, work, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
        }
    }

    private Task<(ScrubResult? Result, TimeSpan Work)> PassAsync(
        FrozenState frozen,
        CancellationToken cancellationToken
    ) =>
        Task.Factory.StartNew(
            () =>
            {
                using (frozen)
                {
                    var result = ScrubPass.Run(frozen, _settings.MaxPass, out var work, cancellationToken);
                    return (result, work);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );

    private async Task CompareAsync(ScrubResult own, TimeSpan work, CancellationToken cancellationToken)
    {
        var findings = new ScrubResult?[_replicas];
        findings[_self] = own;
        for (var begun = _time.GetTimestamp(); ; )
        {
            await Task.WhenAll(_peers.Others.Where(o => findings[o] is null).Select(AskAsync));
            var verdict = ScrubVerdict.Of(findings);
            if (verdict.IsDecided && verdict.Odd.Contains(_self))
            {
                _health.MarkWrong(
                    own.Damage is { } damage
                        ? $"the state is damaged ({damage}), and most replicas' are whole"
                        : $"the state at position {own.Position} differs from that of most replicas"
                );
                return;
            }

            if (Array.TrueForAll(findings, f => f is not null) || _time.GetElapsedTime(begun) > _settings.MaxExchange)
            {
                Report(own, work, verdict, findings);
                return;
            }

            await Task.Delay(_settings.Tick, _time, cancellationToken);
        }

        async Task AskAsync(int other)
        {
            var answer = await _peers.AskAsync(
                other,
                (peer, options) => peer.GetScrubsAsync(new ScrubsRequest(), options),
                cancellationToken
            );
            if (answer?.Findings.LastOrDefault(f => f.Position == own.Position) is { } found)
            {
                findings[other] = new ScrubResult(found.Position, found.Digest, found.Sound ? null : "damaged");
            }
        }
    }

    private void Report(ScrubResult own, TimeSpan work, ScrubVerdict verdict, ScrubResult?[] findings)
    {
        if (verdict.IsDecided)
        {
            _health.Note = null;
            foreach (var odd in verdict.Odd)
            {
                _logger.LogError(
                    "The state of replica {Odd} at position {Position} differs from that of most replicas",
                    odd,
                    own.Position
                );
            }

            _logger.LogInformation(
                "Scrubbed at position {Position}: {Equal} of {Replicas} replicas have this state; {Milliseconds} ms",
                own.Position,
                findings.Count(f => f is not null) - verdict.Odd.Count,
                _replicas,
                (long)work.TotalMilliseconds
            );
        }
        else if (verdict.IsSplit)
        {
            _health.Note =
                $"The replicas' states at position {own.Position} differ, and no majority has the same: a person must "
                + "find out which is right.";
            _logger.LogError("{Note}", _health.Note);
        }
    }

    private bool IsBefore(ref long timestamp) => _time.GetTimestamp() < Volatile.Read(ref timestamp);

    private long In(TimeSpan span) => _time.GetTimestamp() + (long)(span.TotalSeconds * _time.TimestampFrequency);
}
