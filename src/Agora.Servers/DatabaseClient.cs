using System.Globalization;
using System.Net;
using System.Net.Security;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// One replicated database as a server sees it: a call goes to one replica and, where that cannot serve it, to another, until one
/// answers or the call's deadline has passed. A call may be repeated because a command carries its request id, and a query changes nothing.
/// </summary>
/// <remarks>
/// Each server begins the ring of replicas at another place, so that the load spreads. A replica that fails is left out at once and
/// probed in the background with growing pauses until it says that it is ready; calls never pay for a probe. A command goes to the
/// leader, where one is known: every answer and refusal of a database that has one names it in the trailer <c>agora-leader</c>.
/// When every replica has refused, as in an election, the round begins again after a pause: a short one for one call at a time, which looks
/// for all that wait, and growing ones for the others, which go on as soon as a replica serves again. So an election ends for everybody when it
/// ends, and however many wait, the replicas that hold it are asked by few.
/// </remarks>
internal abstract class DatabaseClient<TClient> : IAsyncDisposable where TClient : ClientBase
{
    private const string LeaderTrailer = "agora-leader";

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(320);
    private static readonly TimeSpan s_firstProbe = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestProbePause = TimeSpan.FromSeconds(3);

    private readonly string _name;
    private readonly DatabaseReplica[] _replicas;
    private readonly int _first;
    private readonly ServerSettings _settings;
    private readonly ServerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();

    // The replica that led when last heard of; -1 when unknown. A stale value costs one refused try.
    private volatile int _leader = -1;

    // Completes, and gives way to a new one, when a replica that was left out serves again.
    private volatile TaskCompletionSource _back = NewSignal();

    // 1 while a call waits that looks for all.
    private int _looking;

    private protected DatabaseClient(string name, DatabaseGroup group, int server, Func<CallInvoker, TClient> client, ServerContext context)
    {
        _name = name;
        _replicas =
        [
            .. group.Replicas.Select((address, number) => new DatabaseReplica(
                number, address, invoker => client(invoker.Intercept([.. context.Interceptors])),
                context.Identity?.Towards(name, number))),
        ];
        _first = server % _replicas.Length;
        _settings = context.Settings;
        _metrics = context.Metrics;
        _time = context.Time;
        _logger = context.Logger(GetType());
    }

    /// <summary>Calls until a replica answers.</summary>
    /// <exception cref="UnavailableException">None did before the deadline. A command may have been applied.</exception>
    protected async Task<TReply> CallAsync<TRequest, TReply>(
        bool toLeader, Func<TClient, TRequest, CallOptions, AsyncUnaryCall<TReply>> method, TRequest request, CancellationToken deadline)
    {
        RpcException? last = null;
        var pause = s_firstPause;
        // From before the round: what comes back in the midst of it, behind the try, is not slept through.
        var back = _back.Task;
        for (ulong tried = 0; !deadline.IsCancellationRequested;)
        {
            if (Choose(toLeader, tried) is not { } replica)
            {
                tried = 0;
                await PauseAsync(pause, back, deadline);
                pause = pause < s_longestPause ? pause * 2 : pause;
                back = _back.Task;
                continue;
            }
            tried |= 1ul << replica.Number;
            try
            {
                using var call = method(replica.Client, request, WithTimeout(deadline));
                var reply = await call;
                _leader = LeaderIn(call.GetTrailers()) ?? _leader;
                // A last resort that serves is none; it need not be ready for everything, as when writes pause.
                TakeIn(replica);
                return reply;
            }
            catch (RpcException e) when (IsTransient(e.StatusCode) && !deadline.IsCancellationRequested)
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
                LeaveOut(replica, e);
            }
            catch (RpcException e) when (deadline.IsCancellationRequested)
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

    private DatabaseReplica? Choose(bool toLeader, ulong tried)
    {
        bool Untried(DatabaseReplica replica) => (tried & (1ul << replica.Number)) == 0;
        if (toLeader && _leader is >= 0 and var leader && Untried(_replicas[leader]) && !_replicas[leader].IsLeftOut)
        {
            return _replicas[leader];
        }
        DatabaseReplica? lastResort = null;
        var allLeftOut = true;
        for (var i = 0; i < _replicas.Length; i++)
        {
            var replica = _replicas[(_first + i) % _replicas.Length];
            if (!replica.IsLeftOut)
            {
                allLeftOut = false;
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
        // When no replica is known to be well, the probes may merely not have noticed yet.
        return allLeftOut ? lastResort : null;
    }

    // The caller's loop ends by the deadline, if that ends the pause.
    private async Task PauseAsync(TimeSpan pause, Task back, CancellationToken deadline)
    {
        var looks = Interlocked.Exchange(ref _looking, 1) == 0;
        // Also where something has come back: it may serve reads and refuse this call for as long as it likes.
        await DelayAsync(s_firstPause, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (looks)
        {
            Volatile.Write(ref _looking, 0);
        }
        else
        {
            using var rest = CancellationTokenSource.CreateLinkedTokenSource(deadline);
            await Task.WhenAny(back, DelayAsync(pause, rest.Token));
            await rest.CancelAsync();
        }
    }

    private Task DelayAsync(TimeSpan pause, CancellationToken cancellation) =>
        Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), _time, cancellation);

    private void TakeIn(DatabaseReplica replica)
    {
        if (replica.TryTakeIn())
        {
            Interlocked.Exchange(ref _back, NewSignal()).SetResult();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void LeaveOut(DatabaseReplica replica, RpcException reason)
    {
        if (replica.TryLeaveOut())
        {
            _logger.LogWarning("Replica {Replica} of the {Database} database is left out: {Status} {Detail}",
                replica.Number, _name, reason.StatusCode, reason.Status.Detail);
            replica.Probing = ProbeAsync(replica);
        }
    }

    private async Task ProbeAsync(DatabaseReplica replica)
    {
        var pause = s_firstProbe;
        try
        {
            while (replica.IsLeftOut)
            {
                await DelayAsync(pause, _stopping.Token);
                try
                {
                    var status = await replica.Status.GetStatusAsync(new StatusRequest(), WithTimeout(_stopping.Token));
                    if (status.Ready)
                    {
                        TakeIn(replica);
                        _logger.LogInformation("Replica {Replica} of the {Database} database is back", replica.Number, _name);
                        return;
                    }
                }
                catch (RpcException e) when (!_stopping.IsCancellationRequested)
                {
                    _logger.LogDebug("Replica {Replica} of the {Database} database does not answer yet: {Status}",
                        replica.Number, _name, e.StatusCode);
                }
                pause = pause < s_longestProbePause ? pause * 2 : pause;
            }
        }
        catch (Exception e) when (_stopping.IsCancellationRequested && e is OperationCanceledException or RpcException)
        {
            // The server stops.
        }
    }

    // gRPC measures this by the system's clock and sends it along, so that a replica does not work for nobody.
    private CallOptions WithTimeout(CancellationToken cancellationToken) =>
        new(deadline: DateTime.UtcNow + _settings.ReplicaTimeout, cancellationToken: cancellationToken);

    private int? LeaderIn(Metadata trailers) =>
        int.TryParse(trailers.GetValue(LeaderTrailer), NumberStyles.None, CultureInfo.InvariantCulture, out var leader)
            && leader < _replicas.Length
            ? leader
            : null;

    // What says nothing about the call, only about the replica or the way to it. The request itself is wrong with any other status.
    private static bool IsTransient(StatusCode status) =>
        status is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled
        or StatusCode.Aborted or StatusCode.ResourceExhausted or StatusCode.Internal or StatusCode.Unknown;

    /// <summary>One replica and whether it is left out.</summary>
    private sealed class DatabaseReplica
    {
        private int _leftOut;

        public DatabaseReplica(int number, DatabaseAddress address, Func<CallInvoker, TClient> client, SslClientAuthenticationOptions? tls)
        {
            Number = number;
            var scheme = tls is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
            Channel = GrpcChannel.ForAddress(new UriBuilder(scheme, address.Dial().Host, address.Dial().GrpcPort).Uri, new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler
                {
                    UseProxy = false,
                    SslOptions = tls,
                    AutomaticDecompression = DecompressionMethods.None,
                    // Layers that every call would pass for nothing: replicas do not redirect, and nobody traces.
                    AllowAutoRedirect = false,
                    ActivityHeadersPropagator = null,
                    ConnectTimeout = TimeSpan.FromSeconds(1),
                    EnableMultipleHttp2Connections = true,
                    // A replica whose host is gone answers no ping: its connection, and every call on it, ends then.
                    KeepAlivePingDelay = TimeSpan.FromSeconds(2),
                    KeepAlivePingTimeout = TimeSpan.FromSeconds(2),
                    KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
                    PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
                },
                DisposeHttpClient = true,
                // Without these, the channel itself would wait up to two minutes before it tries a replica that was down again.
                InitialReconnectBackoff = s_firstProbe,
                MaxReconnectBackoff = s_firstProbe,
            });
            Client = client(Channel.CreateCallInvoker());
            Status = new Replica.ReplicaClient(Channel);
        }

        public int Number { get; }

        public GrpcChannel Channel { get; }

        public TClient Client { get; }

        public Replica.ReplicaClient Status { get; }

        /// <summary>The probe, at most one at a time.</summary>
        public Task Probing { get; set; } = Task.CompletedTask;

        public bool IsLeftOut => Volatile.Read(ref _leftOut) != 0;

        public bool TryLeaveOut() => Interlocked.Exchange(ref _leftOut, 1) == 0;

        /// <summary>False where it was not left out.</summary>
        public bool TryTakeIn() => IsLeftOut && Interlocked.Exchange(ref _leftOut, 0) != 0;
    }
}
