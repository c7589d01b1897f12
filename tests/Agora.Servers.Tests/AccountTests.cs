using System.Net;
using Agora.Contracts.Security;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>Passwords, request ids, failed logins, cards: what needs no network.</summary>
public sealed class AccountTests
{
    private static readonly IPAddress s_here = IPAddress.Loopback;
    private static readonly IPAddress s_owner = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_stranger = IPAddress.Parse("203.0.113.66");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_password_is_salted_and_hashed_with_argon2id_and_verifies()
    {
        var passwords = new Passwords(new ServerSettings());
        var hash = await passwords.HashAsync("secret", s_here, Cancellation);
        Assert.StartsWith("$argon2id$v=19$m=7168,t=5,p=1$", hash, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", hash, StringComparison.Ordinal);
        Assert.NotEqual(hash, await passwords.HashAsync("secret", s_here, Cancellation));
        Assert.True(await passwords.VerifyAsync("secret", hash, () => true, s_here, Cancellation));
        Assert.False(await passwords.VerifyAsync("Secret", hash, () => true, s_here, Cancellation));
        Assert.False(await passwords.VerifyAsync("secret", null, () => true, s_here, Cancellation));
        Assert.Null(await passwords.VerifyAsync("secret", hash, () => false, s_here, Cancellation));
    }

    // echo -n password | argon2 somesaltsomesalt -id -t 2 -k 19456 -p 1 -l 32 -e
    [Fact]
    public async Task A_hash_of_the_reference_implementation_verifies()
    {
        var passwords = new Passwords(new ServerSettings());
        const string hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE";
        Assert.True(await passwords.VerifyAsync("password", hash, () => true, s_here, Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("secret")]
    [InlineData("$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_stored_hash_of_another_kind_or_cost_is_refused(string hash)
    {
        var passwords = new Passwords(new ServerSettings());
        await Assert.ThrowsAsync<InvalidDataException>(() => passwords.VerifyAsync("secret", hash, () => true, s_here, Cancellation));
    }

    [Fact]
    public async Task More_than_may_wait_for_a_hash_are_told_to_come_back()
    {
        var passwords = new Passwords(new ServerSettings { MaxHashesWaiting = 1 });
        using var gate = new ManualResetEventSlim();
        // As many as may run at a time, held; one that waits; one too many.
        var running = Enumerable.Range(0, Environment.ProcessorCount)
            .Select(_ => passwords.VerifyAsync("x", null, () => gate.Wait(TimeSpan.FromSeconds(30)), s_here, Cancellation))
            .ToArray();
        var waiting = passwords.HashAsync("x", s_here, Cancellation);
        await Assert.ThrowsAsync<UnavailableException>(() => passwords.HashAsync("x", s_here, Cancellation));
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
    public void Failed_logins_are_counted_by_username_and_client_within_a_window()
    {
        var time = new FakeTimeProvider();
        var failures = new LoginCounts(time, allowed: 3);
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(failures.Wait("eve", s_owner));
            failures.Add("eve", s_owner);
            time.Advance(TimeSpan.FromSeconds(10));
        }
        Assert.Equal(TimeSpan.FromSeconds(30), failures.Wait("eve", s_owner));
        Assert.Null(failures.Wait("bob", s_owner));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(failures.Wait("eve", s_owner));
        failures.Add("eve", s_owner);
        Assert.Null(failures.Wait("eve", s_owner));
    }

    [Fact]
    public void A_stranger_who_guesses_locks_out_himself_and_not_the_owner()
    {
        var failures = new LoginCounts(new FakeTimeProvider(), allowed: 3);
        while (failures.Wait("eve", s_stranger) is null)
        {
            failures.Add("eve", s_stranger);
        }
        Assert.Null(failures.Wait("eve", s_owner));
    }

    [Fact]
    public void Guesses_from_many_addresses_are_bounded_too()
    {
        var failures = new LoginCounts(new FakeTimeProvider(), allowed: 3);
        var guesses = 0;
        for (var i = 0; i < 250; i++)
        {
            IPAddress address = new([203, 0, 113, (byte)i]);
            while (failures.Wait("eve", address) is null)
            {
                failures.Add("eve", address);
                guesses++;
            }
        }
        Assert.Equal(3 * LoginCounts.AllClients, guesses);
        Assert.Null(failures.Wait("bob", s_stranger));
    }

    [Fact]
    public void The_table_of_failed_logins_forgets_the_oldest_when_it_is_full()
    {
        var failures = new MinuteCounts<string>(new FakeTimeProvider(), allowed: 1);
        for (var i = 0; i <= 10_000; i++)
        {
            failures.Add($"user{i}");
        }
        Assert.Null(failures.Wait("user0"));
        Assert.NotNull(failures.Wait("user1"));
        Assert.NotNull(failures.Wait("user10000"));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    [InlineData("::1", "::1")]
    public void Addresses_that_one_client_has_all_of_count_as_one(string address, string client) =>
        Assert.Equal(IPAddress.Parse(client), ClientAddress.Of(IPAddress.Parse(address)));

    [Fact]
    public async Task A_flood_of_one_client_keeps_nobody_else_from_logging_in()
    {
        FairTurns turns = new(atOnce: 1, maxWaiting: 8);
        await turns.EnterAsync(s_stranger, Cancellation);
        List<Task> flood = [];
        for (var i = 0; i < 4; i++)
        {
            flood.Add(turns.EnterAsync(s_stranger, Cancellation));
        }

        // Half of the places, and no more.
        await Assert.ThrowsAsync<TooManyWaitingException>(() => turns.EnterAsync(s_stranger, Cancellation));

        // Whoever comes later, and from elsewhere, does not stand behind all of it.
        var owner = turns.EnterAsync(s_owner, Cancellation);
        turns.Leave();
        await flood[0];
        turns.Leave();
        await owner;
        Assert.All(flood.Skip(1), waits => Assert.False(waits.IsCompleted));
    }

    [Fact]
    public async Task When_too_many_wait_the_client_with_most_of_them_gives_way()
    {
        FairTurns turns = new(atOnce: 1, maxWaiting: 4);
        await turns.EnterAsync(s_here, Cancellation);
        var proxy = Enumerable.Range(0, 4).Select(_ => turns.EnterAsync(s_here, Cancellation)).ToArray();
        await Assert.ThrowsAsync<UnavailableException>(() => turns.EnterAsync(s_here, Cancellation));

        var owner = turns.EnterAsync(s_owner, Cancellation);

        await Assert.ThrowsAsync<UnavailableException>(() => proxy[3]);
        Assert.All(proxy.Take(3), waits => Assert.False(waits.IsCompleted));
        var second = turns.EnterAsync(s_owner, Cancellation);
        await Assert.ThrowsAsync<UnavailableException>(() => proxy[2]);
        await Assert.ThrowsAsync<UnavailableException>(() => turns.EnterAsync(s_here, Cancellation));
        for (var i = 0; i < 4; i++)
        {
            turns.Leave();
        }
        await Task.WhenAll(owner, second, proxy[0], proxy[1]);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_takes_nobodys_turn()
    {
        FairTurns turns = new(atOnce: 1, maxWaiting: 8);
        await turns.EnterAsync(s_owner, Cancellation);
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var gone = turns.EnterAsync(s_stranger, impatient.Token);
        var patient = turns.EnterAsync(s_owner, Cancellation);

        await impatient.CancelAsync();
        await Assert.ThrowsAsync<UnavailableException>(() => gone);
        turns.Leave();

        await patient;
        turns.Leave();
        await turns.EnterAsync(s_stranger, Cancellation);
    }

    [Fact]
    public void What_is_refused_again_and_again_is_told_once_with_its_number()
    {
        var time = new FakeTimeProvider();
        List<string> lines = [];
        using (RefusalLog log = new(time, lines.Add))
        {
            for (var i = 0; i < 1000; i++)
            {
                log.Count("Login answers 503", "203.0.113.66");
            }
            log.Count("Login answers 503", "192.0.2.1");
            log.Count("Search answers 429", "192.0.2.1");
            Assert.Empty(lines);
            time.Advance(RefusalLog.Interval);
            Assert.Equal(
                ["1001 in 5 s: Login answers 503 (203.0.113.66: 1000, 192.0.2.1: 1)", "1 in 5 s: Search answers 429 (192.0.2.1: 1)"], lines);
            time.Advance(RefusalLog.Interval);
            Assert.Equal(2, lines.Count);

            // However many there are, what is kept and what is told stay small.
            for (var i = 0; i < 100_000; i++)
            {
                log.Count("Login answers 503", $"2001:db8::{i:x}");
            }
        }
        Assert.StartsWith("100000 in 5 s: Login answers 503 (others: 99900, ", lines[^1], StringComparison.Ordinal);
        Assert.InRange(lines[^1].Length, 1, 200);
    }
}
