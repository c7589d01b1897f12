using System.Net;
using System.Net.ServerSentEvents;
using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>The page's parts, sent as server-sent events.</summary>
public sealed class LivePartsTests : IAsyncLifetime
{
    private RoomHost _host = null!;
    private HttpClient _http = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await RoomHost.StartAsync();
        _http = new HttpClient { BaseAddress = _host.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task First_comes_every_part_and_then_only_what_has_changed()
    {
        var now = DateTime.UtcNow;
        _host.Room.Show(Pictures.Well(now));
        using var answer = await OpenAsync();
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no", answer.Headers.GetValues("X-Accel-Buffering").Single());
        await using var events = SseParser
            .Create(await answer.Content.ReadAsStreamAsync(CancellationToken))
            .EnumerateAsync(CancellationToken)
            .GetAsyncEnumerator(CancellationToken);

        var (first, end) = await PictureAsync(events);
        Assert.Contains("id=\"well\"", string.Concat(first), StringComparison.Ordinal);
        Assert.Contains("id=\"group-products\"", string.Concat(first), StringComparison.Ordinal);
        Assert.Equal(20, first.Count(p => p.StartsWith("<tr id=\"process-", StringComparison.Ordinal)));
        Assert.Equal(TimeSpan.FromMilliseconds(500), end.ReconnectionInterval);

        // The same moment, with one process killed: its row, its group, the sentence and the links say so.
        _host.Room.Show(Pictures.Well(now).With("products/2", p => p.Killed(now)));
        var (second, _) = await PictureAsync(events);
        Assert.Contains(second, p => p.Contains("id=\"process-products-2\"", StringComparison.Ordinal));
        Assert.Contains(second, p => p.Contains("id=\"group-products\"", StringComparison.Ordinal));
        Assert.DoesNotContain(second, p => p.Contains("id=\"process-web-0\"", StringComparison.Ordinal));
        Assert.DoesNotContain(second, p => p.Contains("id=\"events\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_connection_that_is_closed_no_longer_watches_and_too_many_are_refused()
    {
        List<HttpResponseMessage> open = [];
        for (var i = 0; i < LiveParts.MaxConnections; i++)
        {
            open.Add(await OpenAsync());
        }

        using (var refused = await OpenAsync())
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        }

        open.ForEach(answer => answer.Dispose());
        await Wait.UntilAsync("nobody watches", () => _host.Room.Watchers == 0);
        using var again = await OpenAsync();
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }

    private async Task<HttpResponseMessage> OpenAsync() =>
        await _http.GetAsync(
            new Uri("/operations/live", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );

    private static async Task<(List<string> Parts, SseItem<string> End)> PictureAsync(
        IAsyncEnumerator<SseItem<string>> events
    )
    {
        List<string> parts = [];
        while (await events.MoveNextAsync())
        {
            if (events.Current.EventType == "picture")
            {
                return (parts, events.Current);
            }

            parts.Add(events.Current.Data);
        }

        throw new InvalidOperationException("The stream has ended.");
    }
}
