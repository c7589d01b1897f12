using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Rest;
using Microsoft.AspNetCore.Connections;

namespace Agora.Servers.Tests;

/// <summary>
/// The limits of the cluster file: a request that is too large is refused, a client that calls too often must wait.
/// </summary>
public sealed class LimitTests : IAsyncLifetime
{
    private readonly Limited _marketplace = new();

    private sealed class Limited : InProcessMarketplace
    {
        public Limited() =>
            Settings = new ServerSettings
            {
                Limits = new LimitSettings
                {
                    BodyBytes = 2048,
                    HeaderBytes = 2048,
                    UrlBytes = 1024,
                    RequestsPerSecond = 1,
                    RequestBurst = 12,
                    LoginsPerMinute = 2,
                    Connections = 10,
                },
            };
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _marketplace.InitializeAsync();

    public ValueTask DisposeAsync() => _marketplace.DisposeAsync();

    [Fact]
    public async Task Whoever_calls_too_often_is_told_when_to_come_back_and_is_then_served()
    {
        HttpResponseMessage? refused = null;
        for (var i = 0; i < 100 && refused is null; i++)
        {
            var answer = await _marketplace.Buyer.SendAsync(HttpMethod.Get, "/items/1-1");
            refused = answer.StatusCode == HttpStatusCode.TooManyRequests ? answer : null;
        }

        Assert.NotNull(refused);
        var wait = refused.Headers.RetryAfter!.Delta!.Value;
        await refused.ProblemAsync(429, ErrorCodes.TooManyRequests);
        Assert.InRange(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));

        // Liveness is answered in any case.
        Assert.Equal(
            HttpStatusCode.OK,
            (await _marketplace.Buyer.GetAsync(new Uri("/health/live", UriKind.Relative), Cancellation)).StatusCode
        );
        while (await _marketplace.Buyer.SendAsync(HttpMethod.Get, "/items/1-1").StatusAsync() == 429)
        {
            await Task.Delay(50, Cancellation);
        }
    }

    [Theory]
    [InlineData("/health/ready")]
    [InlineData("/health/live")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/nothing")]
    public async Task Everything_counts_against_the_limit_and_says_what_is_left(string path)
    {
        using var first = await _marketplace.Seller.SendAsync(HttpMethod.Get, path);
        Assert.Equal("\"client\";q=12;w=12", Assert.Single(first.Headers.GetValues("RateLimit-Policy")));
        var left = Left(first);
        using var second = await _marketplace.Seller.SendAsync(HttpMethod.Get, path);
        Assert.InRange(Left(second), 0, left);

        while (
            await _marketplace.Seller.SendAsync(HttpMethod.Get, "/items")
                is { StatusCode: not HttpStatusCode.TooManyRequests } answer
        )
        {
            Assert.InRange(Left(answer), 0, 12);
        }

        static int Left(HttpResponseMessage answer)
        {
            var fields = Assert.Single(answer.Headers.GetValues("RateLimit")).Split(';');
            Assert.Equal("\"client\"", fields[0]);
            Assert.StartsWith("t=", fields[2], StringComparison.Ordinal);
            return int.Parse(fields[1]["r=".Length..], provider: null);
        }
    }

    [Fact]
    public async Task Logins_of_one_account_are_limited_right_or_wrong_and_those_of_another_are_not()
    {
        var username = InProcessMarketplace.NewName("limited");
        await _marketplace.Seller.PostAsync<SellerCreated>(
            "/sellers",
            new
            {
                name = "Sam",
                username,
                password = InProcessMarketplace.Password,
            }
        );
        for (var i = 0; i < 2; i++)
        {
            await _marketplace.Seller.PostAsync<SellerSession>(
                "/sessions",
                new { username, password = InProcessMarketplace.Password }
            );
        }

        var refused = await _marketplace.Seller.SendAsync(
            HttpMethod.Post,
            "/sessions",
            new { username, password = InProcessMarketplace.Password }
        );
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        await refused.ProblemAsync(429, ErrorCodes.TooManyRequests);
        await _marketplace.NewSellerAsync();
    }

    [Fact]
    public async Task A_client_has_only_so_many_connections_and_one_on_this_machine_as_many_as_it_likes()
    {
        using RefusalLog log = new(TimeProvider.System, _ => { });
        ConnectionLimits limits = new(new LimitSettings { ConnectionsPerClient = 2 }, log);
        TaskCompletionSource ended = new();
        var served = 0;
        Task Serve(ConnectionContext connection)
        {
            served++;
            return ended.Task;
        }

        List<Task> connections = [];
        bool IsRefused(string address)
        {
            connections.Add(
                limits.CountAsync(
                    Serve,
                    new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 1) }
                )
            );
            return connections[^1].IsCompleted;
        }

        Assert.False(IsRefused("192.0.2.1"));
        Assert.False(IsRefused("192.0.2.1"));
        Assert.True(IsRefused("192.0.2.1"));
        Assert.Equal(2, served);
        Assert.False(IsRefused("2001:db8::1"));
        Assert.False(IsRefused("2001:db8::2"));
        Assert.True(IsRefused("2001:db8::3"));
        Assert.Equal(4, served);
        Assert.False(IsRefused("192.0.2.2"));
        Assert.False(IsRefused("127.0.0.1"));
        Assert.False(IsRefused("127.0.0.1"));
        Assert.False(IsRefused("127.0.0.1"));
        Assert.Equal(8, served);

        ended.SetResult();
        await Task.WhenAll(connections);
        connections.Add(
            limits.CountAsync(
                Serve,
                new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 1) }
            )
        );
        Assert.Equal(9, served);
    }

    [Fact]
    public async Task A_connection_on_which_nothing_is_said_is_ended_and_so_is_one_beyond_the_bound_of_all()
    {
        var server = _marketplace.Seller.BaseAddress!;
        using TcpClient silent = new();
        await silent.ConnectAsync(server.Host, server.Port, Cancellation);
        var began = TimeProvider.System.GetTimestamp();
        Assert.Equal(0, await silent.GetStream().ReadAsync(new byte[1], Cancellation));
        Assert.InRange(
            TimeProvider.System.GetElapsedTime(began),
            ConnectionLimits.FirstByteTimeout - TimeSpan.FromSeconds(1),
            ConnectionLimits.KeepAliveTimeout
        );

        // The limits of this marketplace allow ten connections in all.
        List<TcpClient> many = [];
        try
        {
            var refused = false;
            for (var i = 0; i < 20 && !refused; i++)
            {
                TcpClient one = new();
                many.Add(one);
                await one.ConnectAsync(server.Host, server.Port, Cancellation);
                await one.GetStream()
                    .WriteAsync("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), Cancellation);
                try
                {
                    refused = await one.GetStream().ReadAsync(new byte[1], Cancellation) == 0;
                }
                catch (IOException)
                {
                    refused = true;
                }
            }

            Assert.True(refused);
        }
        finally
        {
            many.ForEach(one => one.Dispose());
        }
    }

    [Fact]
    public async Task What_is_too_large_is_refused_and_the_error_says_how_large_it_may_be()
    {
        var problem = await _marketplace
            .Seller.SendAsync(HttpMethod.Post, "/sessions", new { username = new string('x', 3000), password = "x" })
            .ProblemAsync(413, ErrorCodes.TooLarge);
        Assert.Contains("2048 bytes", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(
            414,
            await _marketplace.Seller.SendAsync(HttpMethod.Get, "/items?cursor=" + new string('x', 2000)).StatusAsync()
        );
        Assert.Equal(
            431,
            await _marketplace.Seller.SendAsync(HttpMethod.Get, "/items", key: new string('x', 3000)).StatusAsync()
        );
    }
}
