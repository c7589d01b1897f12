using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Agora.Rest;

namespace Agora.Client;

/// <summary>
/// All replicas of one kind of server. One is used until it fails. When a server refuses the connection, does not
/// answer or answers 503, the same call with the same idempotency key goes on with another server, until one answers or
/// the deadline has passed. So the user sees at most a pause, and nothing happens twice. Safe for concurrent calls.
/// </summary>
public sealed class ReplicaList : IDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_maxPause = TimeSpan.FromSeconds(2);

    private readonly Uri[] _servers;
    private readonly ReplicaOptions _options;
    private readonly HttpClient _http;
    private int _current;

    /// <summary>A list of base addresses, such as <c>http://127.0.0.1:8120</c>.</summary>
    /// <exception cref="ArgumentException">The list is empty, or an address is not an absolute http or https
    /// URL.</exception>
    public ReplicaList(IEnumerable<Uri> servers, ReplicaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(servers);
        _options = options ?? new();
        Uri[] list = [.. servers.Select(Normalised)];
        if (list.Length == 0)
        {
            throw new ArgumentException("The list of servers is empty.", nameof(servers));
        }
        // Each client has its own order, so that the users of a dead server spread over all the others.
        var start = _options.Start is { } given ? (int)((uint)given % list.Length) : _options.Random.Next(list.Length);
        Uri[] others = [.. list[..start], .. list[(start + 1)..]];
        _options.Random.Shuffle(others);
        _servers = [list[start], .. others];
        _http = new HttpClient(
            _options.Handler
                ?? new SocketsHttpHandler
                {
                    MaxConnectionsPerServer = _options.Connections,
                    ConnectTimeout = _options.ConnectTimeout,
                    PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
                    AllowAutoRedirect = false,
                    UseCookies = false,
                    // Servers are addressed directly; a proxy for the Internet would be a detour.
                    UseProxy = false,
                    SslOptions = _options.Authority is { } authority ? Trusting(authority) : null,
                }
        )
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = 16 << 20,
        };
    }

    /// <summary>The server that the next call goes to.</summary>
    public Uri Current => _servers[Volatile.Read(ref _current)];

    /// <summary>All servers, the one to begin with first, in the order in which they are tried.</summary>
    public IReadOnlyList<Uri> Servers => _servers;

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Whether any of the servers says that it is alive. Asks all of them at once; cancelling ends the wait with false.
    /// </summary>
    public async Task<bool> AnyAnswersAsync(CancellationToken cancellationToken = default)
    {
        using var found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<bool>[] asked = [.. _servers.Select(server => IsAliveAsync(server, found.Token))];
        var any = false;
        await foreach (var answer in Task.WhenEach(asked).ConfigureAwait(false))
        {
            if (await answer.ConfigureAwait(false) && !any)
            {
                any = true;
                // The other answers no longer matter, but no request may be left running.
                await found.CancelAsync().ConfigureAwait(false);
            }
        }

        return any;
    }

    private async Task<bool> IsAliveAsync(Uri server, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _http
                .GetAsync(new Uri(server, "health/live"), HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Sends a call and reads its answer.</summary>
    internal async Task<T> SendAsync<T>(RestCall call, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(call, cancellationToken).ConfigureAwait(false);
        var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return AnswerReader.Read(body, type);
        }
        catch (JsonException e)
        {
            throw new AgoraException(
                ErrorCodes.InvalidAnswer,
                $"{answer.RequestMessage?.RequestUri?.Authority} answered something that is not Agora's: "
                    + "is the address right?",
                (int)answer.StatusCode,
                e
            )
            {
                IdempotencyKey = call.Key,
                OutcomeUnknown = call.Key is not null,
            };
        }
    }

    /// <summary>Sends a call until a server answers; anything but success is thrown.</summary>
    internal async Task<HttpResponseMessage> SendAsync(RestCall call, CancellationToken cancellationToken)
    {
        var started = _options.TimeProvider.GetTimestamp();
        var failures = 0;
        var unknown = false;
        TimeSpan? earliestReturn = null;
        while (true)
        {
            var index = Volatile.Read(ref _current);
            var server = _servers[index];
            var remaining = _options.Deadline - _options.TimeProvider.GetElapsedTime(started);
            var limit = remaining < _options.AttemptTimeout ? Positive(remaining) : _options.AttemptTimeout;
            HttpResponseMessage? answer;
            AgoraException? failure;
            try
            {
                (answer, failure) = await TryAsync(server, call, unknown, limit, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
            {
                throw new CallCanceledException(call.Key, outcomeUnknown: true, e, cancellationToken);
            }

            if (failure is null)
            {
                return answer!;
            }

            failures++;
            unknown |= failure.OutcomeUnknown;
            var isLimit = failure.Status == (int)HttpStatusCode.TooManyRequests;
            if (failure.RetryAfter is { } wait && !isLimit && !(earliestReturn < wait))
            {
                earliestReturn = wait;
            }

            // Another call may have left this server already: only the first one moves the list on. A rate limit is no
            // reason to leave a server.
            var next = isLimit ? index : (index + 1) % _servers.Length;
            if (Interlocked.CompareExchange(ref _current, next, index) != index)
            {
                next = Volatile.Read(ref _current);
            }

            var pause = isLimit
                ? Longer(failure.RetryAfter!.Value, BackoffPause(failures))
                : Pause(failures, ref earliestReturn);
            if (_options.TimeProvider.GetElapsedTime(started) + pause >= _options.Deadline)
            {
                throw isLimit ? failure : GivenUp(failure, failures, unknown, call.Key);
            }

            _options.OnChange?.Invoke(new ReplicaChange(server, _servers[next], Reason(server, failure), pause));
            if (pause > TimeSpan.Zero)
            {
                try
                {
                    await Task.Delay(pause, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
                }
                catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
                {
                    throw new CallCanceledException(call.Key, unknown, e, cancellationToken);
                }
            }
        }
    }

    /// <summary>
    /// The second server is tried at once. After that pauses grow, with jitter, so that many clients do not return
    /// together. Retry-After counts once all servers have been asked; then the earliest one counts.
    /// </summary>
    private TimeSpan Pause(int failures, ref TimeSpan? earliestReturn)
    {
        var roundEnds = failures % _servers.Length == 0;
        if (failures == 1 && !roundEnds)
        {
            return TimeSpan.Zero;
        }

        var pause = BackoffPause(failures);
        if (roundEnds && earliestReturn is { } wait)
        {
            earliestReturn = null;
            return Longer(wait, pause);
        }

        return pause;
    }

    private TimeSpan BackoffPause(int failures)
    {
        var grown = Math.Min(s_firstPause.Ticks << Math.Min(failures - 1, 16), s_maxPause.Ticks);
        return TimeSpan.FromTicks((long)(grown * (0.5 + 0.5 * _options.Random.NextDouble())));
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static string Reason(Uri server, AgoraException failure) =>
        failure.Status == 0 ? failure.Detail : $"{server.Authority} answered {failure.Status}.";

    private AgoraException GivenUp(AgoraException last, int attempts, bool unknown, string? key) =>
        new(
            ErrorCodes.Unavailable,
            (_servers.Length == 1 ? "The server did not serve" : $"None of the {_servers.Length} servers served")
                + " this within "
                + $"{_options.Deadline.TotalSeconds:0.#} s ({attempts} {(attempts == 1 ? "attempt" : "attempts")}). "
                + $"Last: {last.Detail}",
            last.Status,
            last.InnerException
        )
        {
            RequestId = last.RequestId,
            RetryAfter = last.RetryAfter,
            IdempotencyKey = key,
            OutcomeUnknown = unknown && key is not null,
        };

    /// <summary>
    /// One attempt at one server. A failure of the server is returned, since another server may serve the call; a
    /// refusal of the call is thrown.
    /// </summary>
    private async Task<(HttpResponseMessage? Answer, AgoraException? Failure)> TryAsync(
        Uri server,
        RestCall call,
        bool mayHaveHappened,
        TimeSpan limit,
        CancellationToken cancellationToken
    )
    {
        using var timeout = new CancellationTokenSource(limit, _options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        using var request = call.ToRequest(server);
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            var silence = $"{server.Authority} did not answer within {limit.TotalSeconds:0.#} s.";
            return (null, new AgoraException(ErrorCodes.Unavailable, silence, inner: e) { OutcomeUnknown = true });
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            // HttpClient does not wrap this exception if a connection is reset as soon as it is made.
            return (
                null,
                new AgoraException(ErrorCodes.Unavailable, $"{server.Authority}: the connection broke.", inner: e)
                {
                    OutcomeUnknown = true,
                }
            );
        }
        catch (HttpRequestException e)
        {
            return (
                null,
                new AgoraException(ErrorCodes.Unavailable, $"{server.Authority}: {WhyUnreachable(e)}.", inner: e)
                {
                    // Without a connection nothing was sent.
                    OutcomeUnknown =
                        e.HttpRequestError
                            is not (
                                HttpRequestError.ConnectionError
                                or HttpRequestError.NameResolutionError
                                or HttpRequestError.SecureConnectionError
                            ),
                }
            );
        }

        if (answer.IsSuccessStatusCode)
        {
            return (answer, null);
        }

        using (answer)
        {
            var refusal = await RefusalAsync(answer, server, call, mayHaveHappened, both.Token).ConfigureAwait(false);
            return AgoraException.IsFailover(refusal.Status) || IsLimitWithRetryAfter(refusal)
                ? (null, refusal)
                : throw refusal;
        }
    }

    // With Retry-After, it is enough to wait. Without it, the user must slow down.
    private static bool IsLimitWithRetryAfter(AgoraException refusal) =>
        refusal is { Status: (int)HttpStatusCode.TooManyRequests, RetryAfter: not null };

    private async Task<AgoraException> RefusalAsync(
        HttpResponseMessage answer,
        Uri server,
        RestCall call,
        bool mayHaveHappened,
        CancellationToken cancellationToken
    )
    {
        var key = call.Key;
        var status = (int)answer.StatusCode;
        Problem? problem = null;
        if (answer.Content.Headers.ContentType?.MediaType is Problem.MediaType or "application/json")
        {
            try
            {
                var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
                problem = AnswerReader.Read(body, AgoraJson.Default.Problem);
            }
            catch (JsonException)
            {
                // The status says enough.
            }
        }

        return new AgoraException(
            problem?.Code ?? (AgoraException.IsFailover(status) ? ErrorCodes.Unavailable : $"http-{status}"),
            problem?.Detail ?? problem?.Title ?? $"{server.Authority} answered {status} {answer.ReasonPhrase}.",
            status
        )
        {
            Errors = problem?.Errors ?? new Dictionary<string, string[]>(),
            Lines = problem?.Lines ?? [],
            Total = problem?.Total,
            RequestId = problem?.RequestId,
            RetryAfter = RetryAfter(answer.Headers.RetryAfter),
            IdempotencyKey = key,
            // A server that failed during a call does not know how far it came.
            OutcomeUnknown =
                AgoraException.IsFailover(status)
                || (status == (int)HttpStatusCode.InternalServerError && key is not null)
                || (mayHaveHappened && key is not null && !Settles(problem?.Code, call)),
        };
    }

    /// <summary>
    /// A refusal tells what became of earlier attempts as well: the function itself has decided under the key, and an
    /// attempt that had taken effect would have been answered with its own reply.
    /// </summary>
    /// <remarks>
    /// Every other code, an unknown one included, leaves open what an earlier attempt did:
    /// <list type="bullet">
    /// <item><c>too-many-requests</c>, <c>unavailable</c>, <c>invalid-request</c>, <c>too-large</c>,
    /// <c>unsupported-media-type</c>, <c>no-such-resource</c> and <c>method-not-allowed</c> come before the key is
    /// looked up: this server refuses, for its load or its configuration, what another may have done.</item>
    /// <item><c>internal</c>: the server does not know how far it came.</item>
    /// <item><c>not-logged-in</c> comes before the key too: the session has ended since.</item>
    /// <item><c>purchase-pending</c> concerns another purchase of the cart. If that one fails, an earlier attempt that
    /// is still under way may buy.</item>
    /// <item><c>key-expired</c>: there was a call under the key, but its reply is no longer kept.</item>
    /// </list>
    /// </remarks>
    private static bool Settles(string? code, RestCall call) =>
        code switch
        {
            ErrorCodes.PaymentDeclined
            or ErrorCodes.NotYours
            or ErrorCodes.NoSuchItem
            or ErrorCodes.NoSuchSeller
            or ErrorCodes.NoSuchPurchase
            or ErrorCodes.NotInCart
            or ErrorCodes.UsernameTaken
            or ErrorCodes.NotEnoughUnits
            or ErrorCodes.CartEmpty
            or ErrorCodes.CartFull
            or ErrorCodes.PriceChanged
            or ErrorCodes.PurchaseAbandoned
            or ErrorCodes.NotPurchased
            or ErrorCodes.AlreadyRated
            or ErrorCodes.ChangedMeanwhile => true,
            // The key is another request's: had an earlier attempt of this one taken effect, the key would be its own.
            ErrorCodes.KeyReused => true,
            // Without a token nothing was done in a session: Login found the name or the password wrong, and did so at
            // every attempt.
            ErrorCodes.NotLoggedIn => call.Token is null,
            _ => false,
        };

    // The system's authorities come first. The certificate's name and dates are checked as usual.
    private static SslClientAuthenticationOptions Trusting(string authority)
    {
        X509Certificate2Collection roots = [];
        roots.ImportFromPemFile(authority);
        return new()
        {
            RemoteCertificateValidationCallback = (_, certificate, offered, errors) =>
            {
                if (
                    errors != SslPolicyErrors.RemoteCertificateChainErrors
                    || certificate is not X509Certificate2 theirs
                )
                {
                    return errors == SslPolicyErrors.None;
                }

                using X509Chain chain = new();
                chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
                chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
                chain.ChainPolicy.CustomTrustStore.AddRange(roots);
                chain.ChainPolicy.ExtraStore.AddRange(offered!.ChainPolicy.ExtraStore);
                return chain.Build(theirs);
            },
        };
    }

    private TimeSpan? RetryAfter(RetryConditionHeaderValue? header) =>
        header?.Delta ?? (header?.Date is { } date ? Positive(date - _options.TimeProvider.GetUtcNow()) : null);

    private static TimeSpan Positive(TimeSpan span) =>
        span > TimeSpan.FromMilliseconds(1) ? span : TimeSpan.FromMilliseconds(1);

    private static string WhyUnreachable(HttpRequestException e) =>
        e.HttpRequestError switch
        {
            HttpRequestError.ConnectionError => e.InnerException?.Message ?? "no connection",
            HttpRequestError.NameResolutionError => "its name is not known",
            HttpRequestError.SecureConnectionError => "no secure connection: "
                + (e.InnerException?.Message ?? e.Message),
            _ => "the connection broke",
        };

    private static Uri Normalised(Uri server)
    {
        if (!server.IsAbsoluteUri || (server.Scheme != Uri.UriSchemeHttp && server.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException(
                $"\"{server}\" is not a server's address: write it like http://127.0.0.1:8120."
            );
        }

        return server.AbsolutePath.EndsWith('/') ? server : new Uri(server.GetLeftPart(UriPartial.Path) + "/");
    }
}
