using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Agora.Web.Operations;

/// <summary>
/// Sends the parts of the page that have changed, as server-sent events, until the browser leaves. First comes every
/// part, as the page in the browser may be of an earlier start of this process.
/// </summary>
internal sealed class LiveParts(
    IControlRoom room,
    PartRenderer renderer,
    TimeProvider time,
    IHostApplicationLifetime lifetime
)
{
    /// <summary>More connections at a time are refused.</summary>
    public const int MaxConnections = 64;

    // The browser's default is three seconds, in which people think that the page is dead.
    private static readonly TimeSpan s_reconnect = TimeSpan.FromMilliseconds(500);

    private int _connections;

    public async Task ServeAsync(HttpContext http)
    {
        if (Interlocked.Increment(ref _connections) > MaxConnections)
        {
            Interlocked.Decrement(ref _connections);
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            http.Response.Headers.RetryAfter = "5";
            return;
        }

        try
        {
            // Without the second one, a stop would wait for everybody who looks.
            using var end = CancellationTokenSource.CreateLinkedTokenSource(
                http.RequestAborted,
                lifetime.ApplicationStopping
            );
            http.Response.Headers["X-Accel-Buffering"] = "no";
            var server = http.Request.Query["server"] is [{ } named] ? named : null;
            await TypedResults.ServerSentEvents(EventsAsync(server, end.Token)).ExecuteAsync(http);
        }
        catch (OperationCanceledException)
        {
            // The browser has left, or this process ends.
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    private async IAsyncEnumerable<SseItem<string>> EventsAsync(
        string? server,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        Dictionary<string, string> sent = [];
        await foreach (var picture in room.WatchAsync(cancellationToken))
        {
            var known = server is not null && picture.Status.Processes.Any(p => p.Name == server) ? server : null;
            foreach (var part in await renderer.RenderAsync(picture, known))
            {
                if (sent.GetValueOrDefault(part.Id) != part.Html)
                {
                    sent[part.Id] = part.Html;
                    yield return new SseItem<string>(part.Html, "part");
                }
            }

            // How old the picture is when it leaves: the clocks of browser and server may differ.
            var age = Math.Max(0, (time.GetUtcNow().UtcDateTime - picture.TakenAt).TotalMilliseconds);
            yield return new SseItem<string>(age.ToString("0", CultureInfo.InvariantCulture), "picture")
            {
                ReconnectionInterval = s_reconnect,
            };
        }
    }
}
