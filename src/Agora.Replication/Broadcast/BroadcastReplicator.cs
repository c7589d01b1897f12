using System.Net.Sockets;
using Agora.Cluster;
using Microsoft.Extensions.Logging;
using RotatingSequencer;

namespace Agora.Replication.Broadcast;

/// <summary>
/// Orders commands with the rotating-sequencer atomic broadcast: every replica takes commands and serves linearizable
/// reads. One payload is one command; the protocol packs what waits together.
/// </summary>
/// <remarks>
/// Members take turns in assigning numbers. So writes pause while any replica is away, and reads while a majority is.
/// The protocol's journal is the redo log of the store: it is cut only behind what <see cref="ReplicatedStore.Flush"/>
/// has made durable.
/// </remarks>
internal sealed class BroadcastReplicator : IReplicator, IDeliveryHandler
{
    private const string Engine = "rotating-sequencer";

    // For callers without a deadline of their own.
    private static readonly TimeSpan s_submitTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_barrierTimeout = TimeSpan.FromSeconds(5);

    private readonly DatabaseGroup _group;
    private readonly int _replica;
    private readonly ReplicatedStore _store;
    private readonly string _journal;
    private readonly ReadOnlyMemory<byte> _key;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Command[] _commands = new Command[64];
    private volatile Member? _member;

    public BroadcastReplicator(
        DatabaseGroup group,
        int replica,
        string journal,
        ReadOnlyMemory<byte> key,
        ReplicatedStore store,
        ILogger<BroadcastReplicator> logger
    ) => (_group, _replica, _journal, _key, _store, _logger) = (group, replica, journal, key, store, logger);

    /// <inheritdoc/>
    public Task Completion => _completion.Task;

    /// <inheritdoc/>
    public ReplicatorStatus Status
    {
        get
        {
            if (_member is not { } member)
            {
                return new ReplicatorStatus(Engine, "member", _store.Applied, _store.Applied, false, null);
            }

            var status = member.Status;
            var ready = status.ReachableMembers == _group.Replicas.Count && !_completion.Task.IsCompleted;
            var role = status.IsNextSequencer ? "sequencer" : "member";
            return new ReplicatorStatus(
                Engine,
                role,
                status.Applied,
                Math.Max(status.Known, status.Applied),
                ready,
                null
            );
        }
    }

    /// <inheritdoc/>
    public ReplicatorDetails Details
    {
        get
        {
            if (_member is not { } member)
            {
                return new ReplicatorDetails(null, _store.Applied, 0, 0, 0, []);
            }

            var details = member.Details;
            return new ReplicatorDetails(
                Term: null,
                member.Status.Stable,
                details.RepairsAsked,
                details.RepairsAnswered,
                Resyncs: 0,
                [
                    .. details.Peers.Select(p => new ReplicatorPeer(
                        p.Member,
                        p.HeardAgo < Member.ReachableWithin,
                        p.HeardAgo,
                        p.RoundTrip,
                        p.Received,
                        p.Sent
                    )),
                ]
            );
        }
    }

    long IDeliveryHandler.Applied => _store.Applied;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        MemberOptions options = new()
        {
            Id = _replica,
            Members = [.. _group.Replicas.Select((r, i) => HostNames.PeerOf(i == _replica ? r : r.Dial()))],
            GroupKey = _key,
            JournalDirectory = _journal,
        };
        try
        {
            _member = await Member.StartAsync(options, this, cancellationToken);
        }
        catch (SocketException e)
        {
            throw new FixableException(
                $"UDP port {options.Members[_replica]}",
                $"replica {_replica} cannot listen there ({e.Message})",
                "End the program that does, or give another port in the cluster file",
                e
            );
        }
        catch (Exception e) when (e is JournalLostException or JournalDamagedException or InvalidDataException)
        {
            throw Unusable(e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of(_journal, e);
        }

        string[] strays =
        [
            .. Directory.GetFileSystemEntries(_journal).Select(f => Path.GetFileName(f)).Where(f => !IsOfJournal(f)),
        ];
        if (strays.Length > 0)
        {
            _logger.LogWarning(
                "{Directory} also holds {Files}, which is no journal and left alone; keep it elsewhere",
                _journal,
                string.Join(", ", strays)
            );
        }

        _ = ForwardCompletionAsync(_member);
    }

    /// <inheritdoc/>
    public async Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
    {
        if (command.Payload.Length > Command.MaxPayload)
        {
            throw new ArgumentException($"A command's payload is at most {Command.MaxPayload} bytes.", nameof(command));
        }

        var member = MemberWithMajority();
        var payload = new byte[command.EncodedSize];
        command.Encode(payload);
        try
        {
            return await member
                .BroadcastAsync(payload, CancellationToken.None)
                .WaitAsync(s_submitTimeout, cancellationToken);
        }
        catch (OverloadedException e)
        {
            throw new ReplicaUnavailableException("overloaded", null, e);
        }
        catch (TimeoutException e)
        {
            throw new ReplicaUnavailableException(
                "The outcome is unknown: the group did not order the command in time.",
                null,
                e
            );
        }
        catch (MemberStoppedException e)
        {
            throw new ReplicaUnavailableException("The outcome is unknown: this replica has stopped.", null, e);
        }
    }

    /// <inheritdoc/>
    public async Task ReadBarrierAsync(CancellationToken cancellationToken)
    {
        try
        {
            await MemberWithMajority()
                .ReadBarrierAsync(CancellationToken.None)
                .WaitAsync(s_barrierTimeout, cancellationToken);
        }
        catch (Exception e) when (e is MemberStoppedException or TimeoutException)
        {
            throw new ReplicaUnavailableException("No majority of the group answers.", null, e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_member is { } member)
        {
            await member.DisposeAsync();
        }

        _completion.TrySetResult();
    }

    void IDeliveryHandler.Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
    {
        if (_commands.Length < deliveries.Length)
        {
            _commands = new Command[deliveries.Length];
        }

        for (var i = 0; i < deliveries.Length; i++)
        {
            _commands[i] = Command.Decode(deliveries[i].Payload);
        }

        // One transaction: whole numbers, and the last of them with their effects. A number with a scrub ends it, so that
        // all replicas look at the state at that number.
        for (var (begin, i, hasScrub) = (0, 0, false); i < deliveries.Length; i++)
        {
            hasScrub |= _commands[i].IsScrub;
            var isLast = i == deliveries.Length - 1;
            if (isLast || (hasScrub && deliveries[i + 1].Number != deliveries[i].Number))
            {
                _store.Apply(deliveries[i].Number, _commands.AsSpan(begin..(i + 1)), results[begin..]);
                (begin, hasScrub) = (i + 1, false);
            }
        }
    }

    bool IDeliveryHandler.TryFlush()
    {
        // Nothing is applied meanwhile, so this covers everything delivered.
        _store.Flush();
        return true;
    }

    // Without a majority nothing is delivered, and what is submitted would only wait.
    private Member MemberWithMajority()
    {
        if (_member is not { } member || _completion.Task.IsCompleted)
        {
            throw new ReplicaUnavailableException("This replica is starting or stopping.");
        }

        var reachable = member.Status.ReachableMembers;
        return reachable > _group.Replicas.Count / 2
            ? member
            : throw new ReplicaUnavailableException(
                $"Only {reachable} of {_group.Replicas.Count} replicas are heard from."
            );
    }

    private FixableException Unusable(Exception e) =>
        new(_journal, e.Message.TrimEnd('.'), ReplicaAdvice.ForLog(_group, Path.GetDirectoryName(_journal)!), e);

    private static bool IsOfJournal(string name) =>
        name is "lock" or "unfinished" or "set-aside"
        || (name.StartsWith("journal-", StringComparison.Ordinal) && name[8..].All(char.IsAsciiDigit));

    private async Task ForwardCompletionAsync(Member member)
    {
        try
        {
            await member.Completion;
            _completion.TrySetResult();
        }
        catch (JournalLostException e)
        {
            _completion.TrySetException(Unusable(e));
        }
        catch (FixableException e)
        {
            _completion.TrySetException(e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _completion.TrySetException(FileFault.Of(_journal, e));
        }
        catch (Exception e)
        {
            _logger.LogCritical(e, "The broadcast member has stopped");
            _completion.TrySetException(e);
        }
    }
}
