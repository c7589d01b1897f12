using Agora.Client;
using Agora.Contracts.Customers;
using Agora.Contracts.Security;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Agora.Servers;

/// <summary>Around every request: headers, the call's deadline and its checks, errors in one shape, measurement.</summary>
internal sealed class Pipeline(RequestDelegate next, Role role, ServerContext context, RateLimits limits, RefusalLog refusals)
{
    private readonly ILogger _logger = context.Logger(typeof(Pipeline));

    public async Task InvokeAsync(HttpContext http)
    {
        var started = context.Time.GetTimestamp();
        var request = RequestScope.Of(http.Request);
        http.TraceIdentifier = request.Id;
        http.Features.Set(request);
        using var scope = _logger.BeginScope(request);
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
        // How long a compressed token is would tell something of it to who can mix own text into the answer.
        if (function is not { AnswersToken: true } && http.Request.Headers.AcceptEncoding is { Count: > 0 } accepted
            && ContentCoding.Choose(accepted) is ({ } coding, var takesIdentity))
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
            context.Metrics.FunctionServed(function.Name, outcome, context.Time.GetElapsedTime(started));
        }
    }

    private async Task ServeAsync(HttpContext http, Function? function)
    {
        Refusal? refusal;
        using (var deadline = new CancellationTokenSource(context.Settings.CallDeadline, context.Time))
        {
            refusal = await ServeAsync(http, function, deadline.Token);
        }
        if (refusal is not null && !http.Response.HasStarted)
        {
            await refusal.ExecuteAsync(http);
        }
    }

    private async Task<Refusal?> ServeAsync(HttpContext http, Function? function, CancellationToken deadline)
    {
        try
        {
            if (CountAgainstLimit(http) is { } wait)
            {
                return Refusal.TooManyRequests(wait, "Too many calls from this address; wait a while, then go on more slowly.");
            }
            if (RequestSize.Refused(http, context.Settings.Limits) is { } tooLarge)
            {
                return Refusal.OfStatus(tooLarge, context.Settings.Limits);
            }
            if (function is not null && await Call.BeginAsync(http, function, role, deadline) is (_, { } refusal))
            {
                return refusal;
            }
            await next(http);
            return OfRouting(http);
        }
        catch (UnavailableException e)
        {
            refusals.Count($"{function?.Name} answers 503: {e.Message} {e.InnerException?.Message}".TrimEnd(), $"{ClientAddress.Of(http)}");
            return Refusal.Unavailable(e.Part);
        }
        catch (BadHttpRequestException e)
        {
            return Refusal.OfStatus(e.StatusCode, context.Settings.Limits);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.InvalidArgument or StatusCode.OutOfRange)
        {
            // Our own checks should have found it; the database's are stricter somewhere.
            _logger.LogError(e, "{Function} passed on what a database finds invalid", function?.Name);
            return Refusal.OfStatus(400);
        }
        catch (Exception e) when (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // Nobody is there to be answered.
            return null;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return Refusal.Unavailable("The marketplace");
        }
        catch (Exception e)
        {
            _logger.LogError(e, "{Function} failed", function?.Name ?? http.Request.Path);
            return Refusal.OfStatus(500);
        }
    }

    // Everything counts. That the process lives is told all the same: it costs nothing, and whoever restarts what gives no sign of life must
    // not do so because a neighbour calls too often.
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

    // What routing and HTTP refuse by themselves comes without a body.
    private Refusal? OfRouting(HttpContext http)
    {
        var response = http.Response;
        if (response is not { HasStarted: false, StatusCode: >= 400, ContentLength: null or 0, ContentType: null })
        {
            return null;
        }
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed)
        {
            var methods = response.Headers.Allow.SelectMany(one => one!.Split(',', StringSplitOptions.TrimEntries)).ToList();
            if (methods.Contains(HttpMethods.Get))
            {
                methods.Add(HttpMethods.Head);
            }
            methods.Add(HttpMethods.Options);
            response.Headers.Allow = string.Join(", ", methods.Distinct().Order(StringComparer.Ordinal));
        }
        if (HttpMethods.IsOptions(http.Request.Method) && (response.StatusCode == StatusCodes.Status405MethodNotAllowed || IsOfServer(http)))
        {
            response.StatusCode = StatusCodes.Status204NoContent;
            return null;
        }
        return Refusal.OfStatus(response.StatusCode, context.Settings.Limits);
    }

    // "OPTIONS *" asks nothing of any path.
    private static bool IsOfServer(HttpContext http) => http.Features.Get<IHttpRequestFeature>()!.RawTarget == "*";
}
