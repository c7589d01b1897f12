using System.Net;
using Agora.Contracts.Customers;

namespace Agora.Servers;

/// <summary>CreateAccount, Login and Logout, the same for sellers and buyers.</summary>
internal sealed class AccountFunctions(CustomersDatabase customers, Passwords passwords, RateLimits limits)
{
    public async Task<(long AccountId, Refusal?)> CreateAsync(Call call)
    {
        var body = await call.BodyAsync();
        var username = body.Username("username");
        var create = new CreateAccount
        {
            Role = call.Role,
            Name = body.Name("name"),
            Username = username.Written,
            UsernameKey = username.Key,
        };
        var password = body.NewPassword("password");
        if (body.Refusal is { } invalid)
        {
            return (0, invalid);
        }

        var client = ClientAddress.Of(call.Http);
        try
        {
            create.PasswordHash = await passwords.HashAsync(password, client, call.Deadline);
            var reply = await customers.ExecuteAsync(
                call,
                call.RequestId(username.Key),
                new CustomersCommand { CreateAccount = create },
                body
            );
            return reply.Error != CustomersError.None ? (0, Refusal.Of(reply.Error))
                : reply.Replayed && await CheckPasswordOfRepeatAsync(call, username.Key, password, client) is { } other
                    ? (0, other)
                : (reply.AccountCreated.AccountId, null);
        }
        catch (TooManyWaitingException)
        {
            return (0, TooManyWaiting());
        }
    }

    // A fingerprint must reveal nothing of a password, so the password is compared with the hash that the first call
    // stored. Guesses are limited as at Login.
    private async Task<Refusal?> CheckPasswordOfRepeatAsync(
        Call call,
        string username,
        string password,
        IPAddress client
    )
    {
        if (WaitTime(username, client) is { } wait)
        {
            return TooMany(wait);
        }

        var account = await customers.GetCredentialsAsync(
            new() { Role = call.Role, UsernameKey = username },
            call.Deadline
        );
        if (await passwords.VerifyAsync(password, account.PasswordHash, () => true, client, call.Deadline) is true)
        {
            return null;
        }

        limits.FailedLogins.Add(username, client);
        return Refusal.KeyReused;
    }

    /// <summary>
    /// Begins a session. The Idempotency-Key is not used. A repeat gets a new token, since no server knows the first
    /// one; the session whose token is lost ends when it has been idle for five minutes.
    /// </summary>
    public async Task<((string Token, long AccountId), Refusal?)> LoginAsync(Call call)
    {
        var body = await call.BodyAsync();
        var username = body.Username("username").Key;
        var password = body.Password("password");
        if (body.Refusal is { } invalid)
        {
            return (default, invalid);
        }

        var client = ClientAddress.Of(call.Http);
        if (WaitTime(username, client) is { } wait)
        {
            return (default, TooMany(wait));
        }

        limits.Logins?.Add(username, client);
        var account = await customers.GetCredentialsAsync(
            new() { Role = call.Role, UsernameKey = username },
            call.Deadline
        );
        bool? correct;
        try
        {
            correct = await passwords.VerifyAsync(
                password,
                account.Found ? account.PasswordHash : null,
                () => limits.FailedLogins.Wait(username, client) is null,
                client,
                call.Deadline
            );
        }
        catch (TooManyWaitingException)
        {
            return (default, TooManyWaiting());
        }

        if (correct is null)
        {
            return (default, TooMany(WaitTime(username, client) ?? TimeSpan.Zero));
        }

        if (correct is false)
        {
            limits.FailedLogins.Add(username, client);
            return (default, Refusal.WrongCredentials);
        }

        var (token, hash) = Call.NewToken(account.AccountId);
        var open = new OpenSession
        {
            Role = call.Role,
            AccountId = account.AccountId,
            TokenHash = hash,
        };
        var reply = await customers.ExecuteAsync(
            RequestIds.Random(),
            new CustomersCommand { OpenSession = open },
            call.Deadline
        );
        return reply.Error != CustomersError.None
            ? (default, Refusal.Of(reply.Error))
            : ((token, account.AccountId), null);
    }

    public async Task<Refusal?> LogoutAsync(Call call)
    {
        var close = new CustomersCommand { CloseSession = new() { Session = call.Session } };
        var reply = await customers.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), close, null);
        return reply.Error != CustomersError.None ? Refusal.Of(reply.Error) : null;
    }

    private TimeSpan? WaitTime(string username, IPAddress client) =>
        limits.FailedLogins.Wait(username, client) ?? limits.Logins?.Wait(username, client);

    private static Refusal TooManyWaiting() =>
        Refusal.TooManyRequests(
            TimeSpan.FromSeconds(1),
            "Too many logins from this address are waiting. Wait a while, then send fewer at a time."
        );

    private static Refusal TooMany(TimeSpan wait) =>
        Refusal.TooManyRequests(wait, "Too many logins on this account. Wait a while, then try again.");
}
