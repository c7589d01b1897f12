using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using Agora.Cluster;
using Agora.Contracts;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// A server's client of one replicated database. A call goes to one replica and, if that cannot serve it, to another,
/// until one answers or the call's deadline has passed. It is safe to repeat a call: a command carries its request id,
/// and a query changes nothing.
/// </summary>
/// <remarks>
/// Each server starts its round of replicas at another one, so that the load spreads. A replica that fails is excluded
/// at once. It is probed in the background with growing pauses until it reports that it is ready; calls never pay for a
/// probe. A command goes to the leader, if one is known: every answer and refusal of a database with a leader names it
/// in the trailer <c>agora-leader</c>. If every replica has refused, as in an election, the call pauses and then starts
/// another round. One waiting call at a time is the scout, with a short pause. The others have growing pauses and go on
/// as soon as a replica serves again. So all calls go on when an election ends, and few of them ask the replicas while
/// it lasts.
/// </remarks>
internal abstract class DatabaseClient<TClient> : IAsyncDisposable
    where TClient : ClientBase
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_maxPause = TimeSpan.FromMilliseconds(320);
    private static readonly TimeSpan s_firstProbePause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_maxProbePause = TimeSpan.FromSeconds(3);

    private readonly string _name;
    private readonly ReplicaConnection[] _replicas;
    private readonly int _firstReplica;
    private readonly ServerSettings _settings;
    private readonly ServerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();

    // The leader, as last reported; -1 if unknown. A stale value costs one refused try.
    private volatile int _leader = -1;

    // Completes when an excluded replica serves again; a new one replaces it then.
    private volatile TaskCompletionSource _readmitted = NewSignal();

    // 1 while a waiting call is the scout.
    private int _scouting;

    private protected DatabaseClient(
        string name,
        DatabaseGroup group,
        int server,
        Func<CallInvoker, TClient> client,
        DatabaseClientSetup setup
    )
    {
        _name = name;
        _replicas =
        [
            .. group.Replicas.Select(
                (address, number) =>
                    new ReplicaConnection(
                        number,
                        address,
                        invoker => client(invoker.Intercept([.. setup.Interceptors])),
                        setup.Identity?.ClientOptions(name, number)
                    )
            ),
        ];
        _firstReplica = server % _replicas.Length;
        _settings = setup.Settings;
        _metrics = setup.Metrics;
        _time = setup.Time;
        _logger = setup.Loggers.CreateLogger(GetType());
    }

    /// <summary>Calls one replica after another until one answers.</summary>
    /// <exception cref="UnavailableException">No replica answered before the deadline. A command may have been
    /// applied.</exception>
    protected async Task<TReply> CallAsync<TRequest, TReply>(
        bool toLeader,
        Func<TClient, TRequest, CallOptions, AsyncUnaryCall<TReply>> method,
        TRequest request,
        CancellationToken cancellationToken
    )
    {
        RpcException? last = null;
        var pause = s_firstPause;
        // Read before the round: a replica that is readmitted during the round, after its try, ends the pause.
        var readmitted = _readmitted.Task;
        for (ulong tried = 0; !cancellationToken.IsCancellationRequested; )
        {
            if (Choose(toLeader, tried) is not { } replica)
            {
                tried = 0;
                await PauseAsync(pause, readmitted, cancellationToken);
                pause = pause < s_maxPause ? pause * 2 : pause;
                readmitted = _readmitted.Task;
                continue;
            }

            tried |= 1ul << replica.Number;
            try
            {
                using var call = method(replica.Client, request, WithTimeout(cancellationToken));
                var reply = await call;
                _leader = LeaderIn(call.GetTrailers()) ?? _leader;
                // It may have been excluded and tried as a last resort. A replica may serve reads while it refuses
                // writes.
                Readmit(replica);
                return reply;
            }
            catch (RpcException e) when (IsTransient(e.StatusCode) && !cancellationToken.IsCancellationRequested)
            {
                last = e;
                _metrics.DatabaseRetry(_name, e.StatusCode);
                if (LeaderIn(e.Trailers) is { } leader && leader != replica.Number)
                {
                    _leader = leader;
                    continue;
                }

                if (_leader == replica.Number)
                {
                    _leader = -1;
                }

                Exclude(replica, e);
            }
            catch (RpcException e) when (cancellationToken.IsCancellationRequested)
            {
                last = e;
            }
        }

        throw new UnavailableException($"The {_name} database", last);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var replica in _replicas)
        {
            await replica.Probing;
            replica.Channel.Dispose();
        }

        _stopping.Dispose();
        GC.SuppressFinalize(this);
    }

    private ReplicaConnection? Choose(bool toLeader, ulong tried)
    {
        bool Untried(ReplicaConnection replica) => (tried & (1ul << replica.Number)) == 0;
        if (toLeader && _leader is >= 0 and var leader && Untried(_replicas[leader]) && !_replicas[leader].IsExcluded)
        {
            return _replicas[leader];
        }

        ReplicaConnection? lastResort = null;
        var allExcluded = true;
        for (var i = 0; i < _replicas.Length; i++)
        {
            var replica = _replicas[(_firstReplica + i) % _replicas.Length];
            if (!replica.IsExcluded)
            {
                allExcluded = false;
                if (Untried(replica))
                {
                    return replica;
                }
            }
            else if (Untried(replica))
            {
                lastResort ??= replica;
            }
        }
        // If all are excluded, one may serve again before a probe has noticed.
        return allExcluded ? lastResort : null;
    }

    // If the deadline ends the pause, the caller's loop ends.
    private async Task PauseAsync(TimeSpan pause, Task readmitted, CancellationToken cancellationToken)
    {
        var isScout = Interlocked.Exchange(ref _scouting, 1) == 0;
        // Also if a replica is already readmitted: it may serve reads and go on refusing this call.
        await DelayAsync(s_firstPause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (isScout)
        {
            Volatile.Write(ref _scouting, 0);
        }
        else
        {
            using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(readmitted, DelayAsync(pause, rest.Token));
            await rest.CancelAsync();
        }
    }

    private Task DelayAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), _time, cancellationToken);

    private void Readmit(ReplicaConnection replica)
    {
        if (replica.TryReadmit())
        {
            Interlocked.Exchange(ref _readmitted, NewSignal()).SetResult();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Exclude(ReplicaConnection replica, RpcException reason)
    {
        if (replica.TryExclude())
        {
            _logger.LogWarning(
                "Replica {Replica} of the {Database} database is excluded: {Status} {Detail}",
                replica.Number,
                _name,
                reason.StatusCode,
                reason.Status.Detail
            );
            replica.Probing = ProbeAsync(replica);
        }
    }

    private async Task ProbeAsync(ReplicaConnection replica)
    {
        var pause = s_firstProbePause;
        try
        {
            while (replica.IsExcluded)
            {
                await DelayAsync(pause, _stopping.Token);
                try
                {
                    var status = await replica.Status.GetStatusAsync(new StatusRequest(), WithTimeout(_stopping.Token));
                    if (status.Ready)
                    {
                        Readmit(replica);
                        _logger.LogInformation(
                            "Replica {Replica} of the {Database} database is back",
                            replica.Number,
                            _name
                        );
                        return;
                    }
                }
                catch (RpcException e) when (!_stopping.IsCancellationRequested)
                {
                    _logger.LogDebug(
                        "Replica {Replica} of the {Database} database does not answer yet: {Status}",
                        replica.Number,
                        _name,
                        e.StatusCode
                    );
                }

                pause = pause < s_maxProbePause ? pause * 2 : pause;
            }
        }
        catch (Exception e) when (_stopping.IsCancellationRequested && e is OperationCanceledException or RpcException)
        {
            // The server stops.
        }
    }

    // gRPC measures this by the system's clock and sends it to the replica, which then does not work on a call that is
    // over.
    private CallOptions WithTimeout(CancellationToken cancellationToken) =>
        new(deadline: DateTime.UtcNow + _settings.ReplicaTimeout, cancellationToken: cancellationToken);

    private int? LeaderIn(Metadata trailers) =>
        int.TryParse(
            trailers.GetValue(ReplicaTrailers.Leader),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var leader
        )
        && leader < _replicas.Length
            ? leader
            : null;

    // A status that says something about the replica or the network only, not about the call. With any other status,
    // the request is wrong.
    private static bool IsTransient(StatusCode status) =>
        status
            is StatusCode.Unavailable
                or StatusCode.DeadlineExceeded
                or StatusCode.Cancelled
                or StatusCode.Aborted
                or StatusCode.ResourceExhausted
                or StatusCode.Internal
                or StatusCode.Unknown;

    /// <summary>The connection to one replica, and whether the replica is excluded.</summary>
    private sealed class ReplicaConnection
    {
        private int _excluded;

        public ReplicaConnection(
            int number,
            DatabaseAddress address,
            Func<CallInvoker, TClient> client,
            SslClientAuthenticationOptions? tls
        )
        {
            Number = number;
            Channel = ReplicaChannel.Open(
                address,
                tls,
                (handler, options) =>
                {
                    handler.AutomaticDecompression = DecompressionMethods.None;

                    // No layers without a use: replicas do not redirect, and seldom does anybody trace.
                    handler.AllowAutoRedirect = false;
                    if (Exporting.Traces)
                    {
                        handler.ActivityHeadersPropagator = DistributedContextPropagator.Current;
                    }

                    handler.ConnectTimeout = TimeSpan.FromSeconds(1);
                    handler.EnableMultipleHttp2Connections = true;

                    // If a replica's host is gone, no ping is answered: the connection and every call on it end.
                    handler.KeepAlivePingDelay = TimeSpan.FromSeconds(2);
                    handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(2);
                    handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;
                    handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan;

                    // Without these, the channel would wait up to two minutes before it reconnects to a replica that
                    // was down.
                    options.InitialReconnectBackoff = s_firstProbePause;
                    options.MaxReconnectBackoff = s_firstProbePause;
                }
            );
            Client = client(Channel.CreateCallInvoker());
            Status = new Replica.ReplicaClient(Channel);
        }

        public int Number { get; }

        public GrpcChannel Channel { get; }

        public TClient Client { get; }

        public Replica.ReplicaClient Status { get; }

        /// <summary>The running probe, at most one at a time.</summary>
        public Task Probing { get; set; } = Task.CompletedTask;

        public bool IsExcluded => Volatile.Read(ref _excluded) != 0;

        public bool TryExclude() => Interlocked.Exchange(ref _excluded, 1) == 0;

        /// <summary>False if it was not excluded.</summary>
        public bool TryReadmit() => IsExcluded && Interlocked.Exchange(ref _excluded, 0) != 0;
    }
}
