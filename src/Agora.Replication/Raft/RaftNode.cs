using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Security;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// This replica as a member of the Raft group: how it comes in, takes part, and leaves to fetch the state when the others' log no longer reaches back
/// to where it stands.
/// </summary>
/// <remarks>
/// <para>A replica without a ballot has never promised anything, or has lost what it promised with its disk; it cannot tell which. Were it to vote as if
/// it were new, a majority that lacks an acknowledged entry could elect a leader with its help. So it comes in by one of two ways:</para>
/// <list type="number">
/// <item>All others have no ballot either or have never used theirs. Whatever was acknowledged is held by a majority, so by one of the others if this
/// replica was ever among them: nothing was. The group begins. This needs every replica once, at its very first start.</item>
/// <item>It fetches the state. The leader notes its last entry M when it is asked, proves after that with a majority, to which this replica does not
/// belong, that it leads in term T, and waits until M is committed; any replica then gives its state at M or above. Every entry that this replica
/// ever acknowledged and that anybody relies on came from a leader of T or before, so it lies at or below M. What it may have voted is not known: in
/// terms up to T it did not matter, as T has its leader. A candidate of a later term may still be collecting votes with this replica's among them.
/// Whoever that is reached its term before it asked for the vote. So the replica asks each of the others, now, which term it has reached, and goes on as
/// one that has voted in the highest: every vote that it may have given is of that term or an earlier one. And as it takes nothing from leaders of earlier terms
/// any more, no entry is committed with its help that such a candidate, once elected, would lack.</item>
/// </list>
/// <para>Where another does not answer for a while, its term is not known. As two may be down at once, the replica does not wait for longer, but goes on as one that has voted in
/// a term so high (<see cref="TermsAhead"/>) that no candidate will have reached it: a candidacy raises the term by one, and needs a majority's consent beforehand. That is a bound
/// far off and not a proof: a silent one that came in so itself may stand behind it. It costs the group an election, as its leader steps down before the higher term.</para>
/// <para>A replica that only fell behind keeps its ballot and its votes, and fetches the state in the same way. Its ballot says so from the moment at which it
/// learns it until log and state fit again: whenever the process dies in between, the next one begins from there.</para>
/// </remarks>
internal sealed class RaftNode : IAsyncDisposable
{
    private const long TermsAhead = 1000;

    private static readonly TimeSpan RestorePointTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // Several times as long as an answer may take: who only began late, or is busy, answers by then.
    private static readonly TimeSpan SilenceTimeout = TimeSpan.FromSeconds(4);

    private readonly int _replica;
    private readonly string _directory;
    private readonly ReplicatedStore _store;
    private readonly CommandApplier _applier;
    private readonly RaftPeers _peers;
    private readonly RaftSettings _settings;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly DatabaseGroup _group;
    private readonly ComponentIdentity? _identity;
    private readonly RaftMembers _members;
    private readonly IPEndPoint _own;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // The terms that the others have reached, as each has said since this process began; null for one that has not been heard.
    private readonly long?[] _heard;

    private volatile Membership? _membership;
    private volatile Ballot? _ballot;
    private Task _life = Task.CompletedTask;

    public RaftNode(
        DatabaseGroup group, int replica, string directory, ReplicatedStore store, CommandApplier applier, RaftPeers peers, RaftSettings settings,
        ComponentIdentity? identity, ILoggerFactory loggers)
    {
        (_group, _identity) = (group, identity);
        (_replica, _directory, _store, _applier, _peers, _settings, _loggers) = (replica, directory, store, applier, peers, settings, loggers);
        _logger = loggers.CreateLogger<RaftNode>();
        _members = new RaftMembers(group, replica);
        _own = HostNames.PeerOf(group.Replicas[replica]);
        _heard = new long?[_members.All.Count - 1];
    }

    /// <summary>What this replica takes part with; null while it is out of the group.</summary>
    public Membership? Current => _membership;

    /// <summary>Faults when the node had to stop by itself.</summary>
    public Task Failed => _failed.Task;

    /// <summary>It has never promised anything and holds nothing: it is new, or has lost everything.</summary>
    public bool IsBlank => _membership is { } member
        ? member.Trail.Ballot.State.Term == 0 && member.Trail.Log.LastIndex == 0
        : _ballot is null && _store.Applied <= 0;

    /// <summary>The term that it has reached; 0 while it has no ballot. Every candidacy of its own is of this term or an earlier one.</summary>
    public long Term => _ballot?.State.Term ?? 0;

    /// <summary>The replica that leads, as far as known here; itself only while it may serve.</summary>
    public int? Leader
    {
        get
        {
            var member = _membership;
            var index = _members.IndexOf(member?.Cluster.Leader?.EndPoint);
            return index < 0 || (index == _replica && !member!.Leads) ? null : index;
        }
    }

    private bool HasHeardAll => Array.TrueForAll(_heard, t => t is not null);

    /// <summary>What this replica knows, for whoever wants to read; null while it is out of the group.</summary>
    public MemberView? View()
    {
        if (_membership is not { } member)
        {
            return null;
        }

        // Not before the library lets it lead: writes would be refused still.
        var view = member.Trail.View();
        return member.Leads ? view : view with { Position = null };
    }

    /// <summary>Takes part where log and state are there, and otherwise begins to come in, without waiting for the others.</summary>
    /// <exception cref="IOException">The directory or the port cannot be used, or what is there does not fit together.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(_directory);
            foreach (var left in Directory.GetFiles(_directory, "*.db"))
            {
                File.Delete(left);
            }

            WarnOfStrays();
            _ballot = Ballot.Open(_directory, _settings.Log.Disk);
            if (_ballot is { State.LacksState: false })
            {
                await TakePartAsync(OpenLog(), cancellationToken);
            }
            else if (_members.All.Count == 1)
            {
                await TakePartAsync(
                    IsBlank ? Begin() : throw new LogDamagedException(_directory, $"the state stands at {_store.Applied}, and the log that it comes from is gone"),
                    cancellationToken);
            }
            else
            {
                ThrowIfTaken(_own);
            }
        }
        catch (SocketException e)
        {
            throw new FixableException(
                $"TCP port {_own}", $"replica {_replica} cannot listen there ({e.Message})", "End the program that does, or give another port in the cluster file", e);
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
        _ballot?.Dispose();
    }

    private async Task LiveAsync()
    {
        try
        {
            while (true)
            {
                if (_membership is null)
                {
                    await TakePartAsync(await ComeInAsync(), _stop.Token);
                }

                await _membership!.Trail.LacksState.WaitAsync(_stop.Token);
                _logger.LogWarning("The others' log no longer reaches back to {Index}: this replica leaves the group and fetches the state", _store.Applied);
                await LeaveAsync();
                _ballot = Ballot.Open(_directory, _settings.Log.Disk)
                    ?? throw new LogDamagedException(Ballot.PathIn(_directory), "is gone: this replica no longer knows what it promised");
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped in order.
        }
        catch (Exception e)
        {
            _failed.TrySetException(Explain(e));
        }
    }

    /// <summary>What of the replica's files is at fault and what helps; the exception itself where that is none of it.</summary>
    public Exception Explain(Exception e) => e switch
    {
        LogDamagedException damaged => new FixableException(
            Path.GetFullPath(damaged.File), damaged.What, ReplicaAdvice.ForLog(_group, Path.GetDirectoryName(Path.GetFullPath(_directory))!), e),
        IOException or UnauthorizedAccessException => FileFault.Of(Path.GetFullPath(_directory), e),
        _ => e,
    };

    private void WarnOfStrays()
    {
        string[] strays = [.. Directory.GetFileSystemEntries(_directory)
            .Where(f => f != Ballot.PathIn(_directory) && f != RaftAuditTrail.IdleIn(_directory) && LogSegment.NumberOf(f) is null
                && !f.EndsWith(".begun", StringComparison.Ordinal))
            .Select(f => Path.GetFileName(f))];
        if (strays.Length > 0)
        {
            _logger.LogWarning(
                "{Directory} also holds {Files}, which is no part of the log and left alone; keep it elsewhere", _directory, string.Join(", ", strays));
        }
    }

    private RaftLog OpenLog()
    {
        var log = RaftLog.Open(_directory, _settings.Log);
        if (_store.Applied <= log.LastIndex && Math.Max(_store.Applied, 0) >= log.BaseIndex)
        {
            return log;
        }

        log.Dispose();
        throw new LogDamagedException(
            _directory,
            $"the log holds entries {log.BaseIndex + 1} to {log.LastIndex}, while the state stands at {_store.Applied}: they do not belong together");
    }

    private RaftLog Begin()
    {
        // In this order: without the ballot the next start begins here again.
        var log = RaftLog.Create(_directory, 0, [], _settings.Log);
        _ballot = Ballot.Create(_directory, new BallotState(), _settings.Log.Disk);
        return log;
    }

    private async Task TakePartAsync(RaftLog log, CancellationToken cancellationToken)
    {
        var trail = RaftAuditTrail.Create(_directory, log, _ballot!, _applier, _members.All.Count, _store.Applied);
        RaftCluster cluster = new(Configure()) { AuditTrail = trail };
        Membership membership = new(cluster, trail);
        try
        {
            trail.MoreToSend = () => _ = membership.ReplicateSoonAsync(_logger, _stop.Token);
            await cluster.StartAsync(cancellationToken);
        }
        catch
        {
            await cluster.DisposeAsync();
            await trail.DisposeAsync();
            throw;
        }

        _ = FailWithAsync(trail.Failed);
        _membership = membership;
    }

    private async Task LeaveAsync()
    {
        if (_membership is { } membership)
        {
            _membership = null;
            await membership.Cluster.StopAsync(CancellationToken.None);
            await membership.Cluster.DisposeAsync();
            await _applier.DrainAsync();
            await membership.Trail.DisposeAsync();
        }
    }

    private async Task<RaftLog> ComeInAsync()
    {
        var told = false;
        var begun = Stopwatch.GetTimestamp();
        for (var pause = FirstPause; ;)
        {
            var standings = await HearAsync();
            if (IsBlank && Array.TrueForAll(standings, s => s is { Blank: true }))
            {
                return Begin();
            }

            var mayComeIn = _ballot is not null || HasHeardAll || Stopwatch.GetElapsedTime(begun) > SilenceTimeout;
            foreach (var leader in standings.Where(s => mayComeIn && s is { HasLeader: true }).Select(s => s!.Leader).Distinct())
            {
                try
                {
                    return await RestoreAsync(leader);
                }
                catch (RpcException e) when (!_stop.IsCancellationRequested)
                {
                    _logger.LogWarning("The state cannot be fetched now: {Reason}", e.Status.Detail);
                }
            }

            if (!told && pause == LongestPause)
            {
                told = true;
                _logger.LogWarning("This replica holds no state that fits the group's; it waits for {For}", Array.Exists(standings, s => s is { Blank: false })
                    ? "a leader, to fetch the state" : "every other replica, as a group begins with all of them");
            }

            // A group that is about to begin is soon no longer blank: whoever looks too late has to fetch what little there is.
            await Task.Delay(pause, _stop.Token);
            if (Array.Exists(standings, s => s is not { Blank: true }))
            {
                pause = pause < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task<RaftLog> RestoreAsync(int leader)
    {
        var point = await _peers.RestorePointAsync(leader, RestorePointTimeout, _stop.Token);
        var path = Path.Combine(_directory, "incoming.db");
        var header = await FetchAsync(leader, point.Position, path);
        _logger.LogInformation("Fetched the state at {Position}, {Bytes} bytes", header.Position, header.Length);
        _store.Restore(path);
        File.Delete(path);

        // Until the ballot says otherwise, the next start fetches the state again.
        var log = RaftLog.Create(_directory, header.Position, [.. header.Terms.Select(t => new TermRun(t.First, t.Term))], _settings.Log);
        if (_ballot is null)
        {
            // A vote for itself is one that nobody else can have.
            var highest = Math.Max(point.Term, _heard.Max() ?? 0);
            var self = ClusterMemberId.FromEndPoint(_members.All[_replica]);
            _ballot = Ballot.Create(_directory, new BallotState { Term = HasHeardAll ? highest : highest + TermsAhead, Vote = self }, _settings.Log.Disk);
        }
        else
        {
            _ballot.Write(_ballot.State with { LacksState = false });
        }

        return log;
    }

    private async Task<StandingReply?[]> HearAsync()
    {
        var standings = await _peers.StandingsAsync(_stop.Token);
        foreach (var (other, standing) in standings.Index())
        {
            if (standing is { HasTerm: true })
            {
                _heard[other] = Math.Max(_heard[other] ?? 0, standing.Term);
            }
        }

        return standings;
    }

    // From a follower where one can, as the leader has enough to do.
    private async Task<StateHeader> FetchAsync(int leader, long position, string path)
    {
        foreach (var follower in _peers.Others.Where(other => other != leader))
        {
            try
            {
                return await _peers.FetchStateAsync(follower, position, path, _stop.Token);
            }
            catch (RpcException e) when (!_stop.IsCancellationRequested)
            {
                _logger.LogDebug(e, "Replica {Replica} gives no state", follower);
            }
        }

        return await _peers.FetchStateAsync(leader, position, path, _stop.Token);
    }

    private RaftCluster.TcpConfiguration Configure() =>
        Configure(_settings.Election.Of(_replica, _members.All.Count), _settings.Election.Of(_replica + 1, _members.All.Count));

    private RaftCluster.TcpConfiguration Configure(int shortest, int longest) => new(_own)
    {
        PublicEndPoint = _members.All[_replica],

        // One of its own for each time that this replica takes part, as it ends with it.
        ConfigurationStorage = new RaftMembers(_group, _replica),
        ColdStart = false,
        LowerElectionTimeout = shortest,
        UpperElectionTimeout = longest,
        HeartbeatThreshold = (double)_settings.Election.Heartbeat / shortest,

        // Shorter than the shortest election: a vote waits for every member, and one that hangs must not hold it up for longer than it lasts.
        RequestTimeout = TimeSpan.FromMilliseconds(_settings.Election.Shortest * 5 / 6),
        ConnectTimeout = TimeSpan.FromMilliseconds(250),
        GracefulShutdownTimeout = TimeSpan.FromMilliseconds(200),
        MaxReplicationLag = 4096,
        ServerBacklog = 32,
        LoggerFactory = _loggers,
        SslOptions = _identity is null ? null : new PeersOnly(_identity, _members.All),
    };

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

    // It is taken for good only when this replica takes part; a port that is in use is better known at once.
    private static void ThrowIfTaken(IPEndPoint own)
    {
        using TcpListener probe = new(own);
        probe.Start();
    }

    /// <summary>TLS in which only replicas of the same database take part, each in its own place.</summary>
    private sealed class PeersOnly : SslOptions
    {
        private readonly Dictionary<EndPoint, SslClientAuthenticationOptions> _towards;

        public PeersOnly(ComponentIdentity identity, IReadOnlyList<EndPoint> members)
        {
            ServerOptions = identity.ForCallers(protocol: null, identity.Component);
            _towards = members.Index().ToDictionary(m => m.Item, m => identity.Towards(identity.Component, m.Index));
        }

        public override SslClientAuthenticationOptions CreateClientOptions(EndPoint serverAddress) => _towards[serverAddress];
    }
}

/// <summary>The library's node and the log under it.</summary>
internal sealed record Membership(RaftCluster Cluster, RaftAuditTrail Trail)
{
    /// <summary>True only once this term's own first entry is committed: what earlier leaders acknowledged is then known to be committed too.</summary>
    public bool Leads => !Cluster.LeadershipToken.IsCancellationRequested;

    /// <summary>Begins a round of replication after the one under way; its outcome shows elsewhere.</summary>
    public async Task ReplicateSoonAsync(ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            await Cluster.ForceReplicationAsync(cancellationToken);
        }
        catch (Exception e) when (RaftReplicator.IsLossOfLeadership(e))
        {
            logger.LogDebug(e, "A round of replication was given up");
        }
    }
}
