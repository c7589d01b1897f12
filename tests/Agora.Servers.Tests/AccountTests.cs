using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>Passwords, request ids, failed logins, cards: what needs no network.</summary>
public sealed class AccountTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_password_is_salted_and_hashed_with_argon2id_and_verifies()
    {
        using var passwords = new Passwords(new ServerSettings());
        var hash = await passwords.HashAsync("secret", Cancellation);
        Assert.StartsWith("$argon2id$v=19$m=7168,t=5,p=1$", hash, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", hash, StringComparison.Ordinal);
        Assert.NotEqual(hash, await passwords.HashAsync("secret", Cancellation));
        Assert.True(await passwords.VerifyAsync("secret", hash, () => true, Cancellation));
        Assert.False(await passwords.VerifyAsync("Secret", hash, () => true, Cancellation));
        Assert.False(await passwords.VerifyAsync("secret", null, () => true, Cancellation));
        Assert.Null(await passwords.VerifyAsync("secret", hash, () => false, Cancellation));
    }

    // echo -n password | argon2 somesaltsomesalt -id -t 2 -k 19456 -p 1 -l 32 -e
    [Fact]
    public async Task A_hash_of_the_reference_implementation_verifies()
    {
        using var passwords = new Passwords(new ServerSettings());
        const string hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE";
        Assert.True(await passwords.VerifyAsync("password", hash, () => true, Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("secret")]
    [InlineData("$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_stored_hash_of_another_kind_or_cost_is_refused(string hash)
    {
        using var passwords = new Passwords(new ServerSettings());
        await Assert.ThrowsAsync<InvalidDataException>(() => passwords.VerifyAsync("secret", hash, () => true, Cancellation));
    }

    [Fact]
    public async Task More_than_may_wait_for_a_hash_are_told_to_come_back()
    {
        using var passwords = new Passwords(new ServerSettings { MaxHashesWaiting = 1 });
        using var gate = new ManualResetEventSlim();
        // As many as may run at a time, held; one that waits; one too many.
        var running = Enumerable.Range(0, Environment.ProcessorCount)
            .Select(_ => passwords.VerifyAsync("x", null, () => gate.Wait(TimeSpan.FromSeconds(30)), Cancellation))
            .ToArray();
        var waiting = passwords.HashAsync("x", Cancellation);
        await Assert.ThrowsAsync<UnavailableException>(() => passwords.HashAsync("x", Cancellation));
        gate.Set();
        await Task.WhenAll(running);
        await waiting;
    }

    [Fact]
    public void A_request_id_follows_from_function_session_and_key_and_from_nothing_less()
    {
        var id = RequestId.Derive("AddItemToCart", [1, 2, 3], "key");
        Assert.Equal(16, id.Length);
        Assert.Equal(id, RequestId.Derive("AddItemToCart", [1, 2, 3], "key"));
        ByteString[] others =
        [
            RequestId.Derive("SaveCart", [1, 2, 3], "key"),
            RequestId.Derive("AddItemToCart", [1, 2, 4], "key"),
            RequestId.Derive("AddItemToCart", [1, 2, 3], "kez"),
            RequestId.Derive("AddItemToCart", [1, 2], "\u0003key"),
            RequestId.Derive("AddItemToCart\u0001", [2, 3], "key"),
            RequestId.Random(),
            RequestId.Random(),
        ];
        Assert.Equal(others.Length + 1, others.Append(id).Distinct().Count());
    }

    [Fact]
    public void Failed_logins_are_counted_by_username_within_a_window()
    {
        var time = new FakeTimeProvider();
        var failures = new LoginCounts(time, allowed: 3);
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(failures.Wait("eve"));
            failures.Add("eve");
            time.Advance(TimeSpan.FromSeconds(10));
        }
        Assert.Equal(TimeSpan.FromSeconds(30), failures.Wait("eve"));
        Assert.Null(failures.Wait("bob"));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(failures.Wait("eve"));
        failures.Add("eve");
        Assert.Null(failures.Wait("eve"));
    }

    [Fact]
    public void The_table_of_failed_logins_forgets_the_oldest_when_it_is_full()
    {
        var failures = new LoginCounts(new FakeTimeProvider(), allowed: 1);
        for (var i = 0; i <= 10_000; i++)
        {
            failures.Add($"user{i}");
        }
        Assert.Null(failures.Wait("user0"));
        Assert.NotNull(failures.Wait("user1"));
        Assert.NotNull(failures.Wait("user10000"));
    }
}
