using System.Net.Sockets;
using Agora.Rest;
using Microsoft.AspNetCore.Http;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Client.Tests;

/// <summary>
/// "When it is disconnected or gets 503, it goes on with another server and the same Idempotency-Key, so that nothing
/// happens twice. The user sees at most a pause."
/// </summary>
public sealed class FailoverTests : ReplicaListScenario
{
    public static TheoryData<string> Failures =>
        ["refuses connections", "dies", "dies while answering", "hangs", "503", "502"];

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_call_that_meets_a_failing_server_goes_on_with_another_under_the_same_key(string failure)
    {
        var bad = await StartAsync(Failing(failure));
        var good = await StartAsync(Responds(200, EmptyCart));
        using var client = Client(
            [bad, good],
            new() { AttemptTimeout = failure == "hangs" ? TimeSpan.FromMilliseconds(300) : Generous }
        );
        client.Token = "token";
        if (failure == "refuses connections")
        {
            await bad.StopAsync();
        }

        var cart = await client.AddItemToCartAsync("3-17", 2, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Empty(cart.Lines);
        var served = Assert.Single(good.Requests);
        Assert.Equal("""{"itemId":"3-17","quantity":2}""", served.Body);
        Assert.Equal("Bearer token", served.Authorization);
        Assert.NotNull(served.Key);
        if (failure != "refuses connections")
        {
            // Both requests are identical, including the key: so the second server knows that it is a repeat.
            Assert.Equal(served, Assert.Single(bad.Requests));
        }

        var change = Assert.Single(Changes);
        Assert.Equal((bad.Address, good.Address, TimeSpan.Zero), (change.From, change.To, change.Pause));
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_read_goes_on_with_another_server_as_well(string failure)
    {
        var bad = await StartAsync(Failing(failure));
        var good = await StartAsync(Responds(200, EmptyCart));
        using var client = Client(
            [bad, good],
            new() { AttemptTimeout = failure == "hangs" ? TimeSpan.FromMilliseconds(300) : Generous }
        );
        if (failure == "refuses connections")
        {
            await bad.StopAsync();
        }

        await client.DisplayCartAsync(TestContext.Current.CancellationToken);
        Assert.Null(Assert.Single(good.Requests).Key);
    }

    [Fact]
    public async Task Later_calls_stay_with_the_server_that_served()
    {
        var bad = await StartAsync(Failing("503"));
        var good = await StartAsync(Responds(200, EmptyCart));
        using var client = Client([bad, good]);
        for (var i = 0; i < 5; i++)
        {
            await client.DisplayCartAsync(TestContext.Current.CancellationToken);
        }

        Assert.Single(bad.Requests);
        Assert.Equal(5, good.Requests.Count);
        Assert.Equal(good.Address, client.Servers.Current);
    }

    [Fact]
    public async Task An_open_connection_that_dies_between_two_calls_costs_no_failure()
    {
        var first = await StartAsync(Responds(200, EmptyCart));
        var second = await StartAsync(Responds(200, EmptyCart));
        using var client = Client([first, second]);
        await client.DisplayCartAsync(TestContext.Current.CancellationToken);
        await first.StopAsync();
        await client.DisplayCartAsync(TestContext.Current.CancellationToken);
        Assert.Single(second.Requests);
    }

    [Fact]
    public async Task The_key_given_by_the_caller_is_the_key_that_is_sent()
    {
        var server = await StartAsync(Responds(204, ""));
        using var client = Client([server]);
        await client.ClearCartAsync("mine", TestContext.Current.CancellationToken);
        Assert.Equal("mine", Assert.Single(server.Requests).Key);
    }

    [Fact]
    public async Task Two_calls_never_share_a_key()
    {
        var server = await StartAsync(Responds(204, ""));
        using var client = Client([server]);
        await client.ClearCartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await client.ClearCartAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(2, server.Requests.Select(r => r.Key).Distinct().Count());
    }

    [Fact]
    public async Task When_no_server_serves_the_call_ends_at_its_deadline_with_the_key_to_repeat_it()
    {
        var servers = new[]
        {
            await StartAsync(Failing("503")),
            await StartAsync(Failing("dies")),
            await StartAsync(Failing("hangs")),
        };
        using var client = Client(
            servers,
            new() { Deadline = TimeSpan.FromMilliseconds(900), AttemptTimeout = TimeSpan.FromMilliseconds(100) }
        );

        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client
                .ClearCartAsync(cancellationToken: TestContext.Current.CancellationToken)
                .WaitAsync(Generous, TestContext.Current.CancellationToken)
        );

        Assert.True(failure.IsTransient);
        Assert.True(failure.OutcomeUnknown);
        Assert.Equal(ErrorCodes.Unavailable, failure.Code);
        Assert.All(servers, server => Assert.NotEmpty(server.Requests));
        Assert.Equal([failure.IdempotencyKey], servers.SelectMany(s => s.Requests).Select(r => r.Key).Distinct());
    }

    [Fact]
    public async Task When_no_server_was_reached_it_is_known_that_nothing_happened()
    {
        var gone = await StartAsync(Dies);
        await gone.StopAsync();
        using var client = Client([gone], new() { Deadline = TimeSpan.FromMilliseconds(200) });
        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client.ClearCartAsync(cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Equal((0, true, false), (failure.Status, failure.IsTransient, failure.OutcomeUnknown));
    }

    [Fact]
    public async Task Pauses_grow_once_every_server_has_failed_so_that_attempts_stay_few()
    {
        var servers = new[] { await StartAsync(Failing("503")), await StartAsync(Failing("503")) };
        using var client = Client(servers, new() { Deadline = TimeSpan.FromMilliseconds(1500) });
        await Assert.ThrowsAsync<AgoraException>(() => client.DisplayCartAsync(TestContext.Current.CancellationToken));

        // The full pauses are 0, 100, 200, 400 and 800 ms, and jitter halves them at most.
        Assert.InRange(servers.Sum(s => s.Requests.Count), 1, 7);
        Assert.All(
            Changes.Zip(Changes.Skip(2)),
            pair => Assert.True(pair.Second.Pause >= pair.First.Pause, "pauses shrink")
        );
    }

    [Fact]
    public async Task A_server_that_says_when_to_come_back_is_not_asked_until_then_but_another_is_asked_at_once()
    {
        var bad = await StartAsync(Refuses(503, "unavailable", "no leader", retryAfter: "1"));
        var good = await StartAsync(Responds(200, EmptyCart));
        using (var client = Client([bad, good]))
        {
            await client.DisplayCartAsync(TestContext.Current.CancellationToken);
            Assert.Equal(TimeSpan.Zero, Assert.Single(Changes).Pause);
        }

        Changes.Clear();
        using (var client = Client([bad]))
        {
            bad.Answer = context =>
                (
                    bad.Requests.Count < 3
                        ? Refuses(503, "unavailable", "no leader", retryAfter: "1")
                        : Responds(200, EmptyCart)
                )(context);
            await client.DisplayCartAsync(TestContext.Current.CancellationToken);
            Assert.Equal(TimeSpan.FromSeconds(1), Assert.Single(Changes).Pause);
        }
    }

    [Fact]
    public async Task A_wait_longer_than_the_deadline_is_not_begun()
    {
        var bad = await StartAsync(Refuses(503, "unavailable", "maintenance", retryAfter: "3600"));
        using var client = Client([bad]);
        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client
                .DisplayCartAsync(TestContext.Current.CancellationToken)
                .WaitAsync(Generous, TestContext.Current.CancellationToken)
        );
        Assert.Equal((503, TimeSpan.FromHours(1)), (failure.Status, failure.RetryAfter));
        Assert.Single(bad.Requests);
    }

    [Fact]
    public async Task A_limit_with_a_known_end_is_waited_for_at_the_same_server()
    {
        var limiting = await StartAsync(Refuses(429, "too-many-requests", "slow down", retryAfter: "1"));
        var other = await StartAsync(Responds(200, EmptyCart));
        limiting.Answer = context =>
            (
                limiting.Requests.Count < 3
                    ? Refuses(429, "too-many-requests", "slow down", retryAfter: "1")
                    : Responds(200, EmptyCart)
            )(context);
        using var client = Client([limiting, other]);
        await client.SaveCartAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(3, limiting.Requests.Count);
        Assert.Single(limiting.Requests.Select(r => r.Key).Distinct());
        Assert.Empty(other.Requests);
        Assert.All(Changes, change => Assert.Equal((change.From, TimeSpan.FromSeconds(1)), (change.To, change.Pause)));
    }

    [Fact]
    public async Task A_limit_that_lasts_longer_than_the_call_may_take_is_the_answer()
    {
        var limiting = await StartAsync(Refuses(429, "too-many-requests", "slow down", retryAfter: "60"));
        using var client = Client([limiting]);
        var refusal = await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync(cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Equal((429, "slow down", TimeSpan.FromMinutes(1)), (refusal.Status, refusal.Detail, refusal.RetryAfter));
        Assert.Single(limiting.Requests);
        Assert.Empty(Changes);
    }

    [Fact]
    public async Task One_attempt_is_reported_as_one()
    {
        var server = await StartAsync(Refuses(503, "unavailable", "maintenance", retryAfter: "3600"));
        using var client = Client([server]);
        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync(cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Contains("(1 attempt)", failure.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("\u00e9")]
    [InlineData("a\n")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123x")]
    public async Task A_key_that_no_server_takes_is_refused_before_it_is_sent(string key)
    {
        var server = await StartAsync(Responds(200, EmptyCart));
        using var client = Client([server]);
        var refusal = await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync(key, TestContext.Current.CancellationToken)
        );
        Assert.Equal(ErrorCodes.InvalidRequest, refusal.Code);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData(400, "invalid-request")]
    [InlineData(401, "not-logged-in")]
    [InlineData(402, "payment-declined")]
    [InlineData(409, "not-enough-units")]
    [InlineData(429, "too-many-requests")]
    [InlineData(500, "internal")]
    public async Task A_refusal_is_the_answer_and_no_other_server_is_asked(int status, string code)
    {
        var refusing = await StartAsync(Refuses(status, code, "fix this"));
        var other = await StartAsync(Responds(200, EmptyCart));
        using var client = Client([refusing, other]);
        var refusal = await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync(cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Equal(
            (status, code, "fix this", status == 429),
            (refusal.Status, refusal.Code, refusal.Detail, refusal.IsTransient)
        );
        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task Field_errors_come_through()
    {
        var server = await StartAsync(
            Responds(
                400,
                """{"status":400,"code":"invalid-request","errors":{"price":["is required","must be more than 0"]}}""",
                "application/problem+json"
            )
        );
        using var client = Client([server]);
        var refusal = await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync(cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Equal(["is required", "must be more than 0"], refusal.Errors["price"]);
    }

    [Theory]
    [InlineData(200, "<html>", "text/html")]
    [InlineData(404, "<html>", "text/html")]
    [InlineData(400, "not json", "application/problem+json")]
    public async Task Something_that_is_not_Agora_is_reported_as_such(int status, string body, string type)
    {
        var server = await StartAsync(Responds(status, body, type));
        using var client = Client([server]);
        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client.DisplayCartAsync(TestContext.Current.CancellationToken)
        );
        Assert.False(failure.IsTransient);
        Assert.Contains(server.Address.Authority, failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_ends_the_call_at_once_and_is_not_a_failure()
    {
        var server = await StartAsync(Hangs);
        using var client = Client([server]);
        using var cancel = new CancellationTokenSource();
        var call = client.DisplayCartAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            call.WaitAsync(Generous, TestContext.Current.CancellationToken)
        );
        Assert.Empty(Changes);
    }

    [Fact]
    public async Task A_client_holds_one_connection()
    {
        var connections = new HashSet<string>();
        var server = await StartAsync(context =>
        {
            lock (connections)
            {
                connections.Add(context.Connection.Id);
            }

            return Responds(200, EmptyCart)(context);
        });
        using var client = Client([server]);
        await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => client.DisplayCartAsync(TestContext.Current.CancellationToken))
        );
        Assert.Single(connections);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("3-17/price")]
    [InlineData("3-")]
    [InlineData("3-1?quantity=1")]
    public async Task What_is_not_an_item_id_never_becomes_part_of_a_path(string itemId)
    {
        var server = await StartAsync(Responds(200, EmptyCart));
        using var client = Client([server]);
        var refusal = await Assert.ThrowsAsync<AgoraException>(() =>
            client.RemoveItemFromCartAsync(itemId, cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Equal(ErrorCodes.InvalidRequest, refusal.Code);
        Assert.Empty(server.Requests);
    }

    private static Func<HttpContext, Task> Failing(string failure) =>
        failure switch
        {
            "dies" => Dies,
            "dies while answering" => DiesWhileAnswering,
            "hangs" => Hangs,
            "502" => Responds(502, ""),
            _ => Refuses(503, "unavailable", "the products database has no leader"),
        };

    // Chaos runs showed it: HttpClient does not wrap the exception if a connection is reset between connecting and its
    // first use.
    [Fact]
    public async Task A_connection_that_is_reset_as_soon_as_it_is_made_is_a_reason_to_go_on_with_another_server()
    {
        var first = await StartAsync(Responds(200, EmptyCart));
        var second = await StartAsync(Responds(200, EmptyCart));
        using var client = Client(
            [first, second],
            new() { Handler = new ResetOnceHandler { InnerHandler = new SocketsHttpHandler() } }
        );
        client.Token = "token";

        await client.AddItemToCartAsync("3-17", 2, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Empty(first.Requests);
        Assert.Single(second.Requests);
    }

    private sealed class ResetOnceHandler : DelegatingHandler
    {
        private int _calls;

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request,
            CancellationToken cancellationToken
        ) =>
            _calls++ == 0
                ? Task.FromException<HttpResponseMessage>(new SocketException((int)SocketError.NotConnected))
                : base.SendAsync(request, cancellationToken);
    }
}
