using Agora.Cluster;
using Agora.Servers;
using Agora.Web.Page;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Web.Security;

/// <summary>Handles every request: headers, what is refused before any page sees it, and errors as pages.</summary>
internal sealed class WebPipeline(
    RequestDelegate next,
    LimitSettings limits,
    AllowedHosts hosts,
    RateLimits rates,
    RefusalLog refusals,
    ILogger<WebPipeline> logger
)
{
    public async Task InvokeAsync(HttpContext http)
    {
        var request = RequestScope.Of(http.Request);
        http.TraceIdentifier = request.Id;
        using var scope = logger.BeginScope(request);
        SecurityHeaders.AddTo(http);
        http.Response.Headers[RequestScope.Header] = request.Id;
        if (await ServeAsync(http) is { } refusal && !http.Response.HasStarted)
        {
            await refusal.ExecuteAsync(http);
        }
    }

    private async Task<IResult?> ServeAsync(HttpContext http)
    {
        try
        {
            if (Refused(http) is { } refusal)
            {
                return refusal;
            }

            await next(http);
            // Routing and Kestrel refuse without a body: this adds it.
            return
                http.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null or 0 }
                ? ErrorPages.OfStatus(http.Response.StatusCode)
                : null;
        }
        catch (BadHttpRequestException e)
        {
            return ErrorPages.OfStatus(e.StatusCode);
        }
        catch (Exception e)
            when (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // The user is gone.
            return null;
        }
        catch (Exception e)
        {
            logger.LogError(e, "{Method} {Path} failed", http.Request.Method, http.Request.Path);
            return ErrorPages.OfStatus(StatusCodes.Status500InternalServerError);
        }
    }

    private IResult? Refused(HttpContext http)
    {
        var isHealth = http.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal);
        if (!isHealth && !hosts.Contains(http.Request.Host))
        {
            refusals.Count("a request for another host", $"{ClientAddress.Of(http)}");
            return ErrorPages.OfStatus(StatusCodes.Status421MisdirectedRequest);
        }

        // Liveness is always answered: a supervisor must not restart this process because a neighbour calls too often.
        if (rates.Count(http.Connection.RemoteIpAddress) is { } wait && http.Request.Path != RestServer.LivePath)
        {
            refusals.Count("a page answers 429", $"{ClientAddress.Of(http)}");
            return ErrorPages.TooManyRequests(wait);
        }

        if (RequestSize.RefusedStatus(http, limits) is { } tooLarge)
        {
            return ErrorPages.OfStatus(tooLarge);
        }

        if (!SameOrigin.Allows(http.Request))
        {
            refusals.Count("a change that a page of another site asked for", $"{ClientAddress.Of(http)}");
            return ErrorPages.OfStatus(StatusCodes.Status403Forbidden);
        }

        return null;
    }
}

/// <summary>Puts the pipeline in front of the endpoints.</summary>
internal static class WebPipelineExtensions
{
    public static void UseWebPipeline(this WebApplication app, LimitSettings limits)
    {
        // HEAD is served as GET. Kestrel omits the body, since the request came as HEAD.
        app.Use(next =>
            http =>
            {
                if (HttpMethods.IsHead(http.Request.Method))
                {
                    http.Request.Method = HttpMethods.Get;
                }

                return next(http);
            }
        );
        app.UseResponseCompression();
        app.Use(next =>
            new WebPipeline(
                next,
                limits,
                app.Services.GetRequiredService<AllowedHosts>(),
                app.Services.GetRequiredService<RateLimits>(),
                app.Services.GetRequiredService<RefusalLog>(),
                app.Services.GetRequiredService<ILogger<WebPipeline>>()
            ).InvokeAsync
        );
        app.UseRouting();
    }
}
