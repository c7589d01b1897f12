using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Rest;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Agora.Servers;

/// <summary>
/// Handles every request: headers, the call's deadline and its checks, errors in one shape, and measurement.
/// </summary>
internal sealed class Pipeline(
    RequestDelegate next,
    Role role,
    ServerSettings settings,
    ServerMetrics metrics,
    TimeProvider time,
    ILogger<Pipeline> logger,
    RateLimits limits,
    RefusalLog refusals
)
{
    public async Task InvokeAsync(HttpContext http)
    {
        var started = time.GetTimestamp();
        var request = RequestScope.Of(http.Request);
        http.TraceIdentifier = request.Id;
        http.Features.Set(request);
        using var scope = logger.BeginScope(request);
        var headers = http.Response.Headers;
        headers[RequestScope.Header] = request.Id;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        headers.Vary = HeaderNames.AcceptEncoding;
        if (http.Request.IsHttps)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }

        var function = http.GetEndpoint()?.Metadata.GetMetadata<Function>();
        // A token is never compressed: its compressed length reveals something to an attacker who can add text to the
        // answer.
        if (
            function is not { AnswersToken: true }
            && http.Request.Headers.AcceptEncoding is { Count: > 0 } accepted
            && ContentCoding.Choose(accepted) is ({ } coding, var takesIdentity)
        )
        {
            await ContentCoding.ServeAsync(http, coding, takesIdentity, () => ServeAsync(http, function));
        }
        else
        {
            await ServeAsync(http, function);
        }

        if (function is not null)
        {
            var outcome = http.Features.Get<Refusal>()?.Code ?? "ok";
            if (outcome == ErrorCodes.TooManyRequests)
            {
                refusals.Count($"{function.Name} answers 429", $"{ClientAddress.Of(http)}");
            }

            metrics.FunctionServed(function.Name, outcome, time.GetElapsedTime(started));
        }
    }

    private async Task ServeAsync(HttpContext http, Function? function)
    {
        Refusal? refusal;
        using (var deadline = new CancellationTokenSource(settings.CallDeadline, time))
        {
            refusal = await ServeAsync(http, function, deadline.Token);
        }

        if (refusal is not null && !http.Response.HasStarted)
        {
            await refusal.ExecuteAsync(http);
        }
    }

    private async Task<Refusal?> ServeAsync(HttpContext http, Function? function, CancellationToken cancellationToken)
    {
        try
        {
            if (CountAgainstLimit(http) is { } wait)
            {
                return Refusal.TooManyRequests(
                    wait,
                    "Too many calls from this address. Wait a while, then call less often."
                );
            }

            if (RequestSize.RefusedStatus(http, settings.Limits) is { } tooLarge)
            {
                return Refusal.OfStatus(tooLarge, settings.Limits);
            }

            if (
                function is not null
                && await Call.BeginAsync(http, function, role, cancellationToken) is (_, { } refusal)
            )
            {
                return refusal;
            }

            await next(http);
            return OfRouting(http);
        }
        catch (UnavailableException e)
        {
            refusals.Count(
                $"{function?.Name} answers 503: {e.Message} {e.InnerException?.Message}".TrimEnd(),
                $"{ClientAddress.Of(http)}"
            );
            return Refusal.Unavailable(e.Part);
        }
        catch (BadHttpRequestException e)
        {
            return Refusal.OfStatus(e.StatusCode, settings.Limits);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.InvalidArgument or StatusCode.OutOfRange)
        {
            // Our own checks should have found it: the database's are stricter somewhere.
            logger.LogError(e, "{Function} sent a request that a database finds invalid", function?.Name);
            return Refusal.OfStatus(400);
        }
        catch (Exception e)
            when (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // The client is gone.
            return null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Refusal.Unavailable("The marketplace");
        }
        catch (Exception e)
        {
            logger.LogError(e, "{Function} failed", function?.Name ?? http.Request.Path);
            return Refusal.OfStatus(500);
        }
    }

    // Every request counts, but liveness is always answered: it costs nothing, and a supervisor must not restart this
    // process because a neighbour calls too often.
    private TimeSpan? CountAgainstLimit(HttpContext http)
    {
        if (limits.Policy is null)
        {
            return null;
        }

        var client = http.Connection.RemoteIpAddress;
        var wait = limits.Count(client);
        http.Response.Headers["RateLimit-Policy"] = limits.Policy;
        http.Response.Headers["RateLimit"] = limits.Left(client);
        return http.Request.Path == RestServer.LivePath ? null : wait;
    }

    // Routing and Kestrel refuse without a body: this adds it.
    private Refusal? OfRouting(HttpContext http)
    {
        var response = http.Response;
        if (response is not { HasStarted: false, StatusCode: >= 400, ContentLength: null or 0, ContentType: null })
        {
            return null;
        }

        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed)
        {
            var methods = response
                .Headers.Allow.SelectMany(one => one!.Split(',', StringSplitOptions.TrimEntries))
                .ToList();
            if (methods.Contains(HttpMethods.Get))
            {
                methods.Add(HttpMethods.Head);
            }

            methods.Add(HttpMethods.Options);
            response.Headers.Allow = string.Join(", ", methods.Distinct().Order(StringComparer.Ordinal));
        }

        if (
            HttpMethods.IsOptions(http.Request.Method)
            && (response.StatusCode == StatusCodes.Status405MethodNotAllowed || IsOfServer(http))
        )
        {
            response.StatusCode = StatusCodes.Status204NoContent;
            return null;
        }

        return Refusal.OfStatus(response.StatusCode, settings.Limits);
    }

    // "OPTIONS *" concerns no path.
    private static bool IsOfServer(HttpContext http) => http.Features.Get<IHttpRequestFeature>()!.RawTarget == "*";
}
