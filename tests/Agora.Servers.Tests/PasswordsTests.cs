using System.Net;

namespace Agora.Servers.Tests;

public sealed class PasswordsTests
{
    private static readonly IPAddress s_here = IPAddress.Loopback;

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
        const string hash =
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE";
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
        await Assert.ThrowsAsync<InvalidDataException>(() =>
            passwords.VerifyAsync("secret", hash, () => true, s_here, Cancellation)
        );
    }

    [Fact]
    public async Task More_than_may_wait_for_a_hash_are_told_to_come_back()
    {
        var passwords = new Passwords(new ServerSettings { MaxHashesWaiting = 1 });
        using var gate = new ManualResetEventSlim();
        // All running hashes are held; one call waits; one more is too many.
        var running = Enumerable
            .Range(0, Environment.ProcessorCount)
            .Select(_ =>
                passwords.VerifyAsync("x", null, () => gate.Wait(TimeSpan.FromSeconds(30)), s_here, Cancellation)
            )
            .ToArray();
        var waiting = passwords.HashAsync("x", s_here, Cancellation);
        await Assert.ThrowsAsync<UnavailableException>(() => passwords.HashAsync("x", s_here, Cancellation));
        gate.Set();
        await Task.WhenAll(running);
        await waiting;
    }
}
