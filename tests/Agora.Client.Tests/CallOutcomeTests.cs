using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Client.Tests;

/// <summary>
/// What a client knows of a call that did not succeed: whether it may have happened, and the key to repeat it with.
/// </summary>
public sealed class CallOutcomeTests : ReplicaListScenario
{
    [Fact]
    public async Task A_call_that_is_cancelled_names_its_key_and_says_whether_it_may_have_happened()
    {
        var server = await StartAsync(Hangs);
        using var client = Client([server]);
        using var cancel = new CancellationTokenSource();
        server.Answer = async context =>
        {
            await cancel.CancelAsync();
            await Hangs(context);
        };
        var cancelled = await Assert.ThrowsAsync<CallCanceledException>(() =>
            client.SaveCartAsync(cancellationToken: cancel.Token)
        );
        Assert.Equal((true, server.Requests.Single().Key), (cancelled.OutcomeUnknown, cancelled.IdempotencyKey));
    }

    [Fact]
    public async Task A_call_that_is_cancelled_between_two_attempts_that_no_server_got_is_known_not_to_have_happened()
    {
        var gone = await StartAsync(Dies);
        await gone.StopAsync();
        using var cancel = new CancellationTokenSource();
        // Cancels in the pause before the next attempt.
        using var client = new BuyerClient([gone.Address], new() { OnChange = _ => cancel.Cancel() });
        var cancelled = await Assert.ThrowsAsync<CallCanceledException>(() =>
            client.SaveCartAsync("mine", cancel.Token)
        );
        Assert.Equal((false, "mine"), (cancelled.OutcomeUnknown, cancelled.IdempotencyKey));
    }

    [Fact]
    public async Task A_server_that_failed_in_the_middle_of_a_change_may_have_made_it()
    {
        var server = await StartAsync(Refuses(500, "internal", "a fault of ours"));
        using var client = Client([server]);
        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync("mine", TestContext.Current.CancellationToken)
        );
        Assert.Equal((true, "mine"), (failure.OutcomeUnknown, failure.IdempotencyKey));
    }

    [Theory]
    [InlineData(429, "too-many-requests", "60")]
    [InlineData(429, "too-many-requests", null)]
    [InlineData(401, "not-logged-in", null)]
    [InlineData(400, "invalid-request", null)]
    [InlineData(413, "too-large", null)]
    [InlineData(415, "unsupported-media-type", null)]
    [InlineData(404, "no-such-resource", null)]
    [InlineData(405, "method-not-allowed", null)]
    [InlineData(409, "purchase-pending", "5")]
    [InlineData(422, "key-expired", null)]
    [InlineData(500, "internal", null)]
    [InlineData(418, "unheard-of", null)]
    public async Task A_refusal_that_decides_nothing_under_the_key_leaves_an_earlier_attempts_outcome_unknown(
        int status,
        string code,
        string? retryAfter
    )
    {
        var failure = await RefusedAfterABreakAsync(status, code, retryAfter);
        Assert.Equal((status, true, "mine"), (failure.Status, failure.OutcomeUnknown, failure.IdempotencyKey));
    }

    [Theory]
    [InlineData(402, "payment-declined")]
    [InlineData(403, "not-yours")]
    [InlineData(404, "not-in-cart")]
    [InlineData(409, "not-enough-units")]
    [InlineData(409, "purchase-abandoned")]
    [InlineData(412, "changed-meanwhile")]
    [InlineData(422, "key-reused")]
    public async Task A_refusal_by_the_function_itself_settles_what_became_of_earlier_attempts(int status, string code)
    {
        var failure = await RefusedAfterABreakAsync(status, code);
        Assert.Equal((status, false), (failure.Status, failure.OutcomeUnknown));
    }

    [Fact]
    public async Task Wrong_credentials_settle_what_became_of_an_earlier_attempt_to_log_in()
    {
        var breaking = await StartAsync(Dies);
        var refusing = await StartAsync(Refuses(401, "not-logged-in", "The username or the password is wrong."));
        using var client = Client([breaking, refusing]);
        var failure = await Assert.ThrowsAsync<AgoraException>(() =>
            client.LoginAsync("bob", "pw", cancellationToken: TestContext.Current.CancellationToken)
        );
        Assert.Equal((401, false), (failure.Status, failure.OutcomeUnknown));
    }

    private async Task<AgoraException> RefusedAfterABreakAsync(int status, string code, string? retryAfter = null)
    {
        var breaking = await StartAsync(Dies);
        var refusing = await StartAsync(Refuses(status, code, "no", retryAfter));
        using var client = Client([breaking, refusing]);
        client.Token = "token";
        return await Assert.ThrowsAsync<AgoraException>(() =>
            client.SaveCartAsync("mine", TestContext.Current.CancellationToken)
        );
    }
}
