using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agora.Client;

/// <summary>How a client uses its list of replicas.</summary>
public sealed record ReplicaOptions
{
    /// <summary>Place in the list of the server to begin with; chosen at random when not given.</summary>
    public int? Start { get; init; }

    /// <summary>How long a call may take in all, every attempt and pause included.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long one server may take to answer. Long enough for a busy one: giving up too early makes it busier.
    /// </summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long connecting to a server may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The file, in PEM, of an authority whose certificates are trusted besides those that the system trusts.
    /// </summary>
    public string? Authority { get; init; }

    /// <summary>Connections to the server in use; further calls wait for one. 1 is what one user needs.</summary>
    public int Connections { get; init; } = 1;

    /// <summary>
    /// Told each time that a call goes on with another server, or tries the only one again. Called on the calling task;
    /// must not throw.
    /// </summary>
    public Action<ReplicaChange>? OnChange { get; init; }

    /// <summary>Chooses where to begin, the order of the others and the jitter.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>The clock of deadlines and pauses.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>What sends, in place of sockets; belongs to the list.</summary>
    internal HttpMessageHandler? Handler { get; init; }
}

/// <summary>A call goes on with another server.</summary>
/// <param name="From">The server that did not serve it.</param>
/// <param name="To">The server that is asked next; the same where there is no other.</param>
/// <param name="Reason">Why, in a few words.</param>
/// <param name="Pause">How long the call waits before.</param>
public readonly record struct ReplicaChange(Uri From, Uri To, string Reason, TimeSpan Pause);

/// <summary>
/// All replicas of one kind of server, of which one is used until it fails. A call that meets a closed door, silence or
/// 503 goes on with another server, unchanged, under the same idempotency key, until it is answered or its deadline has
/// passed: so the user sees at most a pause, and nothing happens twice. Safe for concurrent calls.
/// </summary>
public sealed class ReplicaList : IDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(2);

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
        // Everyone goes round in an order of their own, so that a dead server's users spread over all the others.
        var start = _options.Start is { } given ? (int)((uint)given % list.Length) : _options.Random.Next(list.Length);
        Uri[] others = [.. list[..start], .. list[(start + 1)..]];
        _options.Random.Shuffle(others);
        _servers = [list[start], .. others];
        _http = new HttpClient(_options.Handler ?? new SocketsHttpHandler
        {
            MaxConnectionsPerServer = _options.Connections,
            ConnectTimeout = _options.ConnectTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            AllowAutoRedirect = false,
            UseCookies = false,
            // Servers are named by the address where they are; a proxy meant for the wide world would be a detour.
            UseProxy = false,
            SslOptions = _options.Authority is { } authority ? Trusting(authority) : null,
        })
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

    /// <summary>Sends a call and reads its answer.</summary>
    internal async Task<T> SendAsync<T>(Call call, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        using var answer = await SendAsync(call, cancel).ConfigureAwait(false);
        var body = await answer.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false);
        try
        {
            return Answer.Read(body, type);
        }
        catch (JsonException e)
        {
            throw new AgoraException(
                ErrorCodes.InvalidAnswer,
                $"{answer.RequestMessage?.RequestUri?.Authority} answered something that is not Agora's: is the address right?",
                (int)answer.StatusCode,
                e)
            {
                IdempotencyKey = call.Key,
                OutcomeUnknown = call.Key is not null,
            };
        }
    }

    /// <summary>Sends a call until a server has answered it; anything but success is thrown.</summary>
    internal async Task<HttpResponseMessage> SendAsync(Call call, CancellationToken cancel)
    {
        var started = _options.TimeProvider.GetTimestamp();
        var failures = 0;
        var unknown = false;
        TimeSpan? comeBack = null;
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
                (answer, failure) = await TryAsync(server, call, limit, cancel).ConfigureAwait(false);
            }
            catch (OperationCanceledException e) when (cancel.IsCancellationRequested)
            {
                throw new CallCanceledException(call.Key, outcomeUnknown: true, e, cancel);
            }
            if (failure is null)
            {
                return answer!;
            }
            failures++;
            unknown |= failure.OutcomeUnknown;
            var isLimit = failure.Status == (int)HttpStatusCode.TooManyRequests;
            if (failure.RetryAfter is { } told && !isLimit && !(comeBack < told))
            {
                comeBack = told;
            }

            // Another call may have left this server already: only the first to notice moves on. A limit is no fault of
            // the server: it is kept.
            var next = isLimit ? index : (index + 1) % _servers.Length;
            if (Interlocked.CompareExchange(ref _current, next, index) != index)
            {
                next = Volatile.Read(ref _current);
            }
            var pause = isLimit ? AtLeast(failure.RetryAfter!.Value, Grown(failures)) : Pause(failures, ref comeBack);
            if (_options.TimeProvider.GetElapsedTime(started) + pause >= _options.Deadline)
            {
                throw isLimit ? failure : GivenUp(failure, failures, unknown, call.Key);
            }
            _options.OnChange?.Invoke(new ReplicaChange(server, _servers[next], Reason(server, failure), pause));
            if (pause > TimeSpan.Zero)
            {
                try
                {
                    await Task.Delay(pause, _options.TimeProvider, cancel).ConfigureAwait(false);
                }
                catch (OperationCanceledException e) when (cancel.IsCancellationRequested)
                {
                    throw new CallCanceledException(call.Key, unknown, e, cancel);
                }
            }
        }
    }

    /// <summary>
    /// The second server is tried at once; from then on pauses grow, with jitter so that many clients do not come back
    /// together. What a server said about when to come back counts once all have been asked; the earliest of them then.
    /// </summary>
    private TimeSpan Pause(int failures, ref TimeSpan? comeBack)
    {
        var roundEnds = failures % _servers.Length == 0;
        if (failures == 1 && !roundEnds)
        {
            return TimeSpan.Zero;
        }
        var pause = Grown(failures);
        if (roundEnds && comeBack is { } told)
        {
            comeBack = null;
            return AtLeast(told, pause);
        }
        return pause;
    }

    private TimeSpan Grown(int failures)
    {
        var grown = Math.Min(s_firstPause.Ticks << Math.Min(failures - 1, 16), s_longestPause.Ticks);
        return TimeSpan.FromTicks((long)(grown * (0.5 + 0.5 * _options.Random.NextDouble())));
    }

    private static TimeSpan AtLeast(TimeSpan told, TimeSpan pause) => told > pause ? told : pause;

    private static string Reason(Uri server, AgoraException failure) =>
        failure.Status == 0 ? failure.Detail : $"{server.Authority} answered {failure.Status}.";

    private AgoraException GivenUp(AgoraException last, int attempts, bool unknown, string? key) =>
        new(ErrorCodes.Unavailable,
            $"{(_servers.Length == 1 ? "The server did not serve" : $"None of the {_servers.Length} servers served")} this within "
            + $"{_options.Deadline.TotalSeconds:0.#} s ({attempts} {(attempts == 1 ? "attempt" : "attempts")}). "
            + $"Last: {last.Detail}",
            last.Status, last.InnerException)
        {
            RequestId = last.RequestId,
            RetryAfter = last.RetryAfter,
            IdempotencyKey = key,
            OutcomeUnknown = unknown && key is not null,
        };

    /// <summary>
    /// One attempt at one server. A failure that another server may not have is returned; a refusal is thrown.
    /// </summary>
    private async Task<(HttpResponseMessage? Answer, AgoraException? Failure)> TryAsync(
        Uri server, Call call, TimeSpan limit, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(limit, _options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        using var request = call.ToRequest(server);
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            var silence = $"{server.Authority} did not answer within {limit.TotalSeconds:0.#} s.";
            return (null, new AgoraException(ErrorCodes.Unavailable, silence, inner: e) { OutcomeUnknown = true });
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            // A connection that is reset in the instant in which it was made comes through HttpClient as it is.
            return (null, new AgoraException(ErrorCodes.Unavailable, $"{server.Authority}: the connection broke.", inner: e) { OutcomeUnknown = true });
        }
        catch (HttpRequestException e)
        {
            return (null, new AgoraException(ErrorCodes.Unavailable, $"{server.Authority}: {Why(e)}.", inner: e)
            {
                // Known only where no connection came about.
                OutcomeUnknown = e.HttpRequestError is not
                    (HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError),
            });
        }
        if (answer.IsSuccessStatusCode)
        {
            return (answer, null);
        }
        using (answer)
        {
            var refusal = await RefusalAsync(answer, server, call.Key, both.Token).ConfigureAwait(false);
            return AgoraException.IsFailover(refusal.Status) || IsLimitWithAnEnd(refusal)
                ? (null, refusal)
                : throw refusal;
        }
    }

    // How long to wait is said, and waiting is all that it takes. Without that it is the user who must slow down.
    private static bool IsLimitWithAnEnd(AgoraException refusal) =>
        refusal is { Status: (int)HttpStatusCode.TooManyRequests, RetryAfter: not null };

    private async Task<AgoraException> RefusalAsync(HttpResponseMessage answer, Uri server, string? key, CancellationToken cancel)
    {
        var status = (int)answer.StatusCode;
        Problem? problem = null;
        if (answer.Content.Headers.ContentType?.MediaType is Problem.MediaType or "application/json")
        {
            try
            {
                var body = await answer.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false);
                problem = Answer.Read(body, AgoraJson.Default.Problem);
            }
            catch (JsonException)
            {
                // An unreadable explanation leaves the status, which says enough.
            }
        }
        return new AgoraException(
            problem?.Code ?? (AgoraException.IsFailover(status) ? ErrorCodes.Unavailable : $"http-{status}"),
            problem?.Detail ?? problem?.Title ?? $"{server.Authority} answered {status} {answer.ReasonPhrase}.",
            status)
        {
            Errors = problem?.Errors ?? new Dictionary<string, string[]>(),
            Lines = problem?.Lines ?? [],
            Total = problem?.Total,
            RequestId = problem?.RequestId,
            RetryAfter = RetryAfter(answer.Headers.RetryAfter),
            IdempotencyKey = key,
            // A server that failed in the middle of a call does not know how far it came.
            OutcomeUnknown = AgoraException.IsFailover(status)
                || (status == (int)HttpStatusCode.InternalServerError && key is not null),
        };
    }

    // The system's authorities were asked first; name and dates are as they always must be.
    private static SslClientAuthenticationOptions Trusting(string authority)
    {
        X509Certificate2Collection roots = [];
        roots.ImportFromPemFile(authority);
        return new()
        {
            RemoteCertificateValidationCallback = (_, certificate, offered, errors) =>
            {
                if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 theirs)
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

    private static TimeSpan Positive(TimeSpan span) => span > TimeSpan.FromMilliseconds(1) ? span : TimeSpan.FromMilliseconds(1);

    private static string Why(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.ConnectionError => e.InnerException?.Message ?? "no connection",
        HttpRequestError.NameResolutionError => "its name is not known",
        HttpRequestError.SecureConnectionError => "no secure connection: " + (e.InnerException?.Message ?? e.Message),
        _ => "the connection broke",
    };

    private static Uri Normalised(Uri server)
    {
        if (!server.IsAbsoluteUri || (server.Scheme != Uri.UriSchemeHttp && server.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"\"{server}\" is not a server's address: write it like http://127.0.0.1:8120.");
        }
        return server.AbsolutePath.EndsWith('/') ? server : new Uri(server.GetLeftPart(UriPartial.Path) + "/");
    }
}

/// <summary>One call, the same at every attempt.</summary>
internal sealed record Call(HttpMethod Method, string Path)
{
    private static readonly MediaTypeHeaderValue s_json = new("application/json");

    public byte[]? Body { get; init; }

    public string? Token { get; init; }

    /// <summary>Null on calls that change nothing.</summary>
    public string? Key { get; init; }

    public HttpRequestMessage ToRequest(Uri server)
    {
        var request = new HttpRequestMessage(Method, new Uri(server, Path)) { Version = HttpVersion.Version11 };
        if (Token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        }
        if (Key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", Key);
        }
        if (Body is not null)
        {
            request.Content = new ByteArrayContent(Body) { Headers = { ContentType = s_json } };
        }
        return request;
    }

    public override string ToString() => $"{Method} {Path}";
}
