using System.Net;
using Agora.Client;
using Agora.Contracts.Cluster;

namespace Agora.Servers.Tests;

/// <summary>The limits that the cluster file sets: what is too large is refused, what comes too often is told to come back.</summary>
public sealed class LimitTests : IAsyncLifetime
{
    private readonly Limited _marketplace = new();

    private sealed class Limited : Marketplace
    {
        public Limited() => Settings = new ServerSettings
        {
            Limits = new LimitSettings { BodyBytes = 2048, HeaderBytes = 2048, UrlBytes = 1024, RequestsPerSecond = 1, RequestBurst = 12, LoginsPerMinute = 2 },
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

        // Operators are not users.
        Assert.Equal(HttpStatusCode.OK, (await _marketplace.Buyer.GetAsync(new Uri("/health/live", UriKind.Relative), Cancellation)).StatusCode);
        while (await _marketplace.Buyer.SendAsync(HttpMethod.Get, "/items/1-1").StatusAsync() == 429)
        {
            await Task.Delay(50, Cancellation);
        }
    }

    [Fact]
    public async Task Logins_of_one_account_are_limited_right_or_wrong_and_those_of_another_are_not()
    {
        var username = Marketplace.NewName("limited");
        await _marketplace.Seller.PostAsync<SellerCreated>("/sellers", new { name = "Sam", username, password = "correct-horse" });
        for (var i = 0; i < 2; i++)
        {
            await _marketplace.Seller.PostAsync<SellerSession>("/sessions", new { username, password = "correct-horse" });
        }

        var refused = await _marketplace.Seller.SendAsync(HttpMethod.Post, "/sessions", new { username, password = "correct-horse" });
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        await refused.ProblemAsync(429, ErrorCodes.TooManyRequests);
        await _marketplace.NewSellerAsync();
    }

    [Fact]
    public async Task What_is_too_large_is_refused_and_the_error_says_how_large_it_may_be()
    {
        var problem = await _marketplace.Seller.SendAsync(HttpMethod.Post, "/sessions", new { username = new string('x', 3000), password = "x" })
            .ProblemAsync(413, ErrorCodes.TooLarge);
        Assert.Contains("2048 bytes", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(414, await _marketplace.Seller.SendAsync(HttpMethod.Get, "/items?cursor=" + new string('x', 2000)).StatusAsync());
        Assert.Equal(431, await _marketplace.Seller.SendAsync(HttpMethod.Get, "/items", key: new string('x', 3000)).StatusAsync());
    }
}
