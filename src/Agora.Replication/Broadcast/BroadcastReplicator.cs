using System.Globalization;
using System.Net;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Grpc.Core;
using Grpc.Net.Client;
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
/// has made durable. A replica whose journal cannot be used copies the state from another one
/// (<see cref="MemberLife"/>).
/// </remarks>
internal sealed class BroadcastReplicator : IReplicator, IStateSource, IDeliveryHandler
{
    private const string Engine = "rotating-sequencer";
    private const string IncomingState = "incoming.db";
    private const string OutgoingState = "outgoing-";

    // For callers without a deadline of their own.
    private static readonly TimeSpan s_submitTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_barrierTimeout = TimeSpan.FromSeconds(5);

    // Enough for a state of several gigabytes on a slow network. A replica that is stopped gives up at once.
    private static readonly TimeSpan s_fetchTimeout = TimeSpan.FromMinutes(10);

    private readonly DatabaseGroup _group;
    private readonly ReplicatedStore _store;
    private readonly ReplicaDirectory _place;
    private readonly string _journal;
    private readonly ComponentIdentity? _identity;
    private readonly ILogger _logger;
    private readonly MemberLife _life;
    private readonly StateProgress _progress = new();
    private readonly SemaphoreSlim _snapshots = new(1, 1);
    private Command[] _commands = new Command[64];
    private int _resyncs;
    private string? _whyNoCopy;

    public BroadcastReplicator(
        DatabaseGroup group,
        ReplicaDirectory directory,
        ReadOnlyMemory<byte> key,
        ReplicatedStore store,
        HostLookup lookup,
        ComponentIdentity? identity,
        ILogger<BroadcastReplicator> logger
    )
    {
        (_group, _place, _store, _identity) = (group, directory, store, identity);
        var replica = directory.Owner.Replica;
        _logger = logger;
        _journal = Path.Combine(Location, "journal");
        MemberOptions options = new()
        {
            Id = replica,
            Members =
            [
                .. group.Replicas.Select((r, i) => i == replica ? HostNames.PeerOf(r, lookup) : AddressOf(r.Dial())),
            ],
            ResolveMember = group.Replicas.Any(r => HostNames.IsName(r.Dial().Host))
                ? (member, _) => Task.FromResult(HostNames.PeerOf(group.Replicas[member].Dial(), lookup))
                : null,
            GroupKey = key,
            JournalDirectory = _journal,
            FetchState = directory.ComesBack ? FetchStateAsync : null,
            Logger = logger,
        };
        _life = new MemberLife(group, options, this, logger);
    }

    /// <inheritdoc/>
    public Task Completion => _life.Completion;

    /// <inheritdoc/>
    public ReplicatorStatus Status
    {
        get
        {
            if (_life.Current is not { } member)
            {
                return new ReplicatorStatus(Engine, "joining", _store.Applied, _store.Applied, false, null);
            }

            var status = member.Status;
            var takesPart = status.Phase == MemberPhase.Member;
            var ready = takesPart && status.ReachableMembers == _group.Replicas.Count && !_life.Completion.IsCompleted;
            return new ReplicatorStatus(
                Engine,
                !takesPart ? "joining"
                    : status.IsNextSequencer ? "sequencer"
                    : "member",
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
            if (_life.Current is not { } member)
            {
                return new ReplicatorDetails(null, _store.Applied, 0, 0, Resyncs, [])
                {
                    Joining = new ReplicatorJoining("its journal is set aside", 0, null),
                };
            }

            var details = member.Details;
            return new ReplicatorDetails(
                Term: null,
                member.Status.Stable,
                details.RepairsAsked,
                details.RepairsAnswered,
                Resyncs,
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
            )
            {
                Joining = member.Status is { Phase: not MemberPhase.Member } status ? JoiningOf(status) : null,
                Problems = Problems(details.Peers),
            };
        }
    }

    private string[] Problems(IReadOnlyList<RotatingSequencer.PeerStatus> peers) =>
        [
            .. _place.SetAsideReason is { } reason
                ? (string[])[$"what it held is set aside in {_place.SetAsideIn}: {reason}"]
                : [],
            .. peers
                .Where(peer => peer.OtherVersion is not null)
                .Select(peer =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"datagrams of version {peer.OtherVersion} come in the name of {NameOf(peer.Member)} "
                            + $"({AddressOf(peer.Member)}), and this program speaks version {Member.DatagramVersion}: "
                            + $"let both run the same version of the program"
                    )
                ),
        ];

    private string NameOf(int replica) =>
        string.Create(CultureInfo.InvariantCulture, $"{_place.Owner.Database}/{replica}");

    private string AddressOf(int replica)
    {
        var address = _group.Replicas[replica].Dial();
        return string.Create(CultureInfo.InvariantCulture, $"{address.Host}:{address.PeerPort}");
    }

    long IDeliveryHandler.Applied => _store.Applied;

    private int Resyncs => Volatile.Read(ref _resyncs);

    private string Location => _place.Path;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var left in Directory.GetFiles(Location, OutgoingState + "*"))
        {
            File.Delete(left);
        }

        StoreCopy.Remove(Path.Combine(Location, IncomingState));
        if (_place.HoldsSetAside)
        {
            // The journal went with the rest. Its member is not new all the same: if all members find their files of no
            // use at once, no empty group may begin in the place of theirs.
            Directory.CreateDirectory(Path.Combine(_journal, Replication.SetAside.DirectoryName));
        }

        await _life.StartAsync(cancellationToken);
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
    }

    /// <inheritdoc/>
    public async Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
    {
        if (command.Payload.Length > Command.MaxPayload)
        {
            throw new ArgumentException($"A command's payload is at most {Command.MaxPayload} bytes.", nameof(command));
        }

        var member = MemberWithMajority(reads: false);
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
            await MemberWithMajority(reads: true)
                .ReadBarrierAsync(CancellationToken.None)
                .WaitAsync(s_barrierTimeout, cancellationToken);
        }
        catch (Exception e) when (e is MemberStoppedException or TimeoutException)
        {
            throw new ReplicaUnavailableException("No majority of the group answers.", null, e);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _life.DisposeAsync();

    /// <inheritdoc/>
    public async Task<StateSnapshot> SnapshotAsync(long atLeast, CancellationToken cancellationToken)
    {
        var member = _life.Current ?? throw new ReplicaUnavailableException("This replica is starting or stopping.");
        await _snapshots.WaitAsync(cancellationToken);
        try
        {
            var (header, copy) = await CaptureAsync(member, cancellationToken);
            using (copy)
            {
                if (copy.Position < atLeast)
                {
                    throw new ReplicaUnavailableException("This replica lags behind.");
                }

                var path = Path.Combine(Location, $"{OutgoingState}{Guid.NewGuid():N}.db");
                await Task.Run(() => copy.WriteTo(path), cancellationToken);
                return new StateSnapshot(copy.Position, [], StateSnapshot.Open(path)) { Member = header };
            }
        }
        finally
        {
            _snapshots.Release();
        }
    }

    /// <summary>
    /// Puts the state of one of the members in the place of this replica's own, and returns the header that belongs to
    /// it.
    /// </summary>
    /// <param name="members">Those that have a state that will do, the best first.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<ReadOnlyMemory<byte>> FetchStateAsync(
        IReadOnlyList<int> members,
        CancellationToken cancellationToken
    )
    {
        List<string> reasons = [];
        foreach (var member in members)
        {
            try
            {
                return await FetchStateAsync(member, cancellationToken);
            }
            catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
            {
                reasons.Add(string.Create(CultureInfo.InvariantCulture, $"replica {member}: {e.Status.Detail}"));
            }
        }

        var why = string.Join("; ", reasons);
        if (why != _whyNoCopy)
        {
            // It is tried again every second; the log needs to hear of it once.
            _whyNoCopy = why;
            _logger.LogWarning("The state cannot be copied now: {Reason}", why);
        }

        throw new ReplicaUnavailableException(why);
    }

    // On a connection of its own, so that the other's address is looked up anew.
    private async Task<ReadOnlyMemory<byte>> FetchStateAsync(int member, CancellationToken cancellationToken)
    {
        using var channel = ReplicaChannel.Open(
            _group.Replicas[member],
            _identity?.ClientOptions(_identity.Component, member)
        );
        var path = Path.Combine(Location, IncomingState);
        var header = await ReceiveAsync(channel, member, path, cancellationToken);
        var position = await Task.Run(() => _store.Restore(path), cancellationToken);
        StoreCopy.Remove(path);
        Interlocked.Increment(ref _resyncs);
        _logger.LogInformation(
            "Copied the state at {Position} from replica {Replica}, {Bytes} bytes",
            position,
            member,
            header.Length
        );
        return header.Member.Memory;
    }

    private async Task<StateHeader> ReceiveAsync(
        GrpcChannel channel,
        int member,
        string path,
        CancellationToken cancellationToken
    )
    {
        StoreCopy.Remove(path);
        try
        {
            using var call = new StateSource.StateSourceClient(channel).FetchState(
                new FetchStateRequest { AtLeast = -1 },
                null,
                TimeProvider.System.GetUtcNow().UtcDateTime + s_fetchTimeout,
                cancellationToken
            );
            var (header, digest) = await StateStream.ReceiveAsync(
                call,
                member,
                atLeast: -1,
                path,
                _progress.Set,
                cancellationToken
            );
            return
                await Task.Run(
                    () => StateTransfer.FaultOf(path, _place.Owner, header.Position, digest),
                    cancellationToken
                )
                    is { } fault
                ? throw new RpcException(new Status(StatusCode.DataLoss, $"its state is not used: {fault}"))
                : header;
        }
        finally
        {
            _progress.Set(0, 0);
        }
    }

    private async Task<(ReadOnlyMemory<byte> Header, StoreCopy Copy)> CaptureAsync(
        Member member,
        CancellationToken cancellationToken
    )
    {
        var capture = member.CaptureAsync(_store.Copy, CancellationToken.None);
        try
        {
            return await capture.WaitAsync(s_barrierTimeout, cancellationToken);
        }
        catch (MemberStoppedException e)
        {
            throw new ReplicaUnavailableException("This replica has no state to give now.", null, e);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // A copy that is made all the same must not stay open: it would keep the WAL from being cut.
            _ = capture.ContinueWith(
                late => late.Result.Captured.Dispose(),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default
            );
            throw e is TimeoutException ? new ReplicaUnavailableException("This replica is busy.", null, e) : e;
        }
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

        // One transaction: whole numbers, and the last of them with their effects. A number with a scrub ends it, so
        // that all replicas look at the state at that number.
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
    private Member MemberWithMajority(bool reads)
    {
        if (_life.Current is not { } member || _life.Completion.IsCompleted)
        {
            throw new ReplicaUnavailableException("This replica is starting or stopping.");
        }

        // Reads go on while another replica joins, or is away; writes need all.
        var status = member.Status;
        if (reads ? !status.CanRead : status.Phase != MemberPhase.Member)
        {
            throw new ReplicaUnavailableException($"This replica joins its group: {JoiningOf(status).Reason}.");
        }

        var reachable = status.ReachableMembers;
        return reachable > _group.Replicas.Count / 2
            ? member
            : throw new ReplicaUnavailableException(
                $"Only {reachable} of {_group.Replicas.Count} replicas are heard from."
            );
    }

    private ReplicatorJoining JoiningOf(MemberStatus status)
    {
        var (copied, total) = _progress.Bytes;
        var what = status switch
        {
            { WaitingFor: { } waits } => waits,
            { Phase: MemberPhase.Copying } => "it copies the state",
            { Phase: MemberPhase.CatchingUp } => "it catches up with the others",
            _ => "it waits for the others",
        };
        return new ReplicatorJoining(what, copied, total > 0 ? total : null);
    }

    /// <summary>
    /// Where another replica is. Null where a name says it: the member looks that up while it runs, so that a name
    /// that does not resolve now keeps nobody from starting.
    /// </summary>
    private static IPEndPoint? AddressOf(DatabaseAddress replica)
    {
        var port = HostNames.PeerPortOf(replica);
        return IPAddress.TryParse(replica.Host, out var address) ? new IPEndPoint(address, port) : null;
    }

    private static bool IsOfJournal(string name) =>
        name is "lock" or "unfinished" or "set-aside"
        || (name.StartsWith("journal-", StringComparison.Ordinal) && name[8..].All(char.IsAsciiDigit));
}
